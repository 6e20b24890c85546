import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePicture, decodeView, drawViews, viewKey } from '../lib/data';
import { temporaryFolder } from './data.fixtures';

const size = 64;
const all = { views: 8, rotationTurns: 0.4, zoom: 0.15, flips: true };

describe('views of a picture', () => {
  const exact = drawViews('a', { views: 8, rotationTurns: 0, zoom: 0, flips: true }, 1);

  it('are the seven other symmetries of the square where nothing else is asked for', () => {
    expect(exact.map(({ symmetry, turns, zoom }) => [symmetry, turns, zoom])).toEqual([1, 2, 3, 4, 5, 6, 7].map((one) => [one, 0, 1]));
  });

  it('depend on the content and the seed, and on nothing else', () => {
    expect(drawViews('a', all, 1)).toEqual(drawViews('a', all, 1));
    expect(drawViews('b', all, 1)).not.toEqual(drawViews('a', all, 1));
    expect(drawViews('a', all, 2)).not.toEqual(drawViews('a', all, 1));
    expect(drawViews('a', { ...all, views: 4 }, 1)).toEqual(drawViews('a', all, 1).slice(0, 3));
    expect(drawViews('a', { ...all, views: 1 }, 1)).toEqual([]);
  });

  it('stay within what was asked for, and have a name each', () => {
    const drawn = Array.from({ length: 100 }, (_, index) => drawViews(`picture ${index}`, all, 1)).flat();
    expect(Math.max(...drawn.map(({ turns }) => Math.abs(turns)))).toBeLessThanOrEqual(0.4);
    expect(Math.max(...drawn.map(({ turns }) => Math.abs(turns)))).toBeGreaterThan(0.38);
    expect(Math.min(...drawn.map(({ zoom }) => zoom))).toBeGreaterThanOrEqual(0.85);
    expect(Math.max(...drawn.map(({ zoom }) => zoom))).toBeLessThanOrEqual(1.15);
    expect(new Set(drawn.map(viewKey)).size).toBe(drawn.length);
    expect(drawViews('a', { ...all, flips: false }, 1).map(({ symmetry }) => symmetry)).toEqual(new Array(7).fill(0));
  });
});

describe('a decoded view', () => {
  let file: string;
  let upright: Uint8Array;
  const at = (pixels: Uint8Array, row: number, column: number): number => pixels[(row * size + column) * 3]!;

  beforeAll(async () => {
    file = path.join(temporaryFolder(), 'picture.png');
    // Bright above, dark below, brighter to the right: no two symmetries look alike.
    const pixels = Uint8Array.from({ length: size * size * 3 }, (_, index) => {
      const [row, column] = [Math.floor(index / 3 / size), Math.floor(index / 3) % size];
      return 190 - 2 * row + column;
    });
    await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
      .png()
      .toFile(file);
    upright = await decodePicture(file, size);
  });

  it('is the picture itself without a view', async () => {
    expect(await decodeView(file, size)).toEqual(upright);
  });

  it('of a symmetry moves every pixel and changes none', async () => {
    const last = size - 1;
    const from: ((row: number, column: number) => [number, number])[] = [
      (row, column) => [row, column],
      (row, column) => [last - column, row],
      (row, column) => [last - row, last - column],
      (row, column) => [column, last - row],
    ];
    for (let symmetry = 0; symmetry < 8; symmetry++) {
      const view = await decodeView(file, size, { symmetry, turns: 0, zoom: 1 });
      const wrong = Array.from({ length: size * size }, (_, index) => [Math.floor(index / size), index % size] as const).filter(
        ([row, column]) => {
          const [sourceRow, sourceColumn] = from[symmetry % 4]!(row, column);
          return at(view, row, column) !== at(upright, sourceRow, symmetry < 4 ? sourceColumn : last - sourceColumn);
        },
      );
      expect(wrong, `symmetry ${symmetry}`).toEqual([]);
    }
  });

  it('of an angle close to a symmetry is close to that symmetry', async () => {
    for (let symmetry = 0; symmetry < 8; symmetry++) {
      const still = await decodeView(file, size, { symmetry, turns: 0, zoom: 1 });
      const moved = await decodeView(file, size, { symmetry, turns: 0.001, zoom: 1.001 });
      const differences = Array.from(still, (value, index) => Math.abs(value - moved[index]!));
      expect(differences.reduce((sum, one) => sum + one, 0) / differences.length, `symmetry ${symmetry}`).toBeLessThan(3);
    }
  });

  it('turns clockwise about the centre', async () => {
    const turned = await decodeView(file, size, { symmetry: 0, turns: 0.25 - 1e-4, zoom: 1 });
    const quarter = await decodeView(file, size, { symmetry: 1, turns: 0, zoom: 1 });
    const centre = size / 2;
    for (const [row, column] of [
      [centre, centre],
      [10, 40],
      [50, 12],
    ] as const)
      expect(Math.abs(at(turned, row, column) - at(quarter, row, column))).toBeLessThanOrEqual(4);
  });

  it('shows the picture larger or smaller about the centre', async () => {
    const centre = size / 2;
    for (const zoom of [1.15, 0.85]) {
      const view = await decodeView(file, size, { symmetry: 0, turns: 0, zoom });
      for (const offset of [-20, 0, 20]) {
        const expected = at(upright, Math.round(centre + offset / zoom), centre);
        expect(Math.abs(at(view, centre + offset, centre) - expected), `${zoom}, ${offset}`).toBeLessThanOrEqual(4);
      }
    }
  });

  it('has no empty corners, whatever the angle', async () => {
    for (let turn = -0.4; turn <= 0.4; turn += 0.1) {
      const view = await decodeView(file, size, { symmetry: 0, turns: turn, zoom: 0.85 });
      expect(view).toHaveLength(size * size * 3);
      // The darkest pixel of the picture is 64.
      expect(Math.min(...view)).toBeGreaterThan(55);
    }
  });
});
