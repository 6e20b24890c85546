import type { Spectrum } from './survey';

/** What falls on the detector, in nanomaggies a pixel: one plane a band (g, r, z), each of shape [size, size]. */
export interface Canvas {
  readonly size: number;
  readonly planes: readonly [Float32Array, Float32Array, Float32Array];
}

export function emptyCanvas(size: number): Canvas {
  return { size, planes: [new Float32Array(size * size), new Float32Array(size * size), new Float32Array(size * size)] };
}

/** Adds a source of the given brightness in r, as a function of the offset from (x, y), within `reach` pixels of it. */
export function addLight(
  canvas: Canvas,
  at: { readonly x: number; readonly y: number; readonly reach: number },
  colour: Spectrum,
  brightness: (dx: number, dy: number) => number,
): void {
  const [g, r, z] = canvas.planes;
  eachPixel(canvas, at, (pixel, dx, dy) => {
    const value = brightness(dx, dy);
    g[pixel]! += value * colour[0];
    r[pixel]! += value * colour[1];
    z[pixel]! += value * colour[2];
  });
}

/** Calls `visit` for every pixel within `reach` of a point: its index, and its offset from the point. */
export function eachPixel(
  { size }: Canvas,
  { x, y, reach }: { readonly x: number; readonly y: number; readonly reach: number },
  visit: (pixel: number, dx: number, dy: number) => void,
): void {
  const clamp = (value: number): number => Math.min(size - 1, Math.max(0, value));
  const [left, right] = [clamp(Math.ceil(x - reach)), clamp(Math.floor(x + reach))];
  const [top, bottom] = [clamp(Math.ceil(y - reach)), clamp(Math.floor(y + reach))];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) visit(row * size + column, column - x, row - y);
  }
}

/** Adds a point source of the given flux in r: shared among the four nearest pixels, so that it is centred to a fraction of one. */
export function addPoint(canvas: Canvas, x: number, y: number, flux: number, colour: Spectrum): void {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  for (const [column, row] of [
    [left, top],
    [left + 1, top],
    [left, top + 1],
    [left + 1, top + 1],
  ] as const) {
    if (column < 0 || row < 0 || column >= canvas.size || row >= canvas.size) continue;
    const share = (1 - Math.abs(x - column)) * (1 - Math.abs(y - row)) * flux;
    canvas.planes.forEach((plane, band) => {
      plane[row * canvas.size + column]! += share * colour[band]!;
    });
  }
}
