import { z } from 'zod';
import { bootstrapDifferences, type MetricOptions, multilabelMetrics, type Predictions } from '../metrics';
import type { Random } from '../random';

/** What the two models say of the same pictures. */
export interface BothModels {
  readonly before: Predictions;
  readonly after: Predictions;
}

/** What a verdict is reached from. */
export interface GateRequest extends MetricOptions {
  readonly corrections: BothModels;
  /** Of the test split, without what was corrected. */
  readonly test: BothModels;
  /** For each picture of the test split, the photographs in it. */
  readonly sources: readonly (readonly string[])[];
  /** How much of the test split's AUC may be lost, in [0, 1]. */
  readonly tolerance: number;
  readonly random: Random;
  readonly resamples?: number;
}

export const gateSchema = z.object({
  verdict: z.enum(['promoted', 'rejected']),
  /** In words, with the numbers. */
  reason: z.string(),
  corrections: z.object({
    count: z.number().int(),
    /** Corrections with every label right. */
    before: z.number().int(),
    after: z.number().int(),
    lossBefore: z.number(),
    lossAfter: z.number(),
  }),
  test: z.object({
    metric: z.literal('auc'),
    count: z.number().int(),
    /** The metric, and `after` minus `before`; null where all labels are of one kind. */
    before: z.number().nullable(),
    after: z.number().nullable(),
    difference: z.number().nullable(),
    /** Of the difference, 90 %: its low end is the one-sided bound of 95 % that the verdict goes by. */
    interval: z.tuple([z.number(), z.number()]).nullable(),
    tolerance: z.number(),
  }),
});

/** Whether a retrained model may serve, and why. */
export type GateResult = Readonly<z.infer<typeof gateSchema>>;

/**
 * Whether a retrained model may take the old one's place. It may when both hold:
 *
 * - **It does better on the corrections**: more of them have every label right, or as many and the loss over them is lower.
 * - **It is not worse on the test split**, which is a test of non-inferiority: the one-sided 95 % bound of the AUC's difference, by the paired
 *   bootstrap over photographs, is not below minus the tolerance (Piaggio et al. 2012, "Reporting of noninferiority and equivalence
 *   randomized trials", JAMA 308(24), 2594–2604). That the difference is not significant would not do: on few pictures nothing is.
 *
 * It is the AUC because every pair of labels counts in it. A share of right pictures moves by whole pictures, so much that on some hundred
 * of them hardly any model could be shown to be no worse.
 *
 * @throws BAD_PREDICTIONS
 */
export function judge({ corrections, test, sources, tolerance, random, resamples, threshold, negativeWeight }: GateRequest): GateResult {
  const options = { threshold, negativeWeight };
  const [before, after] = [multilabelMetrics(corrections.before, options), multilabelMetrics(corrections.after, options)];
  const { count } = before;
  const rightBefore = Math.round(before.exactMatch * count);
  const rightAfter = Math.round(after.exactMatch * count);
  const isBetter = rightAfter > rightBefore || (rightAfter === rightBefore && after.loss < before.loss);
  const differences = bootstrapDifferences(test.before, test.after, sources, {
    ...options,
    random,
    coverage: 0.9,
    ...(resamples !== undefined && { resamples }),
  });
  const { auc } = differences;
  const isNoWorse = auc !== undefined && auc.interval.low >= -tolerance;

  const learnt = `${rightAfter} of ${count} corrections are right, ${rightBefore} before, and the loss over them is ${numberOf(after.loss)}, ${numberOf(before.loss)} before`;
  const kept = auc
    ? `on ${test.before.count} test pictures the AUC is ${numberOf(auc.after)}, ${numberOf(auc.before)} before: the loss is ${lossOf(auc.interval.low)}, with 95 % confidence, and ${numberOf(tolerance)} may be lost`
    : `all labels of the ${test.before.count} test pictures are of one kind, so nothing shows that the model is no worse`;
  const problems = [
    ...(isBetter ? [] : ['it does no better on the corrections']),
    ...(isNoWorse ? [] : ['it may be worse on the test split']),
  ];
  return {
    verdict: problems.length === 0 ? 'promoted' : 'rejected',
    reason: `${problems.length === 0 ? 'it does better on the corrections and no worse on the test split' : problems.join(', and ')}: ${learnt}; ${kept}`,
    corrections: { count, before: rightBefore, after: rightAfter, lossBefore: before.loss, lossAfter: after.loss },
    test: {
      metric: 'auc',
      count: test.before.count,
      before: auc?.before ?? null,
      after: auc?.after ?? null,
      difference: auc?.difference ?? null,
      interval: auc ? [auc.interval.low, auc.interval.high] : null,
      tolerance,
    },
  };
}

/** What the lower bound of a difference says is lost at the most. */
function lossOf(low: number): string {
  return low < 0 ? `at most ${numberOf(-low)}` : 'none';
}

function numberOf(value: number): string {
  return value.toFixed(value !== 0 && Math.abs(value) < 0.01 ? 4 : 3);
}
