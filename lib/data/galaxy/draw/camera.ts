import type { Random } from '../../../random';
import type { Canvas } from './canvas';
import { blur, blurBySeeing } from './psf';
import { bands, exposures, pixelScale, readNoise } from './survey';

/** Arcsinh stretch of the survey's viewer: its softening, and the level that it lifts the sky to. */
const softening = 20;
const pedestal = 0.03;

/** How stacking onto a common grid shares each detector pixel among its neighbours: noise of neighbouring pixels correlates by half, as on cut-outs. */
const resampling = Float32Array.from([0.6, 0.2]);

/** What one stack of exposures is like. */
export interface Conditions {
  /** Times the exposure of a full-depth stack: how often the survey came by; cut-outs made late have more than three visits. */
  readonly depth: number;
  /** Times the median seeing. */
  readonly seeing: number;
}

export function drawConditions(random: Random): Conditions {
  return { depth: 1.5 * Math.exp(0.25 * random.normal()), seeing: Math.min(1.4, Math.max(0.8, Math.exp(0.1 * random.normal()))) };
}

/**
 * Photographs a canvas through g, r and z and makes the survey's colour picture of it. The canvas is used up: its planes hold what the
 * detector saw.
 *
 * @returns RGB, shape [size, size, 3]
 */
export function photograph({ size, planes }: Canvas, { depth, seeing }: Conditions, random: Random): Uint8Array {
  const scratch = new Float32Array(size * size);
  bands.forEach((band, index) => {
    const plane = planes[index]!;
    blurBySeeing(plane, size, (seeing * band.seeing) / pixelScale, scratch);
    const electrons = 10 ** (0.4 * (band.zeroPoint - 22.5)) * band.exposure * depth; // a nanomaggy
    const sky = 10 ** (0.4 * (22.5 - band.sky)) * pixelScale ** 2 * electrons;
    const [perElectron, darkness] = [1 / electrons, sky + exposures * depth * readNoise ** 2];
    const noise = random.normals(plane.length);
    for (let pixel = 0; pixel < noise.length; pixel++) {
      // With hundreds of electrons a pixel Poisson's distribution is Gauss'.
      const light = plane[pixel]!;
      noise[pixel]! *= Math.sqrt(darkness + (light > 0 ? light * electrons : 0)) * perElectron;
    }
    blur(noise, size, resampling, scratch);
    for (let pixel = 0; pixel < plane.length; pixel++) plane[pixel]! += noise[pixel]!;
  });
  return halveChroma(colourPicture(...planes), size);
}

/**
 * Lupton et al. (2004), PASP 116, 133: an arcsinh stretch of the mean of the bands, which keeps each pixel's colour; z, r and g become red,
 * green and blue. Scales, softening and pedestal are those of the Legacy Surveys' viewer (github.com/legacysurvey/imagine, `sdss_rgb`).
 *
 * @returns RGB, shape [size, size, 3]
 */
export function colourPicture(g: Float32Array, r: Float32Array, z: Float32Array): Uint8ClampedArray {
  const picture = new Uint8ClampedArray(3 * g.length);
  for (let pixel = 0; pixel < g.length; pixel++) {
    const blue = Math.max(0, g[pixel]! * bands[0].display + pedestal);
    const green = Math.max(0, r[pixel]! * bands[1].display + pedestal);
    const red = Math.max(0, z[pixel]! * bands[2].display + pedestal);
    const intensity = (red + green + blue) / 3;
    if (intensity === 0) continue;
    const light = softening * intensity;
    const asinh = Math.log(light + Math.sqrt(light * light + 1)); // Math.asinh takes four times as long
    const stretched = (asinh * 255) / (Math.sqrt(softening) * intensity);
    picture[3 * pixel] = red * stretched;
    picture[3 * pixel + 1] = green * stretched;
    picture[3 * pixel + 2] = blue * stretched;
  }
  return picture;
}

/** The viewer sends JPEG, which keeps colour at half the resolution of brightness: a picture as it is after that (ITU-R BT.601). */
function halveChroma(picture: Uint8ClampedArray, size: number): Uint8Array {
  const soft = new Uint8ClampedArray(picture.length);
  for (let row = 0; row < size; row += 2) {
    for (let column = 0; column < size; column += 2) {
      const first = 3 * (row * size + column);
      const four = [first, first + 3, first + 3 * size, first + 3 * size + 3] as const;
      let [red, green, blue] = [0, 0, 0];
      for (const at of four) {
        red += picture[at]! / 4;
        green += picture[at + 1]! / 4;
        blue += picture[at + 2]! / 4;
      }
      const mean = luma(red, green, blue);
      for (const at of four) {
        const change = luma(picture[at]!, picture[at + 1]!, picture[at + 2]!) - mean;
        soft[at] = red + change;
        soft[at + 1] = green + change;
        soft[at + 2] = blue + change;
      }
    }
  }
  return new Uint8Array(soft.buffer);
}

function luma(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
