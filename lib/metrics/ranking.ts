import type { Predictions } from './types';

/** Single labels from the highest probability to the lowest. It is sorted once and swept as often as weights change. */
export interface Ranking {
  /** The picture of each. */
  readonly pictures: Uint32Array;
  /** 1 where the label is present. */
  readonly positive: Uint8Array;
  /** 1 where the next probability is lower: what lies between two such places is tied, and counts at once. */
  readonly endsTie: Uint8Array;
}

/** Ranks the labels of one class, or of all classes together. */
export function rank({ classes, count, labels, probabilities }: Predictions, classIndex?: number): Ranking {
  const width = classes.length;
  const cells =
    classIndex === undefined
      ? Uint32Array.from(labels, (_, cell) => cell)
      : Uint32Array.from({ length: count }, (_, picture) => picture * width + classIndex);
  cells.sort((one, other) => probabilities[other]! - probabilities[one]!);
  return {
    pictures: cells.map((cell) => Math.floor(cell / width)),
    positive: Uint8Array.from(cells, (cell) => labels[cell]!),
    endsTie: Uint8Array.from(cells, (cell, place) => (probabilities[cell] === probabilities[cells[place + 1]!] ? 0 : 1)),
  };
}

/** Calls `step` at each probability that occurs, from the highest down, with the weight of the positives and negatives at or above it. */
export function sweep(
  { pictures, positive, endsTie }: Ranking,
  weights: ArrayLike<number>,
  step: (positives: number, negatives: number) => void,
): void {
  let positives = 0;
  let negatives = 0;
  for (let place = 0; place < pictures.length; place++) {
    const weight = weights[pictures[place]!]!;
    if (positive[place] === 1) positives += weight;
    else negatives += weight;
    if (endsTie[place] === 1) step(positives, negatives);
  }
}

/**
 * Area under the ROC curve by the trapezium rule over every distinct probability. This is Mann and Whitney's (1947) statistic: the
 * probability that a positive ranks above a negative, ties counting one half (Hanley and McNeil 1982).
 *
 * @returns in [0, 1]; null where all labels are of one kind
 */
export function exactAuc({ pictures, positive, endsTie }: Ranking, weights: ArrayLike<number>): number | null {
  let area = 0;
  let positives = 0;
  let negatives = 0;
  let positivesBefore = 0;
  let negativesBefore = 0;
  // Not by `sweep`: a bootstrap comes here 200,000 times, and a call for each step would more than double its time.
  for (let place = 0; place < pictures.length; place++) {
    const weight = weights[pictures[place]!]!;
    if (positive[place] === 1) positives += weight;
    else negatives += weight;
    if (endsTie[place] === 0) continue;
    area += ((negatives - negativesBefore) * (positives + positivesBefore)) / 2;
    positivesBefore = positives;
    negativesBefore = negatives;
  }
  return positives > 0 && negatives > 0 ? area / (positives * negatives) : null;
}
