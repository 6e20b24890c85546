import { addLight, type Canvas } from './canvas';
import type { Spectrum } from './survey';

/** Stars torn out of a galaxy by another's tide: Toomre and Toomre (1972), ApJ 178, 623. */
export interface Stream {
  readonly x: number;
  readonly y: number;
  /** Direction in which it leaves (x, y), and by how much it has turned at its end, in radians. */
  readonly direction: number;
  readonly turn: number;
  /** In pixels. */
  readonly length: number;
  /** Standard deviation across, at the root and at the tip, in pixels. */
  readonly width: readonly [number, number];
  /** Along its middle, at the root, in r, nanomaggies a pixel; at the tip it is `fade` of that. */
  readonly brightness: number;
  readonly fade: number;
  readonly colour: Spectrum;
}

/** Draws a stream as overlapping round spots along an arc. */
export function addStream(canvas: Canvas, stream: Stream): void {
  const { length, width, brightness, fade, colour } = stream;
  let [x, y, walked] = [stream.x, stream.y, 0];
  while (walked < length) {
    const share = walked / length;
    const sigma = width[0] + (width[1] - width[0]) * share;
    const step = Math.max(0.8, 0.7 * sigma);
    // Spots of peak p a step s apart add up to a ridge of p * sigma * sqrt(2 pi) / s.
    const peak = (brightness * (1 - share * (1 - fade)) * step) / (sigma * Math.sqrt(2 * Math.PI));
    addLight(canvas, { x, y, reach: 3.2 * sigma }, colour, (dx, dy) => peak * Math.exp(-(dx * dx + dy * dy) / (2 * sigma * sigma)));
    const direction = stream.direction + stream.turn * share;
    x += step * Math.cos(direction);
    y += step * Math.sin(direction);
    walked += step;
  }
}
