import type { Random } from '../random';
import type { CollageSettings } from '../tasks';

/** What a collage is made of: a photograph for each class in it, and the cell where each one goes. */
export interface CollagePlan {
  /** One 0 or 1 a class. */
  readonly labels: readonly number[];
  readonly photos: readonly string[];
  /** Cell of each photograph, row by row in a grid of `side` x `side` cells. */
  readonly cells: readonly number[];
  readonly side: number;
}

/**
 * Draws a collage: each class is in it with `includeProbability`; when none is, one at random with `refillProbability`; when there is
 * still none, one at random. So it is never empty, and the last rule makes the refill's probability immaterial: it is part of the recipe.
 *
 * @param pools photographs by class, none of them empty
 */
export function planCollage(
  pools: readonly (readonly string[])[],
  settings: Pick<CollageSettings, 'includeProbability' | 'refillProbability'>,
  random: Random,
): CollagePlan {
  const chosen = drawClasses(pools.length, settings, random);
  const side = Math.ceil(Math.sqrt(chosen.length));
  return {
    labels: pools.map((_, index) => (chosen.includes(index) ? 1 : 0)),
    photos: chosen.map((index) => random.pick(pools[index]!)),
    // A class that always stood in the same corner could be told by the place alone.
    cells: random.shuffle(range(side * side)).slice(0, chosen.length),
    side,
  };
}

function drawClasses(
  count: number,
  settings: Pick<CollageSettings, 'includeProbability' | 'refillProbability'>,
  random: Random,
): readonly number[] {
  const included = range(count).filter(() => random.chance(settings.includeProbability));
  if (included.length > 0) return included;
  const refilled = random.chance(settings.refillProbability) ? [random.integer(count)] : [];
  return refilled.length > 0 ? refilled : [random.integer(count)];
}

/**
 * Draws the planned picture on black: one photograph fills the frame, two to four take a quarter each.
 *
 * @param decode gives a photograph's RGB pixels, shape [size, size, 3]
 * @returns RGB, shape [imageSize, imageSize, 3]
 */
export async function drawCollage(
  plan: CollagePlan,
  imageSize: number,
  decode: (photo: string, size: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const cellSize = Math.floor(imageSize / plan.side);
  const tiles = await Promise.all(plan.photos.map((photo) => decode(photo, cellSize)));
  if (plan.side === 1) return tiles[0]!;
  const canvas = new Uint8Array(imageSize * imageSize * 3);
  tiles.forEach((tile, index) => {
    const cell = plan.cells[index]!;
    const [left, top] = [(cell % plan.side) * cellSize, Math.floor(cell / plan.side) * cellSize];
    for (let row = 0; row < cellSize; row++) {
      canvas.set(tile.subarray(row * cellSize * 3, (row + 1) * cellSize * 3), ((top + row) * imageSize + left) * 3);
    }
  });
  return canvas;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
