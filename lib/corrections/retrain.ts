import path from 'node:path';
import { calibrateLike } from '../calibration';
import { type Dataset, findCopies, type LabelledPicture, labelMatrix, picturesBySplit, readDataset } from '../data';
import { loadTensorFlow } from '../engine';
import type { RunRecord } from '../experiments';
import { type MultilabelMetrics, multilabelMetrics, type Predictions } from '../metrics';
import { findModel, loadClassifier, type SavedModel } from '../models';
import { openPredictor, predictMatrix } from '../prediction';
import type { OnProgress } from '../progress';
import { Random } from '../random';
import { type Settings, type SettingsOverrides, type Stage, settingsFor, type Task } from '../tasks';
import { describeData, runStage, type TrainingPhase, type TrainingWatch } from '../training';
import type { Workspace } from '../workspace';
import { NoCorrections, NotCorrectable } from './errors';
import { type BothModels, type GateResult, judge } from './gate';
import { fingerprintOfCorrections } from './history';
import { type Correction, readPending, takesCorrections } from './pending';

/** How to retrain. */
export interface RetrainOptions extends Omit<TrainingWatch, 'onPhase'> {
  readonly workspace: Workspace;
  readonly task: Task;
  readonly overrides?: SettingsOverrides;
  /** What to learn from, instead of the pending corrections. */
  readonly corrections?: readonly Correction[];
  /** The run whose model to start from, instead of the current one. */
  readonly base?: string;
  /** Id of the run that this retraining repeats. */
  readonly reproduces?: string;
  /** Called when a phase begins; in `gate` both models are measured and the new one is judged. */
  readonly onPhase?: (phase: TrainingPhase | 'gate') => void;
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
  /** What is measured: a picture that was corrected is learnt, so neither it nor a copy of it may be measured. */
  readonly validation: readonly LabelledPicture[];
  readonly test: readonly LabelledPicture[];
  /** How many pictures that leaves out. */
  readonly leftOut: { readonly validation: number; readonly test: number };
  readonly stage: Stage;
  readonly settings: Settings;
  readonly dataset: Dataset;
}

/**
 * Plans a conservative retraining and changes nothing: the dry run.
 *
 * @throws NO_CORRECTIONS, NO_MODEL, UNREADABLE_PICTURE, and what `readPending` and `readDataset` throw
 */
export async function planRetraining(options: RetrainOptions): Promise<RetrainPlan> {
  const { workspace, task, overrides, corrections: given, base: from, onProgress } = options;
  if (!takesCorrections(task)) throw NotCorrectable(task.name);
  const corrections = given ?? (await readPending(workspace, task));
  if (corrections.length === 0) throw NoCorrections(workspace.pendingCsv);
  const base = await findModel(workspace, task.name, from);
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task, dataset.card, overrides);
  const { originals: count, boost, epochs, learningRate, trainableLayers } = settings.retraining;
  const splits = picturesBySplit(dataset);
  const originals = new Random(settings.seed).fork('retrain originals').shuffle(splits.train).slice(0, count);
  const isCopy = await findCopies([...splits.validation, ...splits.test], corrections, onProgress);
  const validation = splits.validation.filter((_, index) => !isCopy[index]);
  const test = splits.test.filter((_, index) => !isCopy[splits.validation.length + index]);
  return {
    base,
    corrections,
    originals,
    picturesPerEpoch: originals.length + boost * corrections.length,
    validation,
    test,
    leftOut: { validation: splits.validation.length - validation.length, test: splits.test.length - test.length },
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
  /** Whether the new model may take the old one's place; absent when the retraining was interrupted. */
  readonly gate?: GateResult;
}

/**
 * Retrains the current model on corrections, measures the old and the new one on the test split and on the corrections, and judges. The new model
 * is saved beside the old one, which stays the current one, whatever the verdict: `retrainTask` is what acts on it. Where the old one is calibrated, the new
 * one is too, anew and for the same goal.
 *
 * @throws what `planRetraining` throws, and the signal's reason, when it stopped the work before there was a model or while it was judged
 */
