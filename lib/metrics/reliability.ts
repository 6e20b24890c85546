import { ratio } from './ratio';
import type { Predictions, ReliabilityBin } from './types';

/** As in Guo et al. 2017. */
export const reliabilityBins = 15;

/** The bin of a probability: the first holds 0 too, every other what is above its lower end and up to its upper one. */
export function binOf(probability: number): number {
  return Math.max(0, Math.ceil(probability * reliabilityBins) - 1);
}

/** What the predictions of a bin add up to, each as often as its weight says. */
export interface BinSum {
  count: number;
  confidence: number;
  right: number;
}

/** Empty sums, one a bin. */
export function emptyBins(): BinSum[] {
  return Array.from({ length: reliabilityBins }, () => ({ count: 0, confidence: 0, right: 0 }));
}

/** Sums as what a reliability diagram shows. */
export function reliabilityOf(sums: readonly BinSum[]): ReliabilityBin[] {
  return sums.map(({ count, confidence, right }, index) => ({
    low: index / reliabilityBins,
    high: (index + 1) / reliabilityBins,
    count,
    confidence: ratio(confidence, count),
    accuracy: ratio(right, count),
  }));
}

/** Every single label of a multi-label split, in the bin of its probability; `right` is how many of them are present. */
export function labelReliability({ classes, labels, probabilities }: Predictions, weights: ArrayLike<number>): ReliabilityBin[] {
  const sums = emptyBins();
  for (let cell = 0; cell < labels.length; cell++) {
    const weight = weights[Math.floor(cell / classes.length)]!;
    const bin = sums[binOf(probabilities[cell]!)]!;
    bin.count += weight;
    bin.confidence += weight * probabilities[cell]!;
    bin.right += weight * labels[cell]!;
  }
  return reliabilityOf(sums);
}
