import path from 'node:path';
import { type Dataset, type LabelledPicture, labelMatrix, picturesBySplit, readDataset } from '../data';
import { loadTensorFlow } from '../engine';
import type { RunRecord } from '../experiments';
import { type MultilabelMetrics, multilabelMetrics } from '../metrics';
import { findModel, loadClassifier, type SavedModel } from '../models';
import { openPredictor, predictMatrix } from '../prediction';
import { Random } from '../random';
import { type Settings, type SettingsOverrides, type Stage, settingsFor, type Task } from '../tasks';
import { describeData, runStage, type TrainingWatch } from '../training';
import type { Workspace } from '../workspace';
import { NoCorrections } from './errors';
import { type Correction, readPending } from './pending';

/** How to retrain. */
export interface RetrainOptions extends TrainingWatch {
  readonly workspace: Workspace;
  readonly task: Task;
  readonly overrides?: SettingsOverrides;
  /** What to learn from, instead of the pending corrections. */
  readonly corrections?: readonly Correction[];
}

/** What a retraining would do, or has done. */
export interface RetrainPlan {
  /** The model that it starts from. */
  readonly base: SavedModel;
  readonly corrections: readonly Correction[];
  /** Pictures drawn from the training split, so that the model does not forget. */
  readonly originals: readonly LabelledPicture[];
  /** Pictures an epoch: the originals, and every correction `boost` times. */
  readonly picturesPerEpoch: number;
  readonly stage: Stage;
  readonly settings: Settings;
  readonly dataset: Dataset;
}

/**
 * Plans a conservative retraining and changes nothing: the dry run.
 *
 * @throws NO_CORRECTIONS, NO_MODEL, and what `readPending` and `readDataset` throw
 */
export async function planRetraining({ workspace, task, overrides, corrections: given }: RetrainOptions): Promise<RetrainPlan> {
  const corrections = given ?? (await readPending(workspace, task));
  if (corrections.length === 0) throw NoCorrections(workspace.pendingCsv);
  const base = await findModel(workspace, task.name);
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task, dataset.card, overrides);
  const { originals: count, boost, epochs, learningRate, trainableLayers } = settings.retraining;
  const { train } = picturesBySplit(dataset);
  const originals = new Random(settings.seed).fork('retrain originals').shuffle(train).slice(0, count);
  return {
    base,
    corrections,
    originals,
    picturesPerEpoch: originals.length + boost * corrections.length,
    stage: { name: 'retrain', trainableLayers, learningRate, epochs },
    settings,
    dataset,
  };
}

/** How the two models do on the same pictures. */
export interface Comparison {
  readonly before: MultilabelMetrics;
  readonly after: MultilabelMetrics;
}

export interface RetrainOutcome {
  readonly plan: RetrainPlan;
  readonly run: Readonly<RunRecord>;
  /** Absent when the retraining was interrupted. */
  readonly comparison?: { readonly test: Comparison; readonly corrections: Comparison };
}

/**
 * Retrains the current model on corrections, and measures the old and the new one on the test split and on the corrections. The new model is
 * saved beside the old one, which stays the current one.
 *
 * @throws what `planRetraining` throws
 */
export async function retrain(options: RetrainOptions): Promise<RetrainOutcome> {
  const { workspace, task, onProgress, onEpoch, signal } = options;
  const plan = await planRetraining(options);
  const { base, dataset, settings, stage } = plan;
  const engine = await loadTensorFlow();
  const classifier = await loadClassifier(engine.tf, base);
  const corrected = plan.corrections.map(asTrainingPicture);
  const { validation, test } = picturesBySplit(dataset);
  let comparison: RetrainOutcome['comparison'];
  try {
    const context = {
      workspace,
      task,
      settings,
      engine,
      classifier,
      weights: base.card.weights,
      data: describeData(dataset),
      onProgress,
      onEpoch,
      signal,
    };
    const run = await runStage(context, {
      stage,
      train: [...plan.originals, ...corrected.flatMap((picture) => Array.from({ length: settings.retraining.boost }, () => picture))],
      validation,
      test,
      parent: base.card.runId,
      patience: null, // by the validation loss the first epoch may win, and the corrections would not be learnt
      examine: async (runId) => {
        const before = await measure(options, settings, base.card.runId, { test, corrections: corrected });
        const after = await measure(options, settings, runId, { test, corrections: corrected });
        comparison = {
          test: { before: before.test, after: after.test },
          corrections: { before: before.corrections, after: after.corrections },
        };
        return { ...settings.retraining, corrections: plan.corrections.length, originals: plan.originals.length, comparison };
      },
    });
    return { plan, run, ...(comparison && { comparison }) };
  } finally {
    classifier.model.dispose();
  }
}

/** Measures a saved model on sets of labelled pictures, from their files: what a user of the model would get. */
async function measure(
  { workspace, task, onProgress }: RetrainOptions,
  { decision, negativeWeight }: Settings,
  run: string,
  { test, corrections }: Record<'test' | 'corrections', readonly LabelledPicture[]>,
): Promise<Record<'test' | 'corrections', MultilabelMetrics>> {
  const predictor = await openPredictor(workspace, task.name, { run });
  const metricsOf = async (pictures: readonly LabelledPicture[]): Promise<MultilabelMetrics> => {
    const files = pictures.map((picture) => picture.path);
    const probabilities = await predictMatrix(predictor, files, onProgress);
    const predictions = { classes: predictor.card.classes, count: pictures.length, labels: labelMatrix(pictures), probabilities };
    return multilabelMetrics(predictions, { threshold: decision.threshold, negativeWeight });
  };
  try {
    return { test: await metricsOf(test), corrections: await metricsOf(corrections) };
  } finally {
    await predictor.release();
  }
}

function asTrainingPicture(correction: Correction): LabelledPicture {
  return { ...correction, filename: path.basename(correction.path), split: 'train', sources: [] };
}
