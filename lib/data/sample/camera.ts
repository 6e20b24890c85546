import sharp from 'sharp';
import type { Random } from '../../random';
import type { Size } from './scene';
import { surfaceSize } from './surfaces';

/** Sensor noise: standard normal numbers, scaled when they are used. */
export type Grain = Float32Array;

const grainLength = 800_000;

export function makeGrain(random: Random): Grain {
  return Float32Array.from({ length: grainLength }, () => random.normal());
}

/** Renders a surface: RGB bytes, shape [surfaceSize, surfaceSize, 3]. */
export function renderSurface(svg: string): Promise<Buffer> {
  return sharp(Buffer.from(svg)).flatten().raw().toBuffer();
}

/**
 * Takes a photograph of a scene on a part of a surface: exposure, colours, noise and focus at random.
 *
 * @param surface as `renderSurface` gives it
 * @param scene an SVG of the given size
 * @returns a JPEG
 */
export async function photograph(surface: Buffer, scene: string, size: Size, grain: Grain, random: Random): Promise<Buffer> {
  const { width, height } = size;
  const laid = await sharp(surface, { raw: { width: surfaceSize, height: surfaceSize, channels: 3 } })
    .extract(choosePart(size, random))
    .resize(width, height, { fit: 'fill' })
    .flip(random.chance(0.5))
    .flop(random.chance(0.5))
    .composite([{ input: Buffer.from(scene) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  const shot = sharp(expose(laid, grain, random), { raw: { width, height, channels: 3 } });
  const focused = random.chance(0.5) ? shot.blur(random.uniform(0.4, 1.5)) : shot;
  return focused.jpeg({ quality: 72 + random.integer(24) }).toBuffer();
}

/** Exposure, white balance, saturation and noise, on RGB bytes. In one loop, as sharp's operations for them take five times as long. */
function expose(pixels: Uint8Array, grain: Grain, random: Random): Uint8ClampedArray {
  const exposure = random.uniform(0.82, 1.22);
  const balance = [0, 1, 2].map(() => exposure * random.uniform(0.92, 1.08)) as [number, number, number];
  const black = random.uniform(-8, 14);
  const saturation = random.uniform(0.7, 1.3);
  const deviation = random.uniform(1, 12);
  const start = random.integer(grain.length - pixels.length); // any stretch of the noise is noise
  const exposed = new Uint8ClampedArray(pixels.length);
  for (let at = 0; at < pixels.length; at += 3) {
    const luma = 0.299 * pixels[at]! + 0.587 * pixels[at + 1]! + 0.114 * pixels[at + 2]!; // ITU-R BT.601
    for (let channel = 0; channel < 3; channel++) {
      const value = luma + saturation * (pixels[at + channel]! - luma);
      exposed[at + channel] = black + balance[channel]! * value + deviation * grain[start + at + channel]!;
    }
  }
  return exposed;
}

/** A window of the picture's shape, from about half the surface's side to all of it. */
function choosePart(size: Size, random: Random): { left: number; top: number; width: number; height: number } {
  const scale = (surfaceSize / Math.max(size.width, size.height)) * random.uniform(0.55, 1);
  const width = Math.floor(size.width * scale);
  const height = Math.floor(size.height * scale);
  return { left: random.integer(surfaceSize - width + 1), top: random.integer(surfaceSize - height + 1), width, height };
}
