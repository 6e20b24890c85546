/** Between which values the numbers of a tensor lie. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** How 8-bit numbers stand for real ones: real = scale · (number − zeroPoint). */
export interface Quantisation {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * uint8 over a range, stretched so that 0 is one of its numbers: padding and ReLU give exact zeros (Jacob et al. 2018, arXiv:1712.05877,
 * section 3).
 */
export function quantisationOf(range: Range): Quantisation {
  const low = Math.min(range.low, 0);
  const high = Math.max(range.high, 0);
  const scale = Math.fround((high - low) / 255) || 1; // a tensor of zeros
  return { scale, zeroPoint: Math.round(Math.abs(low) / scale) };
}

/** Counts of values in equal parts of a range that holds 0. */
export interface Histogram extends Range {
  readonly counts: Float64Array;
}

/** Bins of a histogram, and numbers of a uint8: 2,048 as in TensorRT. */
export const histogramBins = 2048;
const levels = 256;
/** Bins between two ranges that are tried. */
const step = 16;

/**
 * The range whose 8-bit version tells least apart from the values themselves: the smallest Kullback-Leibler divergence over ranges that
 * cut off both ends at the same distance from 0 (Migacz 2017, "8-bit inference with TensorRT"). The many zeros that a ReLU gives would
 * outweigh all else, and every scale has a number for them: they count as the values next to them do.
 */
export function entropyRange({ low, high, counts: seen }: Histogram): Range {
  if (low === high) return { low, high };
  const width = (high - low) / seen.length;
  const zero = Math.min(seen.length - 1, Math.floor(-low / width));
  const counts = seen.slice();
  counts[zero] = seen[zero + 1] ?? seen[zero - 1]!;
  const reach = Math.max(zero, counts.length - zero);
  let best = { first: 0, last: counts.length, divergence: Number.POSITIVE_INFINITY };
  for (let distance = reach; distance > 0; distance -= step) {
    const first = Math.max(0, zero - distance);
    const last = Math.min(counts.length, zero + distance);
    if (last - first < levels) break;
    const divergence = divergenceOf(counts, first, last);
    if (divergence < best.divergence) best = { first, last, divergence };
  }
  return { low: low + best.first * width, high: low + best.last * width };
}

/** Kullback-Leibler divergence of a histogram cut to bins `first` to `last` from the same bins in 256 levels. */
function divergenceOf(counts: Float64Array, first: number, last: number): number {
  const kept = counts.slice(first, last);
  const cut = kept.slice();
  for (let bin = 0; bin < first; bin++) cut[0]! += counts[bin]!;
  for (let bin = last; bin < counts.length; bin++) cut[cut.length - 1]! += counts[bin]!;
  const coarse = new Float64Array(kept.length);
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * kept.length) / levels);
    const to = Math.floor(((level + 1) * kept.length) / levels);
    let sum = 0;
    let filled = 0;
    for (let bin = from; bin < to; bin++) {
      sum += kept[bin]!;
      if (cut[bin]! > 0) filled++;
    }
    for (let bin = from; bin < to; bin++) if (cut[bin]! > 0) coarse[bin] = sum / filled;
  }
  const cutTotal = cut.reduce((sum, count) => sum + count, 0);
  const coarseTotal = coarse.reduce((sum, count) => sum + count, 0);
  let divergence = 0;
  for (const [bin, count] of cut.entries()) {
    if (count === 0) continue;
    // Where only values from outside fall, one counts as having been there: the divergence would be infinite for a single outlier.
    divergence += (count / cutTotal) * Math.log(count / cutTotal / ((coarse[bin] || 1) / coarseTotal));
  }
  return divergence;
}
