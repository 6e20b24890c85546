import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Bucket, bringContents, bringFile, bringFolder, type Exchange, fileIn, sendContents, sendFile } from '../bucket';
import { readTextIfPresent, writeAtomic } from '../files';
import { findModel, findVariant, type ModelCard, modelFiles } from '../models';
import { type FilePrediction, openPredictor, predictFiles } from '../prediction';
import type { Task } from '../tasks';
import type { TrainingWatch } from '../training';
import { pathFromHome, type Workspace } from '../workspace';
import { type BatchWatch, waitForBatch } from './batches';
import { NotInBucket } from './errors';
import { newBatch, type PredictionsJob } from './job';
import type { Queue } from './queue';

/** A second's work or some: what a killed worker loses, and often enough to share out. */
const picturesPerJob = 256;

/** Which pictures to predict, and with what. */
export interface PredictionsRequest extends Pick<PredictionsJob, 'files' | 'variant'>, Pick<TrainingWatch, 'onProgress'> {
  readonly workspace: Workspace;
  readonly task: Task;
  /** A run's model instead of the current one; whichever it is, all parts have the same. */
  readonly run?: string;
  /** By way of which pictures and model go to the workers, where they share no folder. */
  readonly bucket?: Bucket;
}

/** A batch of pictures, in so many jobs. */
export interface SentPredictions {
  readonly batch: string;
  readonly parts: number;
}

/**
 * Sends pictures to be predicted by workers, who must find them under the same names, or in a bucket.
 *
 * @throws NO_MODEL, NO_VARIANT, JOBS_AWAY, what a bucket throws
 */
export async function sendPredictions(
  queue: Queue,
  { workspace, task, run, files, variant, bucket, onProgress }: PredictionsRequest,
): Promise<SentPredictions> {
  const { card } = await findModel(workspace, task.name, run);
  const model = bucket && (await sendModel(bucket, workspace, card, variant));
  const pictures = bucket && (await sendPictures(bucket, files, onProgress));
  const batch = newBatch(task.name, 'predictions');
  const parts = Math.ceil(files.length / picturesPerJob);
  const jobs = Array.from({ length: parts }, (_, index) => {
    const [first, end] = [index * picturesPerJob, (index + 1) * picturesPerJob];
    const contents = model && pictures && { model, pictures: pictures.slice(first, end) };
    return {
      job: {
        kind: 'predictions' as const,
        batch,
        task: task.name,
        run: card.runId,
        part: index + 1,
        files: files.slice(first, end),
        ...(variant && { variant }),
        ...(contents && { contents }),
      },
    };
  });
  await queue.send(jobs);
  return { batch, parts };
}

type Contents = NonNullable<PredictionsJob['contents']>;

/** Sends a model as it is now: a calibration may change its card later. */
async function sendModel(
  bucket: Bucket,
  workspace: Workspace,
  card: ModelCard,
  variant: PredictionsJob['variant'] = undefined,
): Promise<Contents['model']> {
  const files = [modelFiles(workspace, card.task, card.runId).card, findVariant(workspace, card, variant ?? 'float32')];
  const hashes = await sendContents(bucket, files);
  return files.map((file, index) => ({ path: pathFromHome(workspace, file), sha256: hashes[index]! }));
}

async function sendPictures(
  bucket: Bucket,
  files: readonly string[],
  onProgress: TrainingWatch['onProgress'],
): Promise<Contents['pictures']> {
  const areFiles = await Promise.all(
    files.map((file) =>
      stat(file).then(
        (found) => found.isFile(),
        () => false,
      ),
    ),
  );
  const present = files.filter((_, index) => areFiles[index]);
  const hashes = await sendContents(bucket, present, onProgress);
  const hashOf = new Map(present.map((file, index) => [file, hashes[index]!]));
  return files.map((file) => hashOf.get(file) ?? null);
}

