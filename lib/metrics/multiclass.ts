import { checkOneClass, checkPredictions, checkWeights } from './check';
import { exactAuc, type Ranking, rank } from './ranking';
import { ratio } from './ratio';
import { binOf, emptyBins, reliabilityOf } from './reliability';
import { clip, f1 } from './scores';
import type { ClassMetrics, MulticlassMetricName, MulticlassMetrics, Predictions, ReliabilityBin } from './types';

/**
 * All metrics of a split of a multi-class task. The most probable class is the answer, the first of equals. Precision, recall and F1 are 0 where
 * they would divide by zero.
 *
 * @param predictions with exactly one label a picture
 * @param options `weights`: how often each picture counts, whole numbers of shape [count]; once each by default
 * @throws BAD_PREDICTIONS
 * @example
 * const predictions = {
 *   classes: ['spiral', 'smooth', 'edge-on'], count: 2,
 *   labels: Uint8Array.of(1, 0, 0, 0, 1, 0), probabilities: Float32Array.of(0.7, 0.2, 0.1, 0.5, 0.4, 0.1),
 * };
 * const { accuracy, top2Accuracy, confusion } = multiclassMetrics(predictions);
 * // accuracy 0.5, top2Accuracy 1, confusion [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
 */
export function multiclassMetrics(predictions: Predictions, { weights }: { readonly weights?: ArrayLike<number> } = {}): MulticlassMetrics {
  checkPredictions(predictions);
  checkOneClass(predictions);
  if (weights) checkWeights(weights, predictions.count);
  const scores = scoreClasses(predictions);
  const times = weights ?? new Uint8Array(predictions.count).fill(1);
  const { count, values, confusion, reliability, aucs } = totalClasses(scores, times);
  return { kind: 'multiclass', count, ...values, perClass: predictions.classes.map(classMetrics(confusion, aucs)), confusion, reliability };
}

/** What each picture contributes, computed once; resampling only changes how often it counts. */
export interface ClassScores {
  readonly classes: number;
  readonly count: number;
  /** Shape [count], as are all that follow. */
  readonly actual: Uint16Array;
  readonly answered: Uint16Array;
  /** 1 where the class is one of the two most probable. */
  readonly amongTwo: Uint8Array;
  readonly losses: Float64Array;
  readonly confidences: Float32Array;
  readonly bins: Uint8Array;
  /** By class. */
  readonly rankings: readonly Ranking[];
}

/** Scores predictions that were checked. */
export function scoreClasses(predictions: Predictions): ClassScores {
  const { classes, count, labels, probabilities } = predictions;
  const width = classes.length;
  const actual = new Uint16Array(count);
  const answered = new Uint16Array(count);
  const amongTwo = new Uint8Array(count);
  const losses = new Float64Array(count);
  const confidences = new Float32Array(count);
  for (let picture = 0; picture < count; picture++) {
    const row = probabilities.subarray(picture * width, (picture + 1) * width);
    const right = labels.subarray(picture * width, (picture + 1) * width).indexOf(1);
    const probability = row[right]!;
    const before = row.reduce((sum, other, index) => sum + (other > probability || (other === probability && index < right) ? 1 : 0), 0);
    const confidence = row.reduce((most, other) => Math.max(most, other), 0);
    actual[picture] = right;
    answered[picture] = row.indexOf(confidence);
    amongTwo[picture] = before < 2 ? 1 : 0;
    losses[picture] = -Math.log(clip(probability));
    confidences[picture] = confidence;
  }
  return {
    classes: width,
    count,
    actual,
    answered,
    amongTwo,
    losses,
    confidences,
    bins: Uint8Array.from(confidences, binOf),
    rankings: classes.map((_, index) => rank(predictions, index)),
  };
}

/** Every single number, and what the others are made of. */
interface ClassTotals {
  readonly count: number;
  readonly values: Readonly<Record<Exclude<MulticlassMetricName, 'auc'>, number>> & { readonly auc: number | null };
  readonly confusion: readonly (readonly number[])[];
  readonly reliability: readonly ReliabilityBin[];
  readonly aucs: readonly (number | null)[];
}

