/** Keras' default. */
const thresholds = 200;

/**
 * The bucket of each probability: how many of Keras' thresholds, k/199, it lies above. Computed in 32 bits as Keras does, because a
 * probability beside a threshold would otherwise change its bucket.
 */
export function kerasBuckets(probabilities: Float32Array): Uint8Array {
  return Uint8Array.from(probabilities, (probability) => Math.max(0, Math.ceil(Math.fround(probability * (thresholds - 1))) - 1));
}

/**
 * Keras' `AUC(num_thresholds=200, curve="ROC", summation_method="interpolation", multi_label=False)`.
 *
 * @param positives weight of the positive labels by bucket, shape [200]
 * @param negatives weight of the negative labels by bucket, shape [200]
 * @returns in [0, 1]; 0 where all labels are of one kind, as Keras
 */
export function kerasAuc(positives: Float64Array, negatives: Float64Array): number {
  let area = 0;
  let truePositives = 0;
  let falsePositives = 0;
  for (let bucket = thresholds - 1; bucket >= 0; bucket--) {
    area += negatives[bucket]! * (truePositives + positives[bucket]! / 2);
    truePositives += positives[bucket]!;
    falsePositives += negatives[bucket]!;
  }
  return truePositives > 0 && falsePositives > 0 ? area / (truePositives * falsePositives) : 0;
}

/** Two empty sets of buckets: positives and negatives. */
export function emptyBuckets(): { readonly positives: Float64Array; readonly negatives: Float64Array } {
  return { positives: new Float64Array(thresholds), negatives: new Float64Array(thresholds) };
}
