import { bisect } from 'simple-statistics';
import type { Predictions } from '../metrics';
import { type DecisionKind, logitsOf, sigmoid, softmax } from '../prediction';

/** Temperatures beyond these would mean that the labels set no limit to how sure, or how unsure, the model should be. */
const coldest = 0.05;
const hottest = 20;

/**
 * The temperature at which the log loss of predictions is lowest: of every single label where a picture may have several, else of the pictures' classes
 * (Guo et al. 2017, section 4.2). The loss is convex in 1/T, so where its slope is 0 is the one minimum.
 *
 * @param predictions of pictures that the model did not learn from
 * @returns to four digits, the fourth of which the loss hardly feels; null where there is no minimum, as where every label is on its right side and no
 *   sureness would be too much
 */
export function fitTemperature(predictions: Predictions, kind: DecisionKind): number | null {
  const slope = lossSlope(predictions, kind);
  if (slope(1 / hottest) >= 0 || slope(1 / coldest) <= 0) return null;
  const logarithm = bisect((at: number) => slope(Math.exp(at)), -Math.log(hottest), -Math.log(coldest), 60, 1e-6);
  return Number(Math.exp(-logarithm).toPrecision(4));
}

/** The slope of the summed log loss over 1/T, which is how far the logits that are expected lie above those of the labels. */
function lossSlope({ classes, labels, probabilities }: Predictions, kind: DecisionKind): (inverse: number) => number {
  const logits = logitsOf(probabilities, kind);
  if (kind !== 'multiclass')
    return (inverse) => logits.reduce((sum, logit, cell) => sum + logit * (sigmoid(inverse * logit) - labels[cell]!), 0);
  return (inverse) => {
    let sum = 0;
    for (let first = 0; first < logits.length; first += classes.length) {
      const row = logits.subarray(first, first + classes.length);
      const expected = softmax(row.map((logit) => inverse * logit));
      for (let index = 0; index < row.length; index++) sum += row[index]! * (expected[index]! - labels[first + index]!);
    }
    return sum;
  };
}
