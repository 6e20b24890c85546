/** How given classes and those that a model is confident of go together. */
export interface ConfidentJoint {
  /** For each class the mean probability that pictures of it have of it, shape [classes]; infinite where there is none. */
  readonly thresholds: readonly number[];
  /** Pictures by the class that was given (row) and the one that they confidently are of (column), shape [classes, classes]. */
  readonly counts: readonly (readonly number[])[];
  /** For each picture the class that it should have: the given one, unless the model is confident of another and it is the most probable one. */
  readonly suggested: readonly number[];
}

/**
 * The confident joint of Northcutt, Jiang and Chuang 2021 (arXiv:1911.00068, equation 1): a picture counts for the most probable of the classes whose
 * probability reaches the class' own threshold, so that a class the model is never sure of has a low bar, and one that it is always sure of a high one.
 *
 * @param given each picture's class
 * @param probabilities shape [pictures, classes]
 */
export function confidentJoint(given: readonly number[], probabilities: Float32Array, classes: number): ConfidentJoint {
  const sums = new Float64Array(classes);
  const sizes = new Uint32Array(classes);
  given.forEach((own, picture) => {
    sums[own]! += probabilities[picture * classes + own]!;
    sizes[own]!++;
  });
  const thresholds = Array.from(sums, (sum, index) => (sizes[index] === 0 ? Number.POSITIVE_INFINITY : sum / sizes[index]!));
  const counts = thresholds.map(() => new Array<number>(classes).fill(0));
  const suggested = given.map((own, picture) => {
    const row = probabilities.subarray(picture * classes, (picture + 1) * classes);
    const confident = row.map((probability, index) => (probability >= thresholds[index]! ? probability : -1));
    const sure = indexOfHighest(confident);
    if (confident[sure] === -1) return own;
    counts[own]![sure]!++;
    return sure === indexOfHighest(row) ? sure : own;
  });
  return { thresholds, counts, suggested };
}

/** The first of equals. */
function indexOfHighest(values: Float32Array): number {
  return values.indexOf(values.reduce((highest, value) => Math.max(highest, value)));
}
