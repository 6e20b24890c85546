import { type Dataset, readDataset } from '../data';
import { type PredictedSplit, predictedSplits, readPredictions } from '../experiments';
import { findModel } from '../models';
import { type Settings, type SettingsOverrides, settingsFor, type Task } from '../tasks';
import { judgingOf } from '../training';
import type { Workspace } from '../workspace';
import { type JudgedPictures, judgePictures } from './judged';

/** A run, and what its model says of the pictures that it has not learnt from. */
export interface RunErrors {
  readonly run: string;
  readonly dataset: Dataset;
  readonly settings: Settings;
  readonly judged: Readonly<Record<PredictedSplit, JudgedPictures>>;
}

/**
 * Opens what a run's model got right and wrong, of the task's current model by default.
 *
 * @throws NO_MODEL, NO_PREDICTIONS, RUN_UNREADABLE, PICTURES_GONE, and what `readDataset` throws
 */
export async function openErrors(
  workspace: Workspace,
  task: Task,
  { run, overrides }: { readonly run?: string; readonly overrides?: SettingsOverrides } = {},
): Promise<RunErrors> {
  const { card } = await findModel(workspace, task.name, run);
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task, dataset.card, overrides);
  const predictions = await readPredictions(workspace, card.runId);
  const [validation, test] = predictedSplits.map((split) => judgePictures(dataset, predictions[split], judgingOf(task, settings)));
  return { run: card.runId, dataset, settings, judged: { validation: validation!, test: test! } };
}
