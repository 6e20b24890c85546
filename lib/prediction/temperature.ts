import type { DecisionKind } from './decision';

/** Half of the smallest number above 0 that 32 bits hold, and 1 minus half of their last place before 1: what lies beyond is rounded to 0 and to 1. */
const lowest = 2 ** -150;
const highest = 1 - 2 ** -25;

/**
 * The logits that probabilities are of: of sigmoids log(p / (1 − p)); of a softmax log(p), which is them up to a number that is the same for all classes
 * of a picture and cancels. The network's own are lost where 32 bits round a probability to 0 or to 1: those are taken to be just so far that they are
 * rounded, logits of −104 and 17.3. So the order of pictures is kept.
 *
 * @param probabilities shape [pictures, classes]
 * @returns of the same shape
 */
export function logitsOf(probabilities: Float32Array, kind: DecisionKind): Float64Array {
  return Float64Array.from(probabilities, (probability) => {
    const inside = Math.min(highest, Math.max(lowest, probability));
    return kind === 'multiclass' ? Math.log(inside) : Math.log(inside) - Math.log1p(-inside);
  });
}

/**
 * Probabilities of logits divided by a temperature: above 1 they are less sure, below 1 surer, and their order stays (Guo et al. 2017, "On calibration of
 * modern neural networks", section 4.2). Logits are found as `logitsOf` says.
 *
 * @param probabilities shape [pictures, classes]
 * @param temperature above 0
 * @returns of the same shape
 */
export function atTemperature(
  probabilities: Float32Array,
  temperature: number,
  classes: number,
  kind: DecisionKind = 'multilabel',
): Float32Array {
  const scaled = logitsOf(probabilities, kind).map((logit) => logit / temperature);
  if (kind !== 'multiclass') return Float32Array.from(scaled, sigmoid);
  const result = new Float32Array(scaled.length);
  for (let first = 0; first < scaled.length; first += classes) result.set(softmax(scaled.subarray(first, first + classes)), first);
  return result;
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Shape [classes], as its result. */
export function softmax(logits: Float64Array): Float64Array {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const exponentials = logits.map((logit) => Math.exp(logit - highest));
  const sum = exponentials.reduce((total, exponential) => total + exponential, 0);
  return exponentials.map((exponential) => exponential / sum);
}
