import { readTextIfPresent, writeAtomic } from '../files';
import { findModel } from '../models';
import { type FilePrediction, openPredictor, predictFiles } from '../prediction';
import type { Task } from '../tasks';
import type { TrainingWatch } from '../training';
import type { Workspace } from '../workspace';
import { type BatchWatch, waitForBatch } from './batches';
import { newBatch, type PredictionsJob } from './job';
import type { Queue } from './queue';

/** A second's work or some: what a killed worker loses, and often enough to share out. */
const picturesPerJob = 256;

/** Which pictures to predict, and with what. */
export interface PredictionsRequest extends Pick<PredictionsJob, 'files' | 'variant'> {
  readonly workspace: Workspace;
  readonly task: Task;
  /** A run's model instead of the current one; whichever it is, all parts have the same. */
  readonly run?: string;
}

/** A batch of pictures, in so many jobs. */
export interface SentPredictions {
  readonly batch: string;
  readonly parts: number;
}

/**
 * Sends pictures to be predicted by workers, who must find them under the same names.
 *
 * @throws NO_MODEL, JOBS_AWAY
 */
export async function sendPredictions(
  queue: Queue,
  { workspace, task, run, files, variant }: PredictionsRequest,
): Promise<SentPredictions> {
  const { card } = await findModel(workspace, task.name, run);
  const batch = newBatch(task.name, 'predictions');
  const parts = Math.ceil(files.length / picturesPerJob);
  const jobs = Array.from({ length: parts }, (_, index) => ({
    job: {
      kind: 'predictions' as const,
      batch,
      task: task.name,
      run: card.runId,
      part: index + 1,
      files: files.slice(index * picturesPerJob, (index + 1) * picturesPerJob),
      ...(variant && { variant }),
    },
  }));
  await queue.send(jobs);
  return { batch, parts };
}

/** What a part of a batch came to; undefined as long as it is not done. */
async function readPart(workspace: Workspace, batch: string, part: number): Promise<FilePrediction[] | undefined> {
  const text = await readTextIfPresent(workspace.predictions(batch, part));
  return text
    ?.split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/**
 * Waits for predictions that were sent, and gives them part by part, in order.
 *
 * @returns whether all came; not where the signal ended the waiting
 * @throws as `waitForBatch`
 */
export function waitForPredictions(
  workspace: Workspace,
  queue: Queue,
  { batch, parts, onPart, ...watch }: SentPredictions & BatchWatch & { readonly onPart: (predictions: FilePrediction[]) => void },
): Promise<boolean> {
  let next = 1;
  const look = async (): Promise<boolean> => {
    for (let part: FilePrediction[] | undefined; next <= parts; next++) {
      part = await readPart(workspace, batch, next);
      if (!part) return false;
      onPart(part);
    }
    return true;
  };
  return waitForBatch(queue, batch, { ...watch, look });
}

/** Predicts a part of a batch. @returns how many pictures there were, and how many could not be read */
export async function predictPart(
  workspace: Workspace,
  { batch, task, run, variant, part, files }: PredictionsJob,
  { onProgress, signal }: TrainingWatch,
): Promise<{ readonly pictures: number; readonly unreadable: number }> {
  const done = await readPart(workspace, batch, part);
  if (done) return summaryOf(done);
  const predictor = await openPredictor(workspace, task, { run, ...(variant && { variant }) });
  try {
    const predictions = await predictFiles(predictor, files, (progress) => {
      signal?.throwIfAborted();
      onProgress?.(progress);
    });
    await writeAtomic(workspace.predictions(batch, part), predictions.map((one) => `${JSON.stringify(one)}\n`).join(''));
    return summaryOf(predictions);
  } finally {
    await predictor.release();
  }
}

function summaryOf(predictions: readonly FilePrediction[]): { readonly pictures: number; readonly unreadable: number } {
  return { pictures: predictions.length, unreadable: predictions.filter((one) => 'error' in one).length };
}
