import { type ClassMetrics, multilabelMetrics, type Predictions } from '../metrics';
import type { Goal } from './goal';

/** The threshold of a class, and what it comes to on the pictures that it was chosen on. */
export interface ChosenThreshold extends Pick<ClassMetrics, 'name' | 'precision' | 'recall' | 'f1' | 'support'> {
  readonly threshold: number;
  /** Why the goal cannot be reached; the threshold is then the usual one. */
  readonly problem?: string;
}

/**
 * Chooses each class' threshold for a goal. Of all thresholds that part the pictures in the same way the usual one is taken where it is among them, and else
 * one in the middle, so that nothing changes where nothing is gained.
 *
 * Each is the best of as many as there are pictures, so it does better on these than on others: measure it on a test split.
 *
 * @param predictions of a multi-label split that the model did not learn from
 * @param usual the threshold that classes have otherwise, and keep where the goal cannot be reached
 * @throws BAD_PREDICTIONS
 */
export function chooseThresholds(predictions: Predictions, goal: Goal, usual: number): ChosenThreshold[] {
  const found = predictions.classes.map((_, index) => bestPartition(partitionsOf(predictions, index), goal));
  const thresholds = found.map((best) => ('problem' in best ? usual : thresholdBetween(best.rejected, best.accepted, usual)));
  const { perClass } = multilabelMetrics(predictions, { threshold: usual, thresholds, negativeWeight: 1 });
  return perClass.map(({ name, precision, recall, f1, support }, index) => {
    const best = found[index]!;
    return { name, threshold: thresholds[index]!, precision, recall, f1, support, ...('problem' in best && { problem: best.problem }) };
  });
}

/** A class' pictures in two: those present have at least the probability `accepted`, the others at most `rejected`. */
interface Partition {
  readonly accepted: number;
  readonly rejected: number;
  readonly present: number;
  readonly truePositives: number;
  readonly support: number;
}

/** Every way in which a threshold can part the pictures, from the fewest present to all. */
function partitionsOf({ classes, count, labels, probabilities }: Predictions, classIndex: number): Partition[] {
  const cells = Array.from({ length: count }, (_, picture) => picture * classes.length + classIndex);
  cells.sort((one, other) => probabilities[other]! - probabilities[one]!);
  const support = cells.reduce((sum, cell) => sum + labels[cell]!, 0);
  const partitions: Partition[] = [];
  let truePositives = 0;
  for (const [place, cell] of cells.entries()) {
    truePositives += labels[cell]!;
    const accepted = probabilities[cell]!;
    const next = cells[place + 1];
    const rejected = next === undefined ? 0 : probabilities[next]!;
    if (rejected < accepted || next === undefined) partitions.push({ accepted, rejected, present: place + 1, truePositives, support });
  }
  return partitions;
}

/** The first of equals, which calls the fewest pictures present. */
function bestPartition(partitions: readonly Partition[], goal: Goal): Partition | { readonly problem: string } {
  if (partitions[0]!.support === 0) return { problem: 'no picture shows it' };
  const precisionOf = ({ truePositives, present }: Partition): number => truePositives / present;
  const allowed = goal.kind === 'f1' ? partitions : partitions.filter((one) => precisionOf(one) >= goal.atLeast && one.truePositives > 0);
  const value = ({ truePositives, present, support }: Partition): number =>
    goal.kind === 'f1' ? (2 * truePositives) / (present + support) : truePositives;
  const [first, ...others] = allowed;
  if (!first) return { problem: `no threshold has more precision than ${Math.max(...partitions.map(precisionOf)).toFixed(3)}` };
  return others.reduce((best, one) => (value(one) > value(best) ? one : best), first);
}

/** A threshold above `rejected` and up to `accepted`, with as few decimals as it takes, also where 32 bits hold it. */
function thresholdBetween(rejected: number, accepted: number, usual: number): number {
  const parts = (threshold: number): boolean => rejected < Math.fround(threshold) && threshold <= accepted;
  const middle = (rejected + accepted) / 2;
  const candidates = [usual, ...[2, 3, 4, 5, 6, 7, 8].map((digits) => Number(middle.toFixed(digits)))];
  return candidates.find(parts) ?? accepted;
}
