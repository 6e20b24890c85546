import sharp, { type Sharp } from 'sharp';
import { Random } from '../random';
import type { Augmentation } from '../tasks';
import { decodePicture } from './pictures';

/** How a picture is looked at: in one of the symmetries of the square, then turned and enlarged about its centre. */
export interface View {
  /** 0 to 7: quarter turns clockwise, from 4 on of the picture mirrored left to right. */
  readonly symmetry: number;
  /** Clockwise, in turns. */
  readonly turns: number;
  /** 1 leaves the size as it is. */
  readonly zoom: number;
}

/**
 * The views of a picture besides the picture itself. They depend on its content and the seed alone, so they are the same in every epoch and
 * run, and their activations can be kept.
 *
 * @returns `augmentation.views` less one; with `flips` the first seven are in the seven other symmetries
 */
export function drawViews(sha256: string, { views, rotationTurns, zoom, flips }: Augmentation, seed: number): View[] {
  const random = new Random(seed).fork(`views of ${sha256}`);
  return Array.from({ length: views - 1 }, (_, index) => ({
    symmetry: flips ? (index + 1) % 8 : 0,
    turns: round(random.uniform(-rotationTurns, rotationTurns)),
    zoom: round(random.uniform(1 - zoom, 1 + zoom)),
  }));
}

/** Four decimals: less than a hundredth of a pixel's width at the edge, and short in a name. */
function round(value: number): number {
  return Math.round(value * 1e4) / 1e4 + 0; // no −0
}

/** A view in a few characters, different for each. */
export function viewKey({ symmetry, turns, zoom }: View): string {
  return `s${symmetry}t${turns}z${zoom}`;
}

/**
 * Decodes a view of a picture to RGB, shape [size, size, 3], uint8; without a view, the picture itself. The 8 symmetries only move pixels. Other views are
 * interpolated (bicubic), and what they show beyond the picture's edge is the picture mirrored there, as Keras' `RandomRotation` does by default.
 *
 * @throws UNREADABLE_PICTURE
 */
export async function decodeView(source: string | Uint8Array, size: number, view?: View): Promise<Uint8Array> {
  const pixels = await decodePicture(source, size);
  if (!view) return pixels;
  return view.turns === 0 && view.zoom === 1 ? applySymmetry(pixels, size, view.symmetry) : applyView(pixels, size, view);
}

function square(pixels: Uint8Array, side: number): Sharp {
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } });
}

async function applySymmetry(pixels: Uint8Array, size: number, symmetry: number): Promise<Uint8Array> {
  const mirrored = square(pixels, size).flop(symmetry >= 4); // sharp mirrors before it turns
  return mirrored
    .rotate(90 * (symmetry % 4))
    .raw()
    .toBuffer();
}

async function applyView(pixels: Uint8Array, size: number, { symmetry, turns, zoom }: View): Promise<Uint8Array> {
  const angle = 2 * Math.PI * (turns + (symmetry % 4) / 4);
  const [cosine, sine] = [zoom * Math.cos(angle), zoom * Math.sin(angle)];
  const mirror = symmetry >= 4 ? -1 : 1;
  const columns = [mirror * cosine, -sine] as const;
  const rows = [mirror * sine, cosine] as const;
  // What a turned square needs around it to cover the upright one, and two pixels for the interpolation.
  const margin = Math.max(0, Math.ceil((size * ((Math.abs(cosine) + Math.abs(sine)) / zoom ** 2 - 1)) / 2)) + 2;
  const side = size + 2 * margin;
  const border = { top: margin, bottom: margin, left: margin, right: margin, extendWith: 'mirror' } as const;
  const extended = await square(pixels, size).extend(border).raw().toBuffer();
  const { data, info } = await square(extended, side)
    .affine([[...columns], [...rows]], { interpolator: sharp.interpolators.bicubic })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const left = startOf(columns, side, size);
  const top = startOf(rows, side, size);
  const seen = new Uint8Array(size * size * 3);
  for (let row = 0; row < size; row++) {
    const start = ((top + row) * info.width + left) * 3;
    seen.set(data.subarray(start, start + size * 3), row * size * 3);
  }
  return seen;
}

/**
 * Where the middle `size` pixels begin in what an affine map makes of a square of `side` pixels, along one axis. libvips begins where the
 * map puts the square's nearest corner, rounded, and counts from the middle of pixels.
 *
 * @param weights of a pixel's column and row in its new place along the axis
 */
function startOf([ofColumn, ofRow]: readonly [number, number], side: number, size: number): number {
  const nearest = Math.round(side * (Math.min(0, ofColumn) + Math.min(0, ofRow)));
  const middle = ((side - 1) / 2) * (ofColumn + ofRow);
  return Math.round(middle - nearest - (size - 1) / 2);
}
