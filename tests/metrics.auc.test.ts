import { describe, expect, test } from 'vitest';
import { multilabelMetrics, type Predictions } from '../lib/metrics';
import { Random } from '../lib/random';

/** Mann and Whitney's statistic, pair by pair. */
function byPairs({ labels, probabilities }: Predictions, weights: readonly number[]): number {
  let [won, pairs] = [0, 0];
  labels.forEach((label, one) => {
    labels.forEach((other, two) => {
      if (label !== 1 || other !== 0) return;
      const weight = weights[one]! * weights[two]!;
      pairs += weight;
      won += weight * (Math.sign(probabilities[one]! - probabilities[two]!) / 2 + 0.5);
    });
  });
  return won / pairs;
}

describe('the exact AUC', () => {
  test.each([
    ['of distinct probabilities', 1e6, 0.5],
    ['of many ties', 5, 0.5],
    ['of long stretches of one kind', 1e6, 0.05],
    ['where all probabilities are one', 1, 0.5],
    ['of two probabilities', 2, 0.3],
  ])('%s is the share of pairs that are ranked right, ties counting one half, however often pictures count', (_, levels, share) => {
    const random = new Random(`${levels} ${share}`);
    for (let round = 0; round < 20; round++) {
      const count = 60;
      const labels = Uint8Array.from({ length: count }, (_, picture) => (picture < 2 ? picture : Number(random.chance(share))));
      const probabilities = Float32Array.from(
        labels,
        (label) => Math.floor(levels * (0.7 * random.uniform() + 0.3 * label * random.uniform())) / levels,
      );
      const predictions = { classes: ['rice'], count, labels, probabilities };
      const weights = Array.from(labels, (_, picture) => (picture < 2 ? 1 : random.integer(4)));
      const { auc } = multilabelMetrics(predictions, { threshold: 0.5, negativeWeight: 1, weights });
      expect(auc).toBeCloseTo(byPairs(predictions, weights), 12);
    }
  });
});
