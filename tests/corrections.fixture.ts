import sharp from 'sharp';
import { Random } from '../lib/random';

/** The file of a small picture that is no other's, in one of the formats that people send. */
export function pictureFile(seed: number | string, format: 'jpeg' | 'png' | 'webp' = 'jpeg'): Promise<Buffer> {
  const random = new Random(`picture ${seed}`);
  const raw = { width: 24, height: 24, channels: 3 } as const;
  const pixels = Buffer.from(Uint8Array.from({ length: 24 * 24 * 3 }, () => random.integer(256)));
  return sharp(pixels, { raw }).toFormat(format).toBuffer();
}
