import { type Bucket, bringDataset, bringRuns, type Exchange, sendDataset, sendRun } from '../bucket';
import { readDataset } from '../data';
import { readRun } from '../experiments';
import { findTask, type SettingsOverrides, settingsFor, type Task } from '../tasks';
import { promoteTrained, type TrainingWatch, type TrainOptions, trainTask, weightsToBegin } from '../training';
import type { Workspace } from '../workspace';
import { type BatchWatch, waitForBatch } from './batches';
import { newBatch, type TrainingJob } from './job';
import type { Queue } from './queue';
import { bringWeights, sendWeights } from './weights';

/** What a training came to: its runs, and the one whose model is the current one now. */
export interface Trained {
  readonly runs: readonly string[];
  readonly current: string;
}

/** What to train, and by way of which bucket where workers share no folder. */
export interface TrainingToSend extends Pick<TrainOptions, 'workspace' | 'task' | 'overrides' | 'weightsFile' | 'onProgress'> {
  readonly bucket?: Bucket;
}

/**
 * Sends a training to be done by a worker, with all its settings, from the weights that it would begin with here.
 *
 * @returns the batch, of this one job
 * @throws what `readDataset` and `weightsToBegin` throw, BAD_SETTINGS, JOBS_AWAY, what a bucket throws
 */
export async function sendTraining(
  queue: Queue,
  { workspace, task, overrides, weightsFile, bucket, onProgress }: TrainingToSend,
): Promise<string> {
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task as Task, dataset.card, overrides);
  const named = weightsFile !== undefined && { weightsFile };
  const found = await weightsToBegin({ workspace, task, settings, ...named, ...(onProgress && { onProgress }) });
  const batch = newBatch(task.name, 'training');
  if (bucket) await sendDataset(bucket, workspace, task, dataset, onProgress);
  if (bucket) await sendWeights(bucket, found);
  const { source, sha256 } = found.origin;
  const job = { kind: 'training' as const, batch, task: task.name, settings: { ...settings }, dataset: dataset.fingerprint };
  await queue.send([{ job: { ...job, ...named, weights: { source, sha256 } } }]);
  return batch;
}

/** Where a training is waited for. */
export interface AwaitedTraining extends BatchWatch, Pick<TrainingToSend, 'workspace' | 'bucket'> {
  readonly batch: string;
}

/** Waits for a training that was sent, and brings it home. @returns undefined where the signal ended the waiting. @throws as `waitForBatch`, what a bucket throws */
export async function waitForTraining(queue: Queue, { workspace, bucket, batch, ...watch }: AwaitedTraining): Promise<Trained | undefined> {
  if (!(await waitForBatch(queue, batch, watch))) return undefined;
  const [job] = await queue.list(batch);
  const trained = job!.output as Trained;
  if (bucket) await bringTrained(bucket, workspace, trained);
  return trained;
}

/** Brings the runs of a training from a bucket. Its model becomes the current one with that, and not once more when it is brought again. */
export async function bringTrained(bucket: Bucket, workspace: Workspace, { runs, current }: Trained): Promise<void> {
  const came: string[] = [];
  for (const run of runs) came.push(...(await bringRuns(bucket, workspace, run, { withFiles: true })));
  if (!came.includes(current)) return;
  const run = await readRun(workspace, current);
  await promoteTrained(workspace, findTask(run.task), run);
}

/**
 * Trains as a job says. Where it was begun before, it begins anew; only one that came to its end becomes the current model, in the folder that machines
 * share or where it is brought home.
 *
 * @returns undefined where the signal stopped it
 * @throws what `trainTask` and a bucket throw: WEIGHTS_ELSEWHERE where this machine lacks the weights
 */
export async function train(
  workspace: Workspace,
  job: TrainingJob,
  watch: TrainingWatch,
  exchange: Exchange | undefined,
): Promise<Trained | undefined> {
  const task = findTask(job.task);
  const overrides = job.settings as SettingsOverrides;
  const place = exchange ? await bringDataset(exchange.bucket, exchange.desk, task.name, job.dataset, watch.onProgress) : workspace;
  const weightsFile = exchange ? await bringWeights(exchange, job.weightsFile, job.weights) : job.weightsFile;
  const outcome = await trainTask({
    workspace: place,
    task,
    overrides,
    promotes: false,
    exactWeights: job.weights,
    ...(weightsFile !== undefined && { weightsFile }),
    ...watch,
  });
  if (outcome.interrupted) return undefined;
  const { runs, current } = outcome;
  if (exchange) for (const run of runs) await sendRun(exchange.bucket, place, run);
  else await promoteTrained(workspace, task, runs.find(({ id }) => id === current)!);
  return { runs: runs.map(({ id }) => id), current };
}