export async function retrain(options: RetrainOptions): Promise<RetrainOutcome> {
  return carryOut(await planRetraining(options), options);
}

/** Does what was planned. */
export async function carryOut(plan: RetrainPlan, options: RetrainOptions): Promise<RetrainOutcome> {
  const { workspace, task, onProgress, onEpoch, onPhase, signal } = options;
  const { base, dataset, settings, stage, validation, test } = plan;
  const engine = await loadTensorFlow();
  const classifier = await loadClassifier(engine.tf, base);
  const corrected = plan.corrections.map(asTrainingPicture);
  const judgement: { comparison?: RetrainOutcome['comparison']; gate?: GateResult } = {};
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
      onPhase,
      signal,
    };
    const run = await runStage(context, {
      stage,
      pictures: {
        train: [...plan.originals, ...corrected.flatMap((picture) => Array.from({ length: settings.retraining.boost }, () => picture))],
        validation,
        test,
      },
      parent: base.card.runId,
      ...(options.reproduces && { reproduces: options.reproduces }),
      patience: null, // by the validation loss the first epoch may win, and the corrections would not be learnt
      examine: async (runId) => {
        onPhase?.('gate');
        const both = await predictBoth(options, [base.card.runId, runId], { test, corrections: corrected });
        const rule = { threshold: settings.decision.threshold, negativeWeight: settings.negativeWeight };
        const compare = ({ before, after }: BothModels): Comparison => ({
          before: multilabelMetrics(before, rule),
          after: multilabelMetrics(after, rule),
        });
        judgement.comparison = { test: compare(both.test), corrections: compare(both.corrections) };
        judgement.gate = judge({
          ...both,
          ...rule,
          sources: test.map(({ sources }) => sources),
          tolerance: settings.retraining.tolerance,
          random: new Random(settings.seed).fork('gate'),
        });
        const counts = {
          corrections: plan.corrections.length,
          correctionsFingerprint: fingerprintOfCorrections(plan.corrections),
          originals: plan.originals.length,
          leftOut: plan.leftOut,
        };
        const calibration = await calibrateLike(workspace, task, base.card, runId);
        return { ...settings.retraining, ...counts, ...judgement, ...(calibration && { calibration: calibration.decision }) };
      },
    });
    return { plan, run, ...judgement };
  } finally {
    classifier.model.dispose();
  }
}

type Measured = Record<'test' | 'corrections', readonly LabelledPicture[]>;

/** What two saved models say of sets of labelled pictures, from their files, and both as they were trained: the new one is not calibrated yet. */
async function predictBoth(
  { workspace, task, onProgress, signal }: RetrainOptions,
  [before, after]: readonly [string, string],
  { test, corrections }: Measured,
): Promise<Record<'test' | 'corrections', BothModels>> {
  const pictures = [...test, ...corrections];
  const files = pictures.map((picture) => picture.path);
  const total = 2 * files.length;
  const predict = async (run: string, earlier: number): Promise<Record<'test' | 'corrections', Predictions>> => {
    const report: OnProgress = ({ done }) => onProgress?.({ label: 'both models', done: earlier + done, total });
    signal?.throwIfAborted();
    const predictor = await openPredictor(workspace, task.name, { run, calibrated: false });
    try {
      const { classes } = predictor.card;
      const probabilities = await predictMatrix(predictor, files, report);
      const part = (members: readonly LabelledPicture[], first: number): Predictions => ({
        classes,
        count: members.length,
        labels: labelMatrix(members),
        probabilities: probabilities.subarray(first * classes.length, (first + members.length) * classes.length),
      });
      return { test: part(test, 0), corrections: part(corrections, test.length) };
    } finally {
      await predictor.release();
    }
  };
  const old = await predict(before, 0);
  const renewed = await predict(after, files.length);
  return {
    test: { before: old.test, after: renewed.test },
    corrections: { before: old.corrections, after: renewed.corrections },
  };
}

function asTrainingPicture(correction: Correction): LabelledPicture {
  return { ...correction, filename: path.basename(correction.path), split: 'train', sources: [] };
}
