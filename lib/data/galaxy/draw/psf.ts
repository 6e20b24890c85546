/**
 * A star's image as a sum of two Gaussians, which is separable where a Moffat profile is not. Fitted by least squares to a Moffat of
 * beta = 3, near what DECam delivers; within 3 % of its peak everywhere. Widths are standard deviations in full widths at half maximum.
 */
const core = { share: 0.5, width: 0.39 };
const wings = { share: 0.5, width: 0.78 };

/**
 * Blurs a plane in place, shape [size, size] with an even size, by a star's image of the given full width at half maximum, in pixels.
 *
 * @param scratch as large as the plane; what it holds is lost
 */
export function blurBySeeing(plane: Float32Array, size: number, fwhm: number, scratch: Float32Array): void {
  // The wings have no detail of a pixel or two, so a quarter of the pixels do for them, at an eighth of the work. Pixels twice as large
  // blur by themselves: averaging 2x2 adds a variance of 1/4, and blending back, on average, one of 3/4 of a pixel squared.
  const spread = Math.sqrt((wings.width * fwhm) ** 2 - 1) / 2;
  const wide = halved(plane, size);
  const half = size / 2;
  blur(wide, half, gaussian(spread), scratch);
  blur(plane, size, gaussian(core.width * fwhm), scratch);
  for (let row = 0; row < size; row++) {
    // A fine pixel's centre lies a quarter of a coarse pixel from that of the coarse pixel which holds it.
    const near = (row >> 1) * half;
    const next = Math.min(half - 1, Math.max(0, (row >> 1) + (row & 1 ? 1 : -1))) * half;
    for (let column = 0; column < size; column++) {
      const here = column >> 1;
      const beside = Math.min(half - 1, Math.max(0, here + (column & 1 ? 1 : -1)));
      const nearer = 0.75 * wide[near + here]! + 0.25 * wide[near + beside]!;
      const further = 0.75 * wide[next + here]! + 0.25 * wide[next + beside]!;
      const pixel = row * size + column;
      plane[pixel] = core.share * plane[pixel]! + wings.share * (0.75 * nearer + 0.25 * further);
    }
  }
}

/** Means of 2x2 pixels. */
function halved(plane: Float32Array, size: number): Float32Array {
  const half = size / 2;
  const means = new Float32Array(half * half);
  for (let row = 0; row < half; row++) {
    for (let column = 0; column < half; column++) {
      const at = 2 * row * size + 2 * column;
      means[row * half + column] = (plane[at]! + plane[at + 1]! + plane[at + size]! + plane[at + size + 1]!) / 4;
    }
  }
  return means;
}

/** Right half of a Gaussian kernel, the middle included, so that the whole sums to 1. */
export function gaussian(sigma: number): Float32Array {
  const half = Float32Array.from({ length: Math.ceil(3 * sigma) + 1 }, (_, offset) => Math.exp(-(offset * offset) / (2 * sigma * sigma)));
  const sum = half.reduce((total, value, offset) => total + (offset === 0 ? value : 2 * value), 0);
  return half.map((value) => value / sum);
}

/**
 * Convolves a plane in place with a symmetric kernel, along rows and then along columns. Light from outside the picture is taken to be like
 * that at its edge.
 *
 * @param scratch at least as large as the plane; what it holds is lost
 */
export function blur(plane: Float32Array, size: number, kernel: Float32Array, scratch: Float32Array): void {
  blurAcross(plane, scratch, size, kernel);
  blurAcross(scratch, plane, size, kernel);
}

/** Convolves each row and transposes, so that doing it twice convolves both ways. */
function blurAcross(plane: Float32Array, blurred: Float32Array, size: number, kernel: Float32Array): void {
  const reach = kernel.length - 1;
  const line = new Float64Array(size + 2 * reach);
  for (let row = 0; row < size; row++) {
    const start = row * size;
    line.fill(plane[start]!, 0, reach);
    line.set(plane.subarray(start, start + size), reach);
    line.fill(plane[start + size - 1]!, reach + size);
    for (let column = 0; column < size; column++) {
      const middle = column + reach;
      let sum = kernel[0]! * line[middle]!;
      for (let offset = 1; offset <= reach; offset++) sum += kernel[offset]! * (line[middle - offset]! + line[middle + offset]!);
      blurred[column * size + row] = sum;
    }
  }
}
