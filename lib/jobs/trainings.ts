import { readDataset } from '../data';
import { findTask, type SettingsOverrides, settingsFor, type Task } from '../tasks';
import { promoteTrained, type TrainingWatch, type TrainOptions, trainTask } from '../training';
import type { Workspace } from '../workspace';
import { type BatchWatch, waitForBatch } from './batches';
import { newBatch, type TrainingJob } from './job';
import type { Queue } from './queue';

/** What a training came to: its runs, and the one whose model is the current one now. */
export interface Trained {
  readonly runs: readonly string[];
  readonly current: string;
}

/**
 * Sends a training to be done by a worker, with all its settings.
 *
 * @returns the batch, of this one job
 * @throws what `readDataset` throws, BAD_SETTINGS, JOBS_AWAY
 */
export async function sendTraining(
  queue: Queue,
  { workspace, task, overrides, weightsFile }: Pick<TrainOptions, 'workspace' | 'task' | 'overrides' | 'weightsFile'>,
): Promise<string> {
  const { card } = await readDataset(workspace, task);
  const settings: Record<string, unknown> = settingsFor(task as Task, card, overrides);
  const batch = newBatch(task.name, 'training');
  await queue.send([{ job: { kind: 'training', batch, task: task.name, settings, ...(weightsFile && { weightsFile }) } }]);
  return batch;
}

/** Waits for a training that was sent. @returns undefined where the signal ended the waiting. @throws as `waitForBatch` */
export async function waitForTraining(queue: Queue, batch: string, watch: BatchWatch): Promise<Trained | undefined> {
  if (!(await waitForBatch(queue, batch, watch))) return undefined;
  const [job] = await queue.list(batch);
  return job!.output as Trained;
}

/**
 * Trains as a job says. Where it was begun before, it begins anew; only one that came to its end becomes the current model.
 *
 * @returns undefined where the signal stopped it
 */
export async function train(
  workspace: Workspace,
  { task: taskName, settings, weightsFile }: TrainingJob,
  watch: TrainingWatch,
): Promise<Trained | undefined> {
  const task = findTask(taskName);
  const overrides = settings as SettingsOverrides;
  const outcome = await trainTask({ workspace, task, overrides, promotes: false, ...(weightsFile && { weightsFile }), ...watch });
  if (outcome.interrupted) return undefined;
  await promoteTrained(workspace, task, outcome.runs.find(({ id }) => id === outcome.current)!);
  return { runs: outcome.runs.map(({ id }) => id), current: outcome.current };
}
