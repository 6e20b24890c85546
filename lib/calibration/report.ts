import { z } from 'zod';
import { describeIssues } from '../errors';
import { type PredictedSplit, type RunProblem, type RunRecord, splitMetricsSchema } from '../experiments';
import { readTextIfPresent } from '../files';
import type { ClassIntervals, Difference, SplitMetricName, SplitMetrics } from '../metrics';
import { calibrationReportFile } from '../models';
import type { DecisionKind, DecisionRule } from '../prediction';
import type { Workspace } from '../workspace';
import type { ChosenThreshold } from './chooseThresholds';
import { UnreadableCalibration } from './errors';
import type { Goal } from './goal';

/** What calibration changes on one split. Losses are plain log losses: a picture of no class weighs no more than others. */
export interface CalibratedSplit {
  /** Of the model as it was trained, and calibrated. */
  readonly before: SplitMetrics;
  readonly after: SplitMetrics;
  /** By metric, each with its 95 % interval; none for `auc` where labels are of one kind. */
  readonly differences: Readonly<Partial<Record<SplitMetricName, Difference>>>;
  /** 95 % intervals of each class' precision and recall, calibrated; of multi-label tasks. */
  readonly classIntervals?: readonly ClassIntervals[];
}

/** How a model was calibrated, and what that changes; it stands beside the model as `calibration.json`. */
export interface CalibrationReport {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly task: string;
  readonly kind: DecisionKind;
  readonly classes: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string;
  /** What the thresholds were chosen for; absent where they were left as they are. */
  readonly goal?: Goal;
  /** What the card has from then on. */
  readonly decision: DecisionRule;
  /** What the thresholds come to on validation, where they were chosen. */
  readonly thresholds?: readonly ChosenThreshold[];
  readonly splits: Readonly<Record<PredictedSplit, CalibratedSplit>>;
  /** What one should know before trusting the numbers. */
  readonly notes: readonly string[];
}

const interval = z.object({ low: z.number(), high: z.number() });
const split = z.object({
  before: splitMetricsSchema,
  after: splitMetricsSchema,
  differences: z.record(z.string(), z.object({ before: z.number(), after: z.number(), difference: z.number(), interval })),
  classIntervals: z.array(z.object({ name: z.string(), precision: interval.optional(), recall: interval.optional() })).optional(),
});

const reportSchema = z.object({
  schemaVersion: z.literal(1),
  run: z.string(),
  task: z.string(),
  kind: z.enum(['multilabel', 'multiclass']),
  classes: z.array(z.string()),
  createdAt: z.string(),
  goal: z
    .discriminatedUnion('kind', [z.object({ kind: z.literal('f1') }), z.object({ kind: z.literal('precision'), atLeast: z.number() })])
    .optional(),
  decision: z.object({
    threshold: z.number(),
    noneBelow: z.number(),
    thresholds: z.array(z.number()).optional(),
    temperature: z.number().optional(),
  }),
  thresholds: z
    .array(
      z.object({
        name: z.string(),
        threshold: z.number(),
        precision: z.number(),
        recall: z.number(),
        f1: z.number(),
        support: z.number().int(),
        problem: z.string().optional(),
      }),
    )
    .optional(),
  splits: z.object({ validation: split, test: split }),
  notes: z.array(z.string()),
});

/**
 * How a run's model was calibrated; undefined of one that is as it was trained.
 *
 * @throws UNREADABLE_CALIBRATION
 */
export async function readCalibration(
  workspace: Workspace,
  { task, id }: Pick<RunRecord, 'task' | 'id'>,
): Promise<CalibrationReport | undefined> {
  const file = calibrationReportFile(workspace, task, id);
  const text = await readTextIfPresent(file);
  if (text === undefined) return undefined;
  try {
    // Told its type, since in notebooks, compiled without `strict`, zod infers a looser one.
    return reportSchema.parse(JSON.parse(text)) as CalibrationReport;
  } catch (error) {
    throw UnreadableCalibration(file, task, id, error instanceof z.ZodError ? describeIssues(error) : (error as Error).message);
  }
}

/** The calibrations of runs' models, by the run's id, and those that cannot be read. */
export async function readCalibrations(
  workspace: Workspace,
  runs: readonly RunRecord[],
): Promise<{ calibrations: Map<string, CalibrationReport>; problems: RunProblem[] }> {
  const calibrations = new Map<string, CalibrationReport>();
  const problems: RunProblem[] = [];
  for (const run of runs) {
    try {
      const report = await readCalibration(workspace, run);
      if (report) calibrations.set(run.id, report);
    } catch (error) {
      problems.push({ path: calibrationReportFile(workspace, run.task, run.id), reason: (error as Error).message });
    }
  }
  return { calibrations, problems };
}
