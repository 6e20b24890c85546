import { type DecodedPicture, type DecodeOptions, decodeWithin, encodeWebp } from '../data';
import type { ActivationMap } from './maps';

/** How to draw a map over a picture. */
export interface OverlayOptions extends DecodeOptions {
  /** Which class' map, in the card's order. */
  readonly classIndex: number;
  /** The longer side in pixels, unless the picture is smaller: 640 by default. */
  readonly size?: number;
}

/**
 * A picture with a class' activation map over it: the stronger, the brighter and the more opaque. The picture itself turns grey, so that colour
 * always means the map, on oranges too.
 *
 * @param picture an image file's path, or its content
 * @returns a WebP file's content
 * @throws UNREADABLE_PICTURE
 */
export async function mapOverlay(
  picture: string | Uint8Array,
  map: ActivationMap,
  { classIndex, size = 640, ...options }: OverlayOptions,
): Promise<Uint8Array> {
  const shown = await decodeWithin(picture, size, options);
  return encodeWebp({ ...shown, pixels: blend(shown, map, map.maps[classIndex]!) });
}

/** How much of the picture the strongest place covers. */
const opacity = 0.7;

/** @param grid shape [rows, columns], laid over the whole picture and interpolated linearly between the centres of its cells */
function blend({ pixels, width, height }: DecodedPicture, { rows, columns }: ActivationMap, grid: Float32Array): Uint8Array {
  const blended = new Uint8Array(pixels.length);
  const across = Array.from({ length: width }, (_, x) => neighbours(x, width, columns));
  for (let y = 0; y < height; y++) {
    const down = neighbours(y, height, rows);
    const upper = down.first * columns;
    const lower = down.second * columns;
    for (let x = 0; x < width; x++) {
      const { first, second, share } = across[x]!;
      const above = grid[upper + first]! * (1 - share) + grid[upper + second]! * share;
      const below = grid[lower + first]! * (1 - share) + grid[lower + second]! * share;
      const strength = above * (1 - down.share) + below * down.share;
      const colour = 3 * Math.round(strength * 255);
      const cover = opacity * strength;
      const pixel = 3 * (y * width + x);
      const grey = 0.299 * pixels[pixel]! + 0.587 * pixels[pixel + 1]! + 0.114 * pixels[pixel + 2]!; // luma of ITU-R BT.601
      for (let channel = 0; channel < 3; channel++) blended[pixel + channel] = grey * (1 - cover) + colours[colour + channel]! * cover;
    }
  }
  return blended;
}

/** The two cells whose centres a pixel lies between, and the second's share in it; at the edges both are the same. */
function neighbours(pixel: number, pixels: number, cells: number): { first: number; second: number; share: number } {
  const place = Math.min(Math.max(((pixel + 0.5) * cells) / pixels - 0.5, 0), cells - 1);
  const first = Math.floor(place);
  return { first, second: Math.min(first + 1, cells - 1), share: place - first };
}

/**
 * The colour map "inferno" of van der Walt and Smith (matplotlib 1.5, CC0; https://bids.github.io/colormap), at every tenth: equal steps look
 * equally large, in grey and to the colour-blind too.
 */
const inferno = [0x000003, 0x160b39, 0x410967, 0x6a176e, 0x932567, 0xba3655, 0xdc5039, 0xf2751a, 0xfba40a, 0xf6d542, 0xfcfea4] as const;

/** 256 colours of it, shape [256, 3]. */
const colours = Uint8Array.from({ length: 256 * 3 }, (_, index) => {
  const { first, second, share } = neighbours(Math.floor(index / 3), 256, inferno.length);
  const shift = 16 - 8 * (index % 3);
  const at = (stop: number): number => (inferno[stop]! >> shift) & 0xff;
  return Math.round(at(first) * (1 - share) + at(second) * share);
});
