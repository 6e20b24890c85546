import { describe, expect, it } from 'vitest';
import { galaxy10Names } from '../lib/data/galaxy';
import { colourPicture } from '../lib/data/galaxy/draw/camera';
import { addPoint, type Canvas, emptyCanvas } from '../lib/data/galaxy/draw/canvas';
import { transmission } from '../lib/data/galaxy/draw/disc';
import { drawGalaxy, photographGalaxy } from '../lib/data/galaxy/draw/picture';
import { edgeOnDisc, sersic, sersicB } from '../lib/data/galaxy/draw/profiles';
import { blurBySeeing } from '../lib/data/galaxy/draw/psf';
import { addSpheroid } from '../lib/data/galaxy/draw/spheroid';
import { fluxOf, pictureSize, spectrum, surfaceFlux } from '../lib/data/galaxy/draw/survey';
import { type DrawJob, drawJob, drawJobs } from '../lib/data/galaxy/draw/threads';
import { Random } from '../lib/random';

const classOf = (name: string): number => galaxy10Names.indexOf(name);
const draw = (name: string, number: number): Canvas => drawGalaxy(classOf(name), new Random(3).fork(`${name}/${number}`));
const several = Array.from({ length: 8 }, (_, number) => number);

/** Flux in r, and the axis ratio of the second moments of what is brighter than a tenth of the sky's scatter. */
function measure({ size, planes: [, r] }: Canvas): { flux: number; axisRatio: number; x: number; y: number } {
  const faintest = surfaceFlux(24.5);
  let [flux, x, y, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  r.forEach((value, pixel) => {
    if (value < faintest) return;
    const [column, row] = [pixel % size, Math.floor(pixel / size)];
    flux += value;
    x += value * column;
    y += value * row;
    xx += value * column * column;
    yy += value * row * row;
    xy += value * column * row;
  });
  [x, y] = [x / flux, y / flux];
  const [a, b, c] = [xx / flux - x * x, yy / flux - y * y, xy / flux - x * y];
  const spread = Math.sqrt(((a - b) / 2) ** 2 + c * c);
  return { flux, axisRatio: Math.sqrt(((a + b) / 2 - spread) / ((a + b) / 2 + spread)), x, y };
}

/** How much a picture differs from itself turned by half a turn, as a share of its light: Conselice's (2003) asymmetry. */
function asymmetry({ planes: [, r] }: Canvas): number {
  const turned = r.slice().reverse();
  const total = r.reduce((sum, value) => sum + value, 0);
  return r.reduce((sum, value, pixel) => sum + Math.abs(value - turned[pixel]!), 0) / (2 * total);
}

describe('a drawn galaxy', () => {
  it.each(galaxy10Names)('of class %s is a picture of 256 pixels, the same for the same seed and another for another', (name) => {
    const picture = photographGalaxy(classOf(name), new Random(1).fork(name));
    expect(picture).toHaveLength(pictureSize * pictureSize * 3);
    expect(Buffer.from(photographGalaxy(classOf(name), new Random(1).fork(name))).equals(picture)).toBe(true);
    expect(Buffer.from(photographGalaxy(classOf(name), new Random(2).fork(name))).equals(picture)).toBe(false);
  });

  it.each(galaxy10Names)('of class %s is as bright as those that Galaxy Zoo shows, and in the middle', (name) => {
    for (const number of several) {
      const { flux, x, y } = measure(draw(name, number));
      expect(flux, 'magnitude 18.8').toBeGreaterThan(fluxOf(18.8));
      expect(flux, 'magnitude 12.5').toBeLessThan(fluxOf(12.5));
      expect(Math.hypot(x - 127.5, y - 127.5)).toBeLessThan(25);
    }
  });

  it.each<[string, number, number]>([
    ['Round Smooth', 0.83, 1],
    ['In-between Round Smooth', 0.42, 0.78],
    ['Cigar Shaped Smooth', 0.2, 0.42],
    ['Edge-on without Bulge', 0.03, 0.25],
    ['Edge-on with Bulge', 0.05, 0.5],
    ['Unbarred Tight Spiral', 0.4, 1],
  ])('of class %s has the axis ratio that its name says', (name, low, high) => {
    for (const number of several) {
      const { axisRatio } = measure(draw(name, number));
      expect(axisRatio).toBeGreaterThanOrEqual(low);
      expect(axisRatio).toBeLessThanOrEqual(high);
    }
  });

  it('is lopsided where it is disturbed or merging, and symmetric where it is smooth', () => {
    const mean = (name: string): number => several.reduce((sum, number) => sum + asymmetry(draw(name, number)), 0) / several.length;
    const smooth = mean('Round Smooth');
    expect(mean('Disturbed')).toBeGreaterThan(2 * smooth);
    expect(mean('Merging')).toBeGreaterThan(2 * smooth);
  });

  it('has a red bulge and blue arms where it is a spiral', () => {
    for (const number of several) {
      const { size, planes } = draw('Unbarred Loose Spiral', number);
      const colour = (from: number, to: number): number => {
        let [g, r] = [0, 0];
        for (let pixel = 0; pixel < planes[1].length; pixel++) {
          const radius = Math.hypot((pixel % size) - 127.5, Math.floor(pixel / size) - 127.5);
          if (radius < from || radius >= to) continue;
          g += planes[0][pixel]!;
          r += planes[1][pixel]!;
        }
        return 2.5 * Math.log10(r / g);
      };
      expect(colour(0, 3)).toBeGreaterThan(colour(12, 60));
    }
  });

  it('is thicker where it is edge-on with a bulge', () => {
    const mean = (name: string): number => several.reduce((sum, number) => sum + measure(draw(name, number)).axisRatio, 0) / several.length;
    expect(mean('Edge-on with Bulge')).toBeGreaterThan(1.3 * mean('Edge-on without Bulge'));
  });
});

describe('the profiles', () => {
  it.each([0.5, 1, 2, 4])('of Sérsic index %d hold half their light inside the effective radius, with mean brightness 1', (n) => {
    const profile = sersic(n);
    const light = (to: number): number => {
      let sum = 0;
      const step = to / 40_000;
      for (let radius = step / 2; radius < to; radius += step) sum += profile(radius) * 2 * Math.PI * radius * step;
      return sum;
    };
    expect(light(1) / Math.PI).toBeCloseTo(1, 2);
    expect(light(1) / light(200)).toBeCloseTo(0.5, 2);
  });

  it('have the constants of the papers', () => {
    expect(sersicB(4)).toBeCloseTo(7.669, 3); // de Vaucouleurs
    expect(sersicB(1)).toBeCloseTo(1.678, 3); // exponential
    // x K1(x) from tables (Abramowitz and Stegun, 9.8).
    expect(edgeOnDisc(0)).toBe(1);
    expect(edgeOnDisc(1)).toBeCloseTo(0.6019072, 6);
    expect(edgeOnDisc(3)).toBeCloseTo(3 * 0.0401564, 5);
  });

  it('of a spheroid add up to its flux, in the colours asked for', () => {
    const canvas = emptyCanvas(256);
    const [radius, axisRatio, brightness] = [8, 0.6, 0.5];
    addSpheroid(canvas, { x: 127.3, y: 128.1, angle: 0.7, n: 1, radius, axisRatio, brightness, colour: spectrum(0.75, 0.5) });
    const [g, r, z] = canvas.planes.map((plane) => plane.reduce((sum, value) => sum + value, 0)) as [number, number, number];
    // Half the light is inside the effective radius.
    expect(r / (2 * Math.PI * radius ** 2 * axisRatio * brightness)).toBeCloseTo(1, 2);
    expect(2.5 * Math.log10(r / g)).toBeCloseTo(0.75, 5);
    expect(2.5 * Math.log10(z / r)).toBeCloseTo(0.5, 5);
  });
});

describe('the camera', () => {
  it('keeps a star’s light and spreads it to the seeing', () => {
    const canvas = emptyCanvas(128);
    addPoint(canvas, 63.5, 63.5, 10, spectrum(0, 0));
    addPoint(canvas, -1, 500, 10, spectrum(0, 0)); // outside
    const seen = canvas.planes[1];
    blurBySeeing(seen, 128, 5, new Float32Array(128 * 128));
    expect(seen.reduce((sum, value) => sum + value, 0)).toBeCloseTo(10, 3);
    const row = seen.subarray(63 * 128, 64 * 128);
    const wide = row.filter((value) => value > row[63]! / 2).length;
    expect(wide).toBeGreaterThanOrEqual(4);
    expect(wide).toBeLessThanOrEqual(6);
  });

  it('reddens what is behind dust', () => {
    expect(transmission(0.3, 0)).toBeLessThan(transmission(0.3, 1));
    expect(transmission(0.3, 1)).toBeLessThan(transmission(0.3, 2));
    expect(transmission(0, 2)).toBe(1);
  });

  it('shows the dark sky as the survey’s viewer does, keeps colours, and never wraps round', () => {
    const grey = (value: number, scales = [1, 1, 1]): number[] => {
      const [g, r, z] = [6, 3.4, 2.2].map((display, band) => Float32Array.of((value * scales[band]!) / display)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      return [...colourPicture(g, r, z)];
    };
    // asinh(20 x 0.03) / sqrt(20) x 255
    expect(grey(0)).toEqual([32, 32, 32]);
    expect(grey(1e4)).toEqual([255, 255, 255]);
    expect(grey(-1)).toEqual([0, 0, 0]);
    const [red, , blue] = grey(0.3, [0.5, 1, 2]);
    expect(red).toBeGreaterThan(blue!);
  });

  it('leaves the sky with the scatter of real cut-outs, and neighbours alike', () => {
    const picture = photographGalaxy(classOf('Round Smooth'), new Random(5));
    const corner = Array.from({ length: 40 * 40 }, (_, index) => picture[3 * (Math.floor(index / 40) * 256 + (index % 40)) + 1]!);
    const median = [...corner].sort((a, b) => a - b)[800]!;
    expect(median).toBeGreaterThan(26);
    expect(median).toBeLessThan(40);
    const clipped = corner.map((value) => Math.max(-25, Math.min(25, value - median)));
    const scatter = Math.sqrt(clipped.reduce((sum, value) => sum + value * value, 0) / clipped.length);
    expect(scatter).toBeGreaterThan(6);
    expect(scatter).toBeLessThan(14);
  });
});

describe('drawing in threads', () => {
  const jobs: DrawJob[] = Array.from({ length: 5 }, (_, index) => ({ classIndex: index, seed: `threads/${index}` }));

  it('gives the pictures that drawing without gives, in the same order', async () => {
    let index = 0;
    for await (const pixels of drawJobs(jobs, 2, 1)) expect(Buffer.from(pixels).equals(drawJob(jobs[index++]!)), `job ${index}`).toBe(true);
    expect(index).toBe(jobs.length);
  });

  it('passes on what goes wrong in one', async () => {
    const drawAll = async (): Promise<void> => {
      for await (const _ of drawJobs([jobs[0]!, { classIndex: 77, seed: 'none' }], 2, 1));
    };
    await expect(drawAll()).rejects.toThrow(/not a function/);
  });
});
