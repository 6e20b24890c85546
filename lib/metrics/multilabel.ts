import { checkPredictions, checkWeights } from './check';
import { exactAuc, rank } from './ranking';
import { ratio } from './ratio';
import { labelReliability } from './reliability';
import { f1, type MetricOptions, score, total } from './scores';
import type { MultilabelMetrics, Predictions } from './types';

/**
 * All metrics of a split of a multi-label task. What Keras has is computed as Keras does; its loss with `sample_weight` is the mean over
 * classes, times the picture's weight, summed and divided by the number of pictures. Precision, recall and F1 are 0 where they would
 * divide by zero.
 *
 * @param options `weights`: how often each picture counts, whole numbers of shape [count]; once each by default
 * @throws BAD_PREDICTIONS
 * @example
 * const predictions = {
 *   classes: ['rice', 'fruit'], count: 2,
 *   labels: Uint8Array.of(1, 0, 0, 0), probabilities: Float32Array.of(0.9, 0.2, 0.6, 0.1),
 * };
 * const { exactMatch, auc } = multilabelMetrics(predictions, { threshold: 0.5, negativeWeight: 4 });
 * // exactMatch 0.5, auc 1
 */
export function multilabelMetrics(
  predictions: Predictions,
  { weights, ...options }: MetricOptions & { readonly weights?: ArrayLike<number> },
): MultilabelMetrics {
  checkPredictions(predictions);
  if (weights) checkWeights(weights, predictions.count);
  const times = weights ?? new Uint8Array(predictions.count).fill(1);
  const { count, values, confusions } = total(score(predictions, options), times);
  return {
    count,
    ...values,
    perClass: confusions.map((confusion, index) => {
      const { truePositives, falsePositives, falseNegatives } = confusion;
      return {
        name: predictions.classes[index]!,
        precision: ratio(truePositives, truePositives + falsePositives),
        recall: ratio(truePositives, truePositives + falseNegatives),
        f1: f1(confusion),
        auc: exactAuc(rank(predictions, index), times),
        support: truePositives + falseNegatives,
        ...confusion,
      };
    }),
    reliability: labelReliability(predictions, times),
  };
}
