/** Side of the thumbnail that pictures are compared by. */
export const thumbnailSize = 32;
const kept = 8;
const cosines = Float64Array.from({ length: kept * thumbnailSize }, (_, index) => {
  const frequency = Math.floor(index / thumbnailSize) + 1;
  const position = index % thumbnailSize;
  return Math.cos((Math.PI / thumbnailSize) * (position + 0.5) * frequency);
});

/** 64 bits, in two halves. */
export type PerceptualHash = readonly [number, number];

/**
 * The DCT-based hash of Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash Functions", 3.2.1: of the discrete
 * cosine transform of 32x32 grey values the 8x8 lowest frequencies without the constant ones; a bit for each above their median.
 *
 * @param grey shape [32, 32]; resizing with antialiasing stands for Zauner's mean filter
 */
export function perceptualHash(grey: Float32Array): PerceptualHash {
  const coefficients = lowFrequencies(grey);
  const sorted = Float64Array.from(coefficients).sort();
  const median = (sorted[31]! + sorted[32]!) / 2;
  const hash: [number, number] = [0, 0];
  coefficients.forEach((value, bit) => {
    if (value > median) hash[bit >> 5]! |= 1 << (bit & 31);
  });
  return hash;
}

/** Grey values, shape [size, size], of RGB pixels, shape [size, size, 3]: ITU-R BT.601 luma. */
export function greyValues(rgb: Uint8Array): Float32Array {
  return Float32Array.from(
    { length: rgb.length / 3 },
    (_, pixel) => 0.299 * rgb[3 * pixel]! + 0.587 * rgb[3 * pixel + 1]! + 0.114 * rgb[3 * pixel + 2]!,
  );
}

/** Separable DCT-II, frequencies 1 to 8 in both directions, unscaled: only their order counts. */
function lowFrequencies(grey: Float32Array): Float64Array {
  return transformRows(transformRows(grey));
}

/** The kept frequencies of each row, shape [rows, 32], transposed, shape [8, rows]: done twice, both directions are transformed. */
function transformRows(values: Float32Array | Float64Array): Float64Array {
  const rows = values.length / thumbnailSize;
  const frequencies = new Float64Array(kept * rows);
  for (let u = 0; u < kept; u++) {
    for (let y = 0; y < rows; y++) {
      let sum = 0;
      for (let x = 0; x < thumbnailSize; x++) sum += values[y * thumbnailSize + x]! * cosines[u * thumbnailSize + x]!;
      frequencies[u * rows + y] = sum;
    }
  }
  return frequencies;
}

/** Pearson's correlation, in [-1, 1]; 0 where either is a single value throughout, since a blank picture resembles every other. */
export function correlation(a: Float32Array, b: Float32Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [covariance, varianceA, varianceB] = [0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index]! - meanA, b[index]! - meanB];
    covariance += x * y;
    varianceA += x * x;
    varianceB += y * y;
  }
  const scale = Math.sqrt(varianceA * varianceB);
  return scale < 1e-6 ? 0 : covariance / scale;
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
