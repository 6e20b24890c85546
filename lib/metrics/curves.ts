import { checkClass, checkPredictions } from './check';
import { rank, sweep } from './ranking';
import type { Curve, Predictions } from './types';

/** A curve is a figure: more points than a figure has columns to show them only make the record larger. */
const mostPoints = 200;

/**
 * ROC curve of one class: x is the false positive rate, y the true positive rate, from (0, 0) to (1, 1); at most 200 points.
 *
 * @returns null where all labels of the class are of one kind
 * @throws BAD_PREDICTIONS
 */
export function rocCurve(predictions: Predictions, classIndex: number): Curve | null {
  const { steps, positives, negatives } = countSteps(predictions, classIndex);
  if (positives === 0 || negatives === 0) return null;
  const rates = steps.map((step) => [step.negatives / negatives, step.positives / positives] as const);
  return thin([[0, 0], ...rates]);
}

/**
 * Precision-recall curve of one class: x is recall, y precision, from recall 0, where precision is 1 by convention, to recall 1; at most 200
 * points.
 *
 * @returns null where the class never occurs
 * @throws BAD_PREDICTIONS
 */
export function precisionRecallCurve(predictions: Predictions, classIndex: number): Curve | null {
  const { steps, positives } = countSteps(predictions, classIndex);
  if (positives === 0) return null;
  const last = steps.findIndex((step) => step.positives === positives);
  const points = steps
    .slice(0, last + 1)
    .map((step) => [step.positives / positives, step.positives / (step.positives + step.negatives)] as const);
  return thin([[0, 1], ...points]);
}

/**
 * Average precision of one class: Σ (Rₙ − Rₙ₋₁) Pₙ over every distinct probability, without interpolation (Zhu 2004, as in scikit-learn).
 *
 * @returns in [0, 1]; null where the class never occurs
 * @throws BAD_PREDICTIONS
 */
export function averagePrecision(predictions: Predictions, classIndex: number): number | null {
  const { steps, positives } = countSteps(predictions, classIndex);
  if (positives === 0) return null;
  return steps.reduce((sum, step, index) => {
    const found = step.positives - (steps[index - 1]?.positives ?? 0);
    return sum + (found / positives) * (step.positives / (step.positives + step.negatives));
  }, 0);
}

/** The curves of every class that has one, by the class' name: what a run's record holds. */
export function curvesByClass(predictions: Predictions): {
  readonly roc: Record<string, Curve>;
  readonly precisionRecall: Record<string, Curve>;
} {
  const byClass = (curveOf: typeof rocCurve): Record<string, Curve> => {
    const named = predictions.classes.map((name, index) => [name, curveOf(predictions, index)] as const);
    return Object.fromEntries(named.filter((entry): entry is readonly [string, Curve] => entry[1] !== null));
  };
  return { roc: byClass(rocCurve), precisionRecall: byClass(precisionRecallCurve) };
}

interface Step {
  readonly positives: number;
  readonly negatives: number;
}

function countSteps(predictions: Predictions, classIndex: number): Step & { readonly steps: readonly Step[] } {
  checkPredictions(predictions);
  checkClass(predictions, classIndex);
  const steps: Step[] = [];
  const once = new Uint8Array(predictions.count).fill(1);
  sweep(rank(predictions, classIndex), once, (positives, negatives) => steps.push({ positives, negatives }));
  return { ...steps.at(-1)!, steps };
}

type Point = readonly [x: number, y: number];

/** At most so many of a list, at even distances. The ends stay. */
export function evenly<Item>(items: readonly Item[], atMost: number): Item[] {
  const kept = Math.min(items.length, atMost);
  return Array.from({ length: kept }, (_, index) => items[Math.round((index * (items.length - 1)) / Math.max(1, kept - 1))]!);
}

/** Drops the middle of straight runs, which changes nothing; what is still too many is taken at even distances. The ends stay. */
function thin(points: readonly Point[]): Curve {
  const corners = points.filter((point, index) => {
    const before = points[index - 1];
    const after = points[index + 1];
    return !before || !after || !isBetween(before, point, after);
  });
  const chosen = evenly(corners, mostPoints);
  return { x: chosen.map(([x]) => round(x)), y: chosen.map(([, y]) => round(y)) };
}

/** Five decimals: a figure shows three, and a record of full doubles is twice as long. */
function round(share: number): number {
  return Math.round(share * 1e5) / 1e5;
}

/** Whether the three points lie on one level or upright line. */
function isBetween([x0, y0]: Point, [x1, y1]: Point, [x2, y2]: Point): boolean {
  return (x0 === x1 && x1 === x2) || (y0 === y1 && y1 === y2);
}
