import { BadPredictions } from './errors';
import { emptyBuckets, kerasAuc, kerasBuckets } from './kerasAuc';
import { exactAuc, type Ranking, rank } from './ranking';
import { ratio } from './ratio';
import { binOf, reliabilityBins } from './reliability';
import type { MetricName, Predictions } from './types';

/** How predictions are judged. */
export interface MetricOptions {
  /** A class is present from this probability on, in [0, 1]. */
  readonly threshold: number;
  /** Instead of it, one for each class in the order of `classes`. */
  readonly thresholds?: readonly number[];
  /** Weight in the loss of a picture of no class; every other weighs 1. */
  readonly negativeWeight: number;
}

/** What each picture contributes, computed once; resampling only changes how often it counts. */
export interface Scores {
  readonly predictions: Predictions;
  /** Weighted cross-entropy, shape [count]. */
  readonly losses: Float64Array;
  /** 1 where the class is called present, shape [count, classes]. */
  readonly present: Uint8Array;
  /** 1 where Keras would call the label right, shape [count, classes]. */
  readonly rightForKeras: Uint8Array;
  /** Shape [count, classes], as are the two that follow. */
  readonly buckets: Uint8Array;
  /** The label minus its probability, and the bin of that, which the calibration error is made of. */
  readonly residuals: Float64Array;
  readonly bins: Uint8Array;
  readonly ranking: Ranking;
}

/** Confusion of one class, in weights of pictures. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** Every single number, and what the per-class ones are made of. */
export interface Totals {
  readonly count: number;
  readonly values: Readonly<Record<Exclude<MetricName, 'auc'>, number>> & { readonly auc: number | null };
  readonly confusions: readonly Confusion[];
}

/** Scores predictions that were checked. */
export function score(predictions: Predictions, { threshold, thresholds, negativeWeight }: MetricOptions): Scores {
  const { classes, count, labels, probabilities } = predictions;
  if (thresholds && thresholds.length !== classes.length)
    throw BadPredictions(`there are ${thresholds.length} thresholds for ${classes.length} classes`);
  // Probabilities have 32 bits: 0.45 from a model is only ">= 0.45" when the threshold has 32 bits too.
  const borders = classes.map((_, index) => Math.fround(thresholds?.[index] ?? threshold));
  const borderAt = (cell: number): number => borders[cell % classes.length]!;
  return {
    predictions,
    losses: Float64Array.from({ length: count }, (_, picture) => {
      const first = picture * classes.length;
      const isNegative = labels.subarray(first, first + classes.length).every((label) => label === 0);
      let sum = 0;
      for (let cell = first; cell < first + classes.length; cell++) sum += crossEntropy(labels[cell]!, probabilities[cell]!);
      return (isNegative ? negativeWeight : 1) * (sum / classes.length);
    }),
    present: Uint8Array.from(probabilities, (probability, cell) => (probability >= borderAt(cell) ? 1 : 0)),
    rightForKeras: Uint8Array.from(probabilities, (probability, cell) => (probability > borderAt(cell) === (labels[cell] === 1) ? 1 : 0)),
    buckets: kerasBuckets(probabilities),
    residuals: Float64Array.from(labels, (label, cell) => label - probabilities[cell]!),
    bins: Uint8Array.from(probabilities, binOf),
    ranking: rank(predictions),
  };
}

/** Keras' `epsilon()`, and one minus it as 32 bits hold it. */
const lowest = Math.fround(1e-7);
const highest = Math.fround(1 - 1e-7);

/** A probability as Keras' losses take it: never so close to 0 or 1 that its logarithm has no end. */
export function clip(probability: number): number {
  return Math.min(highest, Math.max(lowest, probability));
}

/** Keras' `binary_crossentropy` of one label, in nats. */
function crossEntropy(label: number, probability: number): number {
  const clipped = clip(probability);
  return -Math.log(label === 1 ? clipped : 1 - clipped);
}

/** All metrics where picture i counts `weights[i]` times; the weights must not all be 0. */
export function total(scores: Scores, weights: ArrayLike<number>): Totals {
  const { predictions, losses, present, rightForKeras, buckets, residuals, bins, ranking } = scores;
  const { classes, count, labels } = predictions;
  const width = classes.length;
  const confusions = classes.map(() => ({ truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 }));
  const { positives, negatives } = emptyBuckets();
  // How many labels of each bin are present beyond what their probabilities say.
  const beyond = new Float64Array(reliabilityBins);
  let pictures = 0;
  let loss = 0;
  let keras = 0;
  let wrong = 0;
  let exact = 0;
  for (let picture = 0; picture < count; picture++) {
    const weight = weights[picture]!;
    if (weight === 0) continue;
    let wrongHere = 0;
    for (let index = 0; index < width; index++) {
      const cell = picture * width + index;
      const confusion = confusions[index]!;
      if (labels[cell] === 1) {
        positives[buckets[cell]!]! += weight;
        if (present[cell] === 1) confusion.truePositives += weight;
        else confusion.falseNegatives += weight;
      } else {
        negatives[buckets[cell]!]! += weight;
        if (present[cell] === 1) confusion.falsePositives += weight;
        else confusion.trueNegatives += weight;
      }
      if (present[cell] !== labels[cell]) wrongHere++;
      keras += weight * rightForKeras[cell]!;
      beyond[bins[cell]!]! += weight * residuals[cell]!;
    }
    pictures += weight;
    loss += weight * losses[picture]!;
    wrong += weight * wrongHere;
    if (wrongHere === 0) exact += weight;
  }
  return {
    count: pictures,
    values: {
      loss: loss / pictures,
      binaryAccuracy: keras / (pictures * width),
      exactMatch: exact / pictures,
      aucKeras: kerasAuc(positives, negatives),
      auc: exactAuc(ranking, weights),
      f1Macro: confusions.reduce((sum, confusion) => sum + f1(confusion), 0) / width,
      f1Micro: f1(confusions.reduce(add)),
      hammingLoss: wrong / (pictures * width),
      ece: beyond.reduce((sum, gap) => sum + Math.abs(gap), 0) / (pictures * width),
    },
    confusions,
  };
}

function add(one: Confusion, other: Confusion): Confusion {
  return {
    truePositives: one.truePositives + other.truePositives,
    falsePositives: one.falsePositives + other.falsePositives,
    falseNegatives: one.falseNegatives + other.falseNegatives,
    trueNegatives: one.trueNegatives + other.trueNegatives,
  };
}

/** F1, the harmonic mean of precision and recall; 0 where there is nothing to find and nothing was found. */
export function f1({ truePositives, falsePositives, falseNegatives }: Omit<Confusion, 'trueNegatives'>): number {
  return ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives);
}
