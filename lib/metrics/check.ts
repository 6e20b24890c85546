import { BadPredictions } from './errors';
import type { Predictions } from './types';

/** @throws BAD_PREDICTIONS where shapes do not fit, there is no picture, or a number is no label or no probability */
export function checkPredictions({ classes, count, labels, probabilities }: Predictions): void {
  if (count < 1 || classes.length < 1)
    throw BadPredictions(`there are ${count} pictures and ${classes.length} classes: at least one of each is needed`);
  const cells = count * classes.length;
  for (const [name, { length }] of Object.entries({ labels, probabilities })) {
    if (length !== cells)
      throw BadPredictions(`${name} holds ${length} numbers, but ${count} pictures of ${classes.length} classes make ${cells}`);
  }
  for (let cell = 0; cell < cells; cell++) {
    const label = labels[cell]!;
    const probability = probabilities[cell]!;
    const where = (): string => `of picture ${Math.floor(cell / classes.length)}, class "${classes[cell % classes.length]}",`;
    if (label !== 0 && label !== 1) throw BadPredictions(`the label ${where()} is ${label}: it must be 0 or 1`);
    if (Number.isNaN(probability))
      throw BadPredictions(`the probability ${where()} is not a number: training diverged, try a lower learning rate`);
    if (probability < 0 || probability > 1) throw BadPredictions(`the probability ${where()} is ${probability}: it must be in [0, 1]`);
  }
}

/** @throws BAD_PREDICTIONS where a picture has no class, or more than one */
export function checkOneClass({ classes, count, labels }: Predictions): void {
  for (let picture = 0; picture < count; picture++) {
    const row = labels.subarray(picture * classes.length, (picture + 1) * classes.length);
    const present = row.reduce((sum, label) => sum + label, 0);
    if (present !== 1) throw BadPredictions(`picture ${picture} has ${present} classes: where there is one answer, it must have one`);
  }
}

/** @throws BAD_PREDICTIONS where a picture has no weight, a weight is no whole number ≥ 0, or all are 0 */
export function checkWeights(weights: ArrayLike<number>, count: number): void {
  if (weights.length !== count) throw BadPredictions(`there are ${weights.length} weights for ${count} pictures`);
  let total = 0;
  for (let picture = 0; picture < count; picture++) {
    const weight = weights[picture]!;
    if (!Number.isInteger(weight) || weight < 0)
      throw BadPredictions(`the weight of picture ${picture} is ${weight}: it must be a whole number ≥ 0`);
    total += weight;
  }
  if (total === 0) throw BadPredictions('all weights are 0');
}

/** @throws BAD_PREDICTIONS where the class is not one of those predicted */
export function checkClass({ classes }: Predictions, classIndex: number): void {
  if (!(classIndex in classes)) throw BadPredictions(`there is no class ${classIndex}: classes are numbered 0 to ${classes.length - 1}`);
}
