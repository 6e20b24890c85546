/** Predictions on pictures of one split: `labels` and `probabilities` hold `count` rows of one number a class. */
export interface Predictions {
  readonly classes: readonly string[];
  readonly count: number;
  /** Shape [count, classes], 0 or 1. */
  readonly labels: Uint8Array;
  /** Shape [count, classes], in [0, 1]. */
  readonly probabilities: Float32Array;
}

/** Numbers for one class: of a multi-label task at the decision threshold, of a multi-class one where the most probable class is the answer. */
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

/** All numbers of one split of a multi-label task. Every share is in [0, 1]. */
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
  /**
   * Expected calibration error over all labels together: how far a label's probability is from the share of such labels that are present, averaged over
   * 15 bins of equal width; after Guo et al. 2017, as in `MulticlassMetrics`, with a label for an answer.
   */
  readonly ece: number;
  readonly perClass: readonly ClassMetrics[];
  /** The bins of `ece`, from the least probable up: labels, and how many of them are present. */
  readonly reliability: readonly ReliabilityBin[];
}

/** All numbers of one split of a multi-class task, where the most probable class is the answer. Every share is in [0, 1]. */
export interface MulticlassMetrics {
  readonly kind: 'multiclass';
  /** Pictures, each counted as often as its weight says. */
  readonly count: number;
  /** Log loss: the mean of −ln of the right class' probability, which training minimises; Keras' sparse categorical cross-entropy. */
  readonly loss: number;
  readonly accuracy: number;
  /** The mean of the classes' recall, whatever their sizes; of those that occur. */
  readonly balancedAccuracy: number;
  readonly f1Macro: number;
  /** Share of pictures whose class is one of the two most probable. */
  readonly top2Accuracy: number;
  /**
   * Expected calibration error: how far the answer's probability is from the share of right answers, averaged over 15 bins of equal width (Guo et al.
   * 2017, "On calibration of modern neural networks", arXiv:1706.04599).
   */
  readonly ece: number;
  /** Cohen's kappa (1960): agreement beyond chance, in [−1, 1]; 0 where chance alone would agree always. */
  readonly kappa: number;
  /** Area under the ROC curve of each class against the rest, averaged over the classes that have both; null where none has. */
  readonly auc: number | null;
  readonly perClass: readonly ClassMetrics[];
  /** Shape [classes, classes]: how many pictures of the class of the row were called that of the column. */
  readonly confusion: readonly (readonly number[])[];
  /** The bins of `ece`, from the least confident up. */
  readonly reliability: readonly ReliabilityBin[];
}

/**
 * Answers of about the same confidence, which is the probability of the class that was answered; of a multi-label task, single labels of about the same
 * probability, where `accuracy` is the share of those that are present.
 */
export interface ReliabilityBin {
  /** The bin holds confidences above `low` and up to `high`. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean confidence, and share of right answers; 0 in an empty bin. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** Numbers of a split of either kind of task. What only one kind has is undefined for the other. */
export interface SplitMetrics
  extends Pick<MultilabelMetrics, InBoth>,
    Partial<Omit<MultilabelMetrics, InBoth>>,
    Partial<Omit<MulticlassMetrics, InBoth | 'kind'>> {
  /** Numbers without a kind are of a multi-label task. */
  readonly kind?: 'multilabel' | 'multiclass';
}

type InBoth = 'count' | 'loss' | 'auc' | 'f1Macro' | 'perClass';

/** What predictions are judged by. Without a kind they are multi-label. */
export type Judging =
  | {
      readonly kind?: 'multilabel';
      /** A class is present from this probability on, in [0, 1]. */
      readonly threshold: number;
      /** Instead of it, one for each class in the order of `classes`. */
      readonly thresholds?: readonly number[];
      /** Weight in the loss of a picture of no class; every other weighs 1. */
      readonly negativeWeight: number;
    }
  | { readonly kind: 'multiclass' };

/** The single numbers of a split of a multi-label task, which a confidence interval can be given for. */
export const metricNames = ['loss', 'binaryAccuracy', 'exactMatch', 'aucKeras', 'auc', 'f1Macro', 'f1Micro', 'hammingLoss', 'ece'] as const;
export type MetricName = (typeof metricNames)[number];

/** The same of a multi-class task. */
export const multiclassMetricNames = ['loss', 'accuracy', 'balancedAccuracy', 'f1Macro', 'top2Accuracy', 'ece', 'kappa', 'auc'] as const;
export type MulticlassMetricName = (typeof multiclassMetricNames)[number];

/** Single numbers of a split of either kind of task. */
export type SplitMetricName = MetricName | MulticlassMetricName;
export const splitMetricNames: readonly SplitMetricName[] = [...new Set([...metricNames, ...multiclassMetricNames])];

/** The metrics of which less is better. */
export const lowerIsBetter: ReadonlySet<SplitMetricName> = new Set<SplitMetricName>(['loss', 'hammingLoss', 'ece']);

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
