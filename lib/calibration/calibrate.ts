import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { writeModelCard } from '../cards';
import { type PredictedSplit, readPredictions, type SplitPredictions } from '../experiments';
import { writeJson } from '../files';
import { bootstrapClasses, bootstrapDifferences, type Judging, judgePredictions } from '../metrics';
import { calibrationReportFile, findModel, type ModelCard, writeDecision } from '../models';
import { atTemperature, type DecisionKind, type DecisionRule, uncalibrated } from '../prediction';
import { Random } from '../random';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type ChosenThreshold, chooseThresholds } from './chooseThresholds';
import { NoThresholds, NotCalibrated } from './errors';
import { fitTemperature } from './fitTemperature';
import { describeGoal, type Goal } from './goal';
import { type CalibratedSplit, type CalibrationReport, readCalibration } from './report';

/** What to calibrate, and for what. */
export interface CalibrateOptions {
  readonly workspace: Workspace;
  readonly task: Task;
  /** A run's model instead of the current one. */
  readonly run?: string;
  /** What to choose each class' threshold for; without a goal they stay as they are. */
  readonly goal?: Goal;
  /** Of the bootstrap; 1,000 by default. */
  readonly resamples?: number;
  /** Measures and changes nothing. */
  readonly dryRun?: boolean;
}

/**
 * Makes a model's probabilities say how often they are right, and chooses where "present" begins: a temperature and, for a goal, each class' threshold
 * are found on what the run's model said of the validation split, and measured on test too. They go into the model's card, which whatever predicts
 * follows; the model files and the run's record stay as they are. An earlier calibration is forgotten: each begins with the model as it was trained.
 *
 * @throws NO_MODEL, UNREADABLE_MODEL, NO_PREDICTIONS, RUN_UNREADABLE; NO_THRESHOLDS for a goal where a picture has exactly one class
 * @example
 * const { decision } = await calibrateModel({ workspace, task: food, goal: { kind: 'f1' }, dryRun: true });
 * // { threshold: 0.5, noneBelow: 0.45, thresholds: [0.5, 0.41, 0.56], temperature: 1.318 }
 */
export async function calibrateModel(options: CalibrateOptions): Promise<CalibrationReport> {
  const { workspace, task, run, goal, resamples = 1000, dryRun = false } = options;
  const { card } = await findModel(workspace, task.name, run);
  const kind = card.kind ?? 'multilabel';
  if (goal && kind === 'multiclass') throw NoThresholds(task.name);
  const predictions = await readPredictions(workspace, card.runId);
  const trained = uncalibrated(card.decision);
  const temperature = fitTemperature(predictions.validation, kind);
  const thresholds = goal && chooseThresholds(calibratedAt(predictions.validation, temperature, kind), goal, trained.threshold);
  const decision: DecisionRule = {
    ...trained,
    ...(thresholds && { thresholds: thresholds.map(({ threshold }) => threshold) }),
    ...(temperature !== null && { temperature }),
  };
  const measure = (split: PredictedSplit): CalibratedSplit => {
    const before = predictions[split];
    const random = new Random(card.runId).fork(`calibration ${split}`);
    return measureSplit(before, calibratedAt(before, temperature, kind), { kind, trained, decision, random, resamples });
  };
  const report: CalibrationReport = {
    schemaVersion: 1,
    run: card.runId,
    task: task.name,
    kind,
    classes: card.classes,
    createdAt: new Date().toISOString(),
    ...(goal && { goal }),
    decision,
    ...(thresholds && { thresholds }),
    splits: { validation: measure('validation'), test: measure('test') },
    notes: notesOn(card, { temperature, goal, thresholds, trained }),
  };
  if (!dryRun) {
    // The report first: it is the card that counts.
    await writeJson(calibrationReportFile(workspace, task.name, card.runId), report);
    await writeDecision(workspace, card, decision);
    await writeModelCard(workspace, task, card.runId);
  }
  return report;
}