/** What a part of a batch came to; undefined as long as it is not done. */
async function readPart(workspace: Workspace, batch: string, part: number): Promise<FilePrediction[] | undefined> {
  const text = await readTextIfPresent(workspace.predictions(batch, part));
  return text
    ?.split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Predictions that are waited for. */
export interface AwaitedPredictions extends SentPredictions, BatchWatch, Pick<PredictionsRequest, 'bucket'> {
  readonly onPart: (predictions: FilePrediction[]) => void;
}

/** Brings what workers have said so far. @returns the folder where it is */
export async function bringPredictions(bucket: Bucket, workspace: Workspace, batch: string): Promise<string> {
  const folder = path.dirname(workspace.predictions(batch, 1));
  await bringFolder(bucket, workspace, folder);
  return folder;
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
  { batch, parts, bucket, onPart, ...watch }: AwaitedPredictions,
): Promise<boolean> {
  let next = 1;
  const look = async (): Promise<boolean> => {
    if (bucket) await bringPredictions(bucket, workspace, batch);
    for (let part: FilePrediction[] | undefined; next <= parts; next++) {
      part = await readPart(workspace, batch, next);
      if (!part) return false;
      onPart(part);
    }
    return true;
  };
  return waitForBatch(queue, batch, { ...watch, look });
}

/** What a part of a batch came to, in numbers. */
interface PartSummary {
  readonly pictures: number;
  readonly unreadable: number;
}

/** Predicts a part of a batch. @returns how many pictures there were, and how many could not be read */
export async function predictPart(workspace: Workspace, job: PredictionsJob, watch: TrainingWatch): Promise<PartSummary> {
  const done = await readPart(workspace, job.batch, job.part);
  if (done) return summaryOf(done);
  const predictions = await predictAll(workspace, job, job.files, watch);
  await writePart(workspace, job, predictions);
  return summaryOf(predictions);
}

/** The same of pictures and a model that are in a bucket, where the result goes too. @throws NOT_IN_BUCKET, what a bucket throws */
export async function predictPartInBucket({ bucket, desk }: Exchange, job: PredictionsJob, watch: TrainingWatch): Promise<PartSummary> {
  const { batch, part, files, contents } = job;
  if (!contents) throw NotInBucket(batch);
  const result = desk.predictions(batch, part);
  if (await bringFile(bucket, desk, result)) return summaryOf((await readPart(desk, batch, part))!);
  const folder = path.join(desk.uploads, `${batch}-${part}`);
  const brought = contents.pictures.map((hash, index) => (hash === null ? files[index]! : path.join(folder, hash)));
  try {
    await bringContents(bucket, [
      ...contents.model.map((one) => ({ file: fileIn(desk.home, one.path, `the job ${batch}`), sha256: one.sha256 })),
      ...contents.pictures.flatMap((hash) => (hash === null ? [] : [{ file: path.join(folder, hash), sha256: hash }])),
    ]);
    const found = await predictAll(desk, job, brought, watch);
    const predictions = found.map((one, index) => renamed(one, files[index]!));
    await writePart(desk, job, predictions);
    await sendFile(bucket, desk, result);
    return summaryOf(predictions);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A prediction under the name that its file has where it came from. */
function renamed(prediction: FilePrediction, file: string): FilePrediction {
  return 'error' in prediction ? { file, error: prediction.error.replaceAll(prediction.file, file) } : { ...prediction, file };
}

async function predictAll(
  workspace: Workspace,
  { task, run, variant }: PredictionsJob,
  files: readonly string[],
  { onProgress, signal }: TrainingWatch,
): Promise<FilePrediction[]> {
  const predictor = await openPredictor(workspace, task, { run, ...(variant && { variant }) });
  try {
    return await predictFiles(predictor, files, (progress) => {
      signal?.throwIfAborted();
      onProgress?.(progress);
    });
  } finally {
    await predictor.release();
  }
}

async function writePart(workspace: Workspace, { batch, part }: PredictionsJob, predictions: readonly FilePrediction[]): Promise<void> {
  await writeAtomic(workspace.predictions(batch, part), predictions.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

function summaryOf(predictions: readonly FilePrediction[]): PartSummary {
  return { pictures: predictions.length, unreadable: predictions.filter((one) => 'error' in one).length };
}
