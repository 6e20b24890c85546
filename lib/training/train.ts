import { renewModelCards } from '../cards';
import { balanceClasses, type Dataset, type LabelledPicture, picturesBySplit, readDataset } from '../data';
import { loadTensorFlow } from '../engine';
import type { RunRecord } from '../experiments';
import { announceModel } from '../mlflow';
import { assignWeights, buildClassifier, type FoundWeights, findWeights, promote, type WeightsIdentity } from '../models';
import { areCollageSettings, type Settings, type SettingsOverrides, settingsFor, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import type { PicturesBySplit } from './examples';
import { runStage, type TrainingContext, type TrainingWatch } from './stage';

/** How to train a task. */
export interface TrainOptions extends TrainingWatch {
  readonly workspace: Workspace;
  readonly task: Task;
  readonly overrides?: SettingsOverrides;
  /** The backbone's weights, as `.h5`, `.keras` or `.weights.h5`; without it the official ones, downloaded once, or what a package brings. */
  readonly weightsFile?: string;
  /** The very weights to begin with, where it was decided elsewhere: no others are taken instead. */
  readonly exactWeights?: WeightsIdentity;
  /** Whether the best stage's model becomes the task's current one: so by default. An experiment that only asks a question says no. */
  readonly promotes?: boolean;
}

export interface TrainOutcome {
  /** A record a stage, in order. */
  readonly runs: readonly Readonly<RunRecord>[];
  /** The run with the lowest validation loss, whose model the task uses from now on if it was promoted. */
  readonly current: string;
  readonly interrupted: boolean;
}

/**
 * Trains a task on the prepared data set, stage by stage as its recipe says, and makes the best stage's model the current one, unless told not to. Every stage has
 * its own run record and model.
 *
 * @throws the signal's reason when it stopped training before there was anything to save; DATASET_MISSING and what else `readDataset` throws, BAD_SETTINGS, WEIGHTS_MISMATCH and what else `findWeights` throws
 */
export async function trainTask({ overrides, promotes = true, ...beginning }: TrainOptions): Promise<TrainOutcome> {
  const { workspace, task, signal } = beginning;
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task, dataset.card, overrides);
  const context = await beginTraining({ ...beginning, settings, dataset });
  try {
    const pictures = trainingPictures(dataset, task, settings);
    const runs: Readonly<RunRecord>[] = [];
    for (const stage of settings.stages) {
      const parent = runs.at(-1)?.id;
      const request = { stage, pictures, prepareFor: settings.stages, patience: settings.patience, ...(parent && { parent }) };
      try {
        runs.push(await runStage(context, request));
      } catch (error) {
        // Stopped before this stage learnt anything: the stages before it count.
        if (!signal?.aborted || runs.length === 0) throw error;
      }
      if (signal?.aborted) break;
    }
    const validationLoss = (run: Readonly<RunRecord>): number => run.metrics.validation?.loss ?? Number.POSITIVE_INFINITY;
    const best = runs.reduce((lowest, run) => (validationLoss(run) < validationLoss(lowest) ? run : lowest));
    const current = best.id;
    if (promotes) await promoteTrained(workspace, task, best);
    return { runs, current, interrupted: signal?.aborted ?? false };
  } finally {
    context.classifier.model.dispose();
  }
}

/** Makes the best stage's model the task's current one, and says so in the models' cards and to MLflow. */
export async function promoteTrained(workspace: Workspace, task: Task, { id, stage }: Pick<RunRecord, 'id' | 'stage'>): Promise<void> {
  await promote(workspace, task.name, id, `trained: the ${stage} stage has the lowest validation loss`);
  announceModel(workspace, task.name);
  await renewModelCards(workspace, task);
}

/** What a training begins with. */
export interface TrainingBeginning extends TrainingWatch, Pick<TrainOptions, 'workspace' | 'task' | 'weightsFile' | 'exactWeights'> {
  readonly settings: Settings;
  readonly dataset: Dataset;
  /** Whether Keras' official weights are looked for, and downloaded once: so by default. */
  readonly official?: boolean;
}

/**
 * Makes a training ready for its first stage: a classifier with the backbone's weights and a head drawn from the seed. The caller disposes the
 * classifier's model.
 *
 * @throws WEIGHTS_MISMATCH and what else `findWeights` throws
 */
export async function beginTraining(beginning: TrainingBeginning): Promise<TrainingContext> {
  const { weightsFile: _, exactWeights: __, official: ___, dataset, ...shared } = beginning;
  const { task, settings } = shared;
  const engine = await loadTensorFlow();
  const { backbone, origin: weights, name, read } = await weightsToBegin(beginning);
  const { dropout, hiddenLayers } = settings;
  const classifier = buildClassifier(engine.tf, { ...task, backbone, dropout, ...(hiddenLayers && { hiddenLayers }) }, settings.seed);
  try {
    assignWeights(engine.tf, classifier.backbone, await read(engine.tf), name);
  } catch (error) {
    classifier.model.dispose();
    throw error;
  }
  return { ...shared, engine, classifier, weights, data: describeData(dataset) };
}

/** The weights that a training would begin with; nothing is read yet. @throws what `findWeights` throws */
export function weightsToBegin({
  workspace,
  task,
  settings,
  weightsFile,
  exactWeights,
  official: takesOfficial = true,
  onProgress,
  signal,
}: Omit<TrainingBeginning, 'dataset'>): Promise<FoundWeights> {
  const official = { imageSize: task.imageSize, folder: workspace.weights, ...(onProgress && { onProgress }), ...(signal && { signal }) };
  return findWeights(settings.backbone, task.backbone, {
    ...workspace,
    ...(takesOfficial && { official }),
    ...(weightsFile && { file: weightsFile }),
    ...(exactWeights && { exact: exactWeights }),
  });
}

/** The pictures of a training, those to learn from as often as each counts. */
export function trainingPictures(dataset: Dataset, task: Task, settings: Settings): PicturesBySplit {
  const splits = picturesBySplit(dataset);
  return { ...splits, train: balancePictures(splits.train, task, settings) };
}

/** Training pictures as often as each counts, where a task wants so many of each class. */
export function balancePictures(pictures: readonly LabelledPicture[], { classes }: Task, settings: Settings): readonly LabelledPicture[] {
  if (areCollageSettings(settings)) return pictures;
  const labels = pictures.map((picture) => picture.labels.indexOf(1));
  return Array.from(balanceClasses(labels, classes.length, settings.perClass, settings.seed).used, (index) => pictures[index]!);
}

/** What a run record says of the data set it was trained on. */
export function describeData({ card, fingerprint, counts }: Dataset): RunRecord['data'] {
  return { name: card.name, isSample: card.isSample, fingerprint, counts };
}