/**
 * Calibrates a model anew as the one that it was made from was calibrated, for the same goal; does nothing where that one was not. A temperature and
 * thresholds are of one model's probabilities: those of another would be wrong for it.
 *
 * @param base the model that `run` was made from
 * @throws UNREADABLE_CALIBRATION, and what `calibrateModel` throws
 */
export async function calibrateLike(
  workspace: Workspace,
  task: Task,
  base: ModelCard,
  run: string,
): Promise<CalibrationReport | undefined> {
  const report = await readCalibration(workspace, { task: task.name, id: base.runId });
  return report && calibrateModel({ workspace, task, run, ...(report.goal && { goal: report.goal }) });
}

/**
 * Takes a model's calibration back: its card then says what training wrote.
 *
 * @returns the run's id
 * @throws NO_MODEL, UNREADABLE_MODEL, NOT_CALIBRATED
 */
export async function resetCalibration(workspace: Workspace, task: Task, { run }: { readonly run?: string } = {}): Promise<string> {
  const { card } = await findModel(workspace, task.name, run);
  const { temperature, thresholds } = card.decision;
  const file = calibrationReportFile(workspace, task.name, card.runId);
  const isCalibrated = temperature !== undefined || thresholds !== undefined || existsSync(file);
  if (!isCalibrated) throw NotCalibrated(task.name, card.runId);
  await writeDecision(workspace, card, uncalibrated(card.decision));
  await rm(file, { force: true });
  await writeModelCard(workspace, task, card.runId);
  return card.runId;
}

function calibratedAt(predictions: SplitPredictions, temperature: number | null, kind: DecisionKind): SplitPredictions {
  if (temperature === null) return predictions;
  const { probabilities, classes } = predictions;
  return { ...predictions, probabilities: atTemperature(probabilities, temperature, classes.length, kind) };
}

interface Measuring {
  readonly kind: DecisionKind;
  readonly trained: DecisionRule;
  readonly decision: DecisionRule;
  readonly random: Random;
  readonly resamples: number;
}

function measureSplit(
  before: SplitPredictions,
  after: SplitPredictions,
  { kind, trained, decision, random, resamples }: Measuring,
): CalibratedSplit {
  const judgingOf = ({ threshold, thresholds }: DecisionRule): Judging =>
    kind === 'multiclass' ? { kind } : { threshold, ...(thresholds && { thresholds }), negativeWeight: 1 };
  const [judging, judgingAfter] = [judgingOf(trained), judgingOf(decision)];
  const { sources } = before;
  return {
    before: judgePredictions(before, judging),
    after: judgePredictions(after, judgingAfter),
    differences: bootstrapDifferences(before, after, sources, { ...judging, judgingAfter, resamples, random: random.fork('differences') }),
    ...(judgingAfter.kind !== 'multiclass' && {
      classIntervals: bootstrapClasses(after, sources, { ...judgingAfter, resamples, random: random.fork('classes') }),
    }),
  };
}

interface Found {
  readonly temperature: number | null;
  readonly goal: Goal | undefined;
  readonly thresholds: readonly ChosenThreshold[] | undefined;
  readonly trained: DecisionRule;
}

function notesOn({ data }: ModelCard, { temperature, goal, thresholds = [], trained }: Found): string[] {
  const missed = thresholds.filter(({ problem }) => problem !== undefined);
  return [
    ...(temperature === null
      ? ['no temperature has the lowest loss on validation, as where every label is on its right side: probabilities stay as they are']
      : []),
    ...missed.map(
      ({ name, problem }) =>
        `${describeGoal(goal!)}: cannot be reached for ${name}, as on validation ${problem}; it stays at ${trained.threshold}`,
    ),
    ...(goal ? ['thresholds are chosen on validation, where they therefore do better than elsewhere: test says what they are worth'] : []),
    ...(data.isSample ? ['the pictures are of the generated sample: calibrate again on real photographs'] : []),
  ];
}
