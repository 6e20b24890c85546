import type { Random } from '../../../random';

const cells = 32;

/** Smooth noise on the plane with period 32 in both directions, about uniform in [-1, 1]: values on a grid, blended in between. */
export type Texture = (x: number, y: number) => number;

export function makeTexture(random: Random): Texture {
  const grid = Float32Array.from({ length: cells * cells }, () => random.uniform(-1, 1));
  const mask = cells - 1;
  return (x, y) => {
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [smooth(x - left), smooth(y - top)];
    const [row, below] = [(top & mask) * cells, ((top + 1) & mask) * cells];
    const [column, right] = [left & mask, (left + 1) & mask];
    const upper = grid[row + column]! * (1 - u) + grid[row + right]! * u;
    const lower = grid[below + column]! * (1 - u) + grid[below + right]! * u;
    return upper * (1 - v) + lower * v;
  };
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}