/** All metrics where picture i counts `weights[i]` times; the weights must not all be 0. */
export function totalClasses(scores: ClassScores, weights: ArrayLike<number>): ClassTotals {
  const { classes, actual, answered } = scores;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const inBin = emptyBins();
  let count = 0;
  let loss = 0;
  let amongTwo = 0;
  for (let picture = 0; picture < scores.count; picture++) {
    const weight = weights[picture]!;
    if (weight === 0) continue;
    count += weight;
    loss += weight * scores.losses[picture]!;
    amongTwo += weight * scores.amongTwo[picture]!;
    confusion[actual[picture]!]![answered[picture]!]! += weight;
    const bin = inBin[scores.bins[picture]!]!;
    bin.count += weight;
    bin.confidence += weight * scores.confidences[picture]!;
    if (actual[picture] === answered[picture]) bin.right += weight;
  }
  const outcomes = confusion.map((_, index) => outcomesOf(confusion, index));
  const present = outcomes.filter(({ support }) => support > 0);
  const right = outcomes.reduce((sum, { truePositives }) => sum + truePositives, 0);
  const byChance = outcomes.reduce((sum, { support, answers }) => sum + support * answers, 0) / count ** 2;
  const aucs = scores.rankings.map((ranking) => exactAuc(ranking, weights));
  const found = aucs.filter((auc): auc is number => auc !== null);
  return {
    count,
    values: {
      loss: loss / count,
      accuracy: right / count,
      balancedAccuracy: present.reduce((sum, { truePositives, support }) => sum + truePositives / support, 0) / present.length,
      f1Macro: outcomes.reduce((sum, outcome) => sum + f1(outcome), 0) / classes,
      top2Accuracy: amongTwo / count,
      ece: inBin.reduce((sum, bin) => sum + Math.abs(bin.right - bin.confidence), 0) / count,
      kappa: ratio(right / count - byChance, 1 - byChance),
      auc: found.length > 0 ? found.reduce((sum, auc) => sum + auc, 0) / found.length : null,
    },
    confusion,
    reliability: reliabilityOf(inBin),
    aucs,
  };
}

/** One class against the rest. */
function outcomesOf(confusion: readonly (readonly number[])[], index: number) {
  const support = confusion[index]!.reduce((sum, cell) => sum + cell, 0);
  const answers = confusion.reduce((sum, row) => sum + row[index]!, 0);
  const truePositives = confusion[index]![index]!;
  return { support, answers, truePositives, falsePositives: answers - truePositives, falseNegatives: support - truePositives };
}

function classMetrics(
  confusion: readonly (readonly number[])[],
  aucs: readonly (number | null)[],
): (name: string, index: number) => ClassMetrics {
  const count = confusion.flat().reduce((sum, cell) => sum + cell, 0);
  return (name, index) => {
    const outcomes = outcomesOf(confusion, index);
    const { support, answers, truePositives, falsePositives, falseNegatives } = outcomes;
    return {
      name,
      precision: ratio(truePositives, answers),
      recall: ratio(truePositives, support),
      f1: f1(outcomes),
      auc: aucs[index]!,
      support,
      truePositives,
      falsePositives,
      falseNegatives,
      trueNegatives: count - truePositives - falsePositives - falseNegatives,
    };
  };
}

/** How often one class was called another. */
export interface ConfusedPair {
  readonly actual: string;
  readonly answered: string;
  readonly pictures: number;
  /** Of the pictures of the actual class. */
  readonly share: number;
}

/** The mistakes that were made most often, the most frequent first; pairs that were never confused are left out. */
export function mostConfused(
  { confusion, perClass }: Pick<MulticlassMetrics, 'confusion' | 'perClass'>,
  { atMost = 10 }: { readonly atMost?: number } = {},
): ConfusedPair[] {
  const pairs = perClass.flatMap((actual, row) =>
    perClass.map((answered, column): ConfusedPair => {
      const pictures = row === column ? 0 : confusion[row]![column]!;
      return { actual: actual.name, answered: answered.name, pictures, share: ratio(pictures, actual.support) };
    }),
  );
  return pairs
    .filter(({ pictures }) => pictures > 0)
    .sort((one, other) => other.pictures - one.pictures)
    .slice(0, atMost);
}
