import { describe, expect, it } from 'vitest';
import { drawCollage, planCollage } from '../lib/data/collages';
import { Random } from '../lib/random';

const pools = [['a'], ['b'], ['c']];
const recipe = { includeProbability: 0.6, refillProbability: 0.8 };
const plans = (settings = recipe, count = 4000) =>
  Array.from({ length: count }, (_, index) => planCollage(pools, settings, new Random(7).fork(index)));

describe('the rule of a collage', () => {
  it('puts each class in with its probability, and one at random where there would be none', () => {
    const drawn = plans();
    // 0.6, plus a third of the 0.4³ that would be empty.
    for (const index of [0, 1, 2]) {
      const share = drawn.filter(({ labels }) => labels[index] === 1).length / drawn.length;
      expect(Math.abs(share - (0.6 + 0.4 ** 3 / 3))).toBeLessThan(0.025);
    }
    const all = drawn.filter(({ labels }) => labels.every((label) => label === 1)).length / drawn.length;
    expect(Math.abs(all - 0.6 ** 3)).toBeLessThan(0.02);
  });

  it.each([0, 0.5, 1])('is never empty, with a refill probability of %s', (refillProbability) => {
    for (const plan of plans({ includeProbability: 0, refillProbability }, 300)) {
      expect(plan.labels.filter((label) => label === 1)).toHaveLength(1);
      expect(plan.photos).toHaveLength(1);
    }
  });

  it('puts a class in every quarter equally often, so that no place tells the class', () => {
    const cells = plans({ ...recipe, includeProbability: 1 }).map((plan) => plan.cells[0]!);
    for (const cell of [0, 1, 2, 3]) {
      expect(Math.abs(cells.filter((other) => other === cell).length / cells.length - 0.25)).toBeLessThan(0.03);
    }
  });

  it('never puts two photographs in one cell', () => {
    for (const { cells, photos, side } of plans()) {
      expect(new Set(cells).size).toBe(photos.length);
      expect(side).toBe(photos.length === 1 ? 1 : 2);
    }
  });

  it('depends on the seed and the number alone', () => {
    expect(plans(recipe, 20)).toEqual(plans(recipe, 20));
    expect(planCollage(pools, recipe, new Random(8).fork(1))).not.toEqual(planCollage(pools, recipe, new Random(7).fork(3)));
  });
});

describe('drawing a collage', () => {
  const grey = async (photo: string, size: number): Promise<Uint8Array> => new Uint8Array(size * size * 3).fill(photo.charCodeAt(0));

  it('lets one photograph fill the frame', async () => {
    const pixels = await drawCollage({ labels: [1, 0, 0], photos: ['a'], cells: [0], side: 1 }, 8, grey);
    expect(pixels).toEqual(new Uint8Array(8 * 8 * 3).fill(97));
  });

  it('gives several a quarter each, on black', async () => {
    const pixels = await drawCollage({ labels: [1, 0, 1], photos: ['a', 'c'], cells: [3, 1], side: 2 }, 8, grey);
    const at = (x: number, y: number): number => pixels[(y * 8 + x) * 3]!;
    expect([at(0, 0), at(7, 0), at(0, 7), at(7, 7)]).toEqual([0, 99, 0, 97]);
    expect([at(3, 4), at(4, 3), at(4, 4)]).toEqual([0, 99, 97]);
  });
});
