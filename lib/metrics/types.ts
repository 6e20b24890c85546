/** Predictions on pictures of one split: `labels` and `probabilities` hold `count` rows of one number a class. */
export interface Predictions {
  readonly classes: readonly string[];
  readonly count: number;
  /** Shape [count, classes], 0 or 1. */
  readonly labels: Uint8Array;
  /** Shape [count, classes], in [0, 1]. */
  readonly probabilities: Float32Array;
}

/** Numbers for one class of a multi-label task at the decision threshold. */
export interface ClassMetrics {
  readonly name: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Exact area under the ROC curve; null where a split has only one kind of label. */
  readonly auc: number | null;
  readonly support: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** All numbers of one split. Every share is in [0, 1]. */
export interface MultilabelMetrics {
  /** Pictures, each counted as often as its weight says. */
  readonly count: number;
  /** Weighted binary cross-entropy, the one that training minimises. */
  readonly loss: number;
  /** Share of single labels that are right, present being *above* the threshold: Keras' `BinaryAccuracy`. */
  readonly binaryAccuracy: number;
  /** Share of pictures whose labels are all right, present being *from the threshold on*, as in the decision rule and all below. */
  readonly exactMatch: number;
  /** Area under the ROC curve over all labels together, as Keras' `AUC` approximates it with 200 thresholds. */
  readonly aucKeras: number;
  /**
   * The same, exactly: the probability that a positive label ranks above a negative one, ties counting one half.
   * Null where all labels are of one kind; Keras then says 0, as if every label were wrong.
   */
  readonly auc: number | null;
  readonly f1Macro: number;
  readonly f1Micro: number;
  readonly hammingLoss: number;
  readonly perClass: readonly ClassMetrics[];
}

/** The single numbers of a split, which a confidence interval can be given for. */
export const metricNames = ['loss', 'binaryAccuracy', 'exactMatch', 'aucKeras', 'auc', 'f1Macro', 'f1Micro', 'hammingLoss'] as const;
export type MetricName = (typeof metricNames)[number];

/** The metrics of which less is better. */
export const lowerIsBetter: ReadonlySet<MetricName> = new Set(['loss', 'hammingLoss']);

/** A confidence interval: 95 % by the percentile bootstrap. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Points of a curve: x and y of equal length. */
export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}
