import type { Judging, Predictions } from '../metrics';
import { type Split, splits } from '../tasks';
import { confidentJoint } from './confidentJoint';

/** A picture whose labels are probably wrong. */
export interface LabelSuspect {
  /** Which of the predictions' pictures it is. */
  readonly row: number;
  /** One 0 or 1 for each class. */
  readonly given: readonly number[];
  readonly proposed: readonly number[];
  /** How well the given labels fit, in [0, 1]: the lower, the likelier they are wrong. */
  readonly quality: number;
}

/**
 * Pictures whose labels are probably wrong, the likeliest first, by confident learning (Northcutt, Jiang and Chuang 2021, "Confident learning:
 * estimating uncertainty in dataset labels", JAIR 70, arXiv:1911.00068): those off the diagonal of the confident joint, ranked by the normalised margin between
 * the given class and the most probable other one. Where a picture may show several classes, each class is one problem of two (Thyagarajan et al. 2022,
 * "Identifying incorrect annotations in multi-label classification data", arXiv:2211.13895), and the classes' qualities are pooled so that the worst counts
 * most.
 *
 * @param predictions of a model that has not learnt from these pictures: one that has agrees with their labels, right or wrong
 * @example
 * const predictions = {
 *   classes: ['cat', 'dog'], count: 5,
 *   labels: Uint8Array.of(1, 0, 1, 0, 0, 1, 0, 1, 1, 0), probabilities: Float32Array.of(0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8, 0.1, 0.9),
 * };
 * findLabelErrors(predictions, 'multiclass');
 * // [{ row: 4, given: [1, 0], proposed: [0, 1], quality: 0.1 }]
 */
export function findLabelErrors(predictions: Predictions, kind: Judging['kind'] = 'multilabel'): LabelSuspect[] {
  const suspects = kind === 'multiclass' ? ofOneClass(predictions) : ofSeveralClasses(predictions);
  return suspects.sort((one, other) => one.quality - other.quality);
}

function ofOneClass({ classes, count, labels, probabilities }: Predictions): LabelSuspect[] {
  const width = classes.length;
  const given = Array.from({ length: count }, (_, row) => labels.subarray(row * width, (row + 1) * width).indexOf(1));
  const { suggested } = confidentJoint(given, probabilities, width);
  return given.flatMap((own, row) => {
    const other = suggested[row]!;
    if (other === own) return [];
    const oneHot = (index: number): number[] => classes.map((_, position) => Number(position === index));
    const probability = probabilities.subarray(row * width, (row + 1) * width);
    return [{ row, given: oneHot(own), proposed: oneHot(other), quality: (1 + probability[own]! - probability[other]!) / 2 }];
  });
}

function ofSeveralClasses({ classes, count, labels, probabilities }: Predictions): LabelSuspect[] {
  const width = classes.length;
  const suggestedOf = classes.map((_, index) => {
    const given = Array.from({ length: count }, (__, row) => labels[row * width + index]!);
    const ofTwo = Float32Array.from({ length: 2 * count }, (__, cell) => {
      const probability = probabilities[(cell >> 1) * width + index]!;
      return cell % 2 === 1 ? probability : 1 - probability;
    });
    return confidentJoint(given, ofTwo, 2).suggested;
  });
  return Array.from({ length: count }, (_, row): LabelSuspect => {
    const given = Array.from(labels.subarray(row * width, (row + 1) * width));
    // Of two classes, the normalised margin is the probability of the given one.
    const qualities = given.map((label, index) => (label === 1 ? 1 : -1) * (probabilities[row * width + index]! - 0.5) + 0.5);
    return { row, given, proposed: suggestedOf.map((suggested) => suggested[row]!), quality: pooled(qualities) };
  }).filter(({ given, proposed }) => given.some((label, index) => label !== proposed[index]));
}

/** Thyagarajan et al. 2022, section 3. */
const smoothing = 0.8;

/** The exponential moving average over the qualities from the best to the worst. */
function pooled(qualities: readonly number[]): number {
  const [best, ...others] = [...qualities].sort((one, other) => other - one);
  return others.reduce((average, quality) => smoothing * quality + (1 - smoothing) * average, best!);
}

/** For `displayTable`, how many pictures of each split are suspects. */
export function suspectRows(
  suspects: Readonly<Record<Split, readonly LabelSuspect[]>>,
  pictures: Readonly<Record<Split, readonly unknown[]>>,
): { split: Split; pictures: number; suspects: number; share: number }[] {
  return splits.map((split) => {
    const [found, all] = [suspects[split].length, pictures[split].length];
    return { split, pictures: all, suspects: found, share: found / all };
  });
}
