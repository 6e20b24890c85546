import { readdir, readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { isMissing } from '../files';
import { UnreadablePicture } from './errors';

const pictureName = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;
/** No photograph has more; a file that says so is broken, or meant to fill the memory. */
const mostPixels = 100e6;

/** A picture's file content, what to call it in an error, and how many pixels it may have. */
interface PictureFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly maximumPixels?: number;
}

/** How to treat a picture that may be anybody's. */
export interface DecodeOptions {
  /** What an error calls the picture; by default its path. */
  readonly name?: string;
  /** A picture with more pixels than this is not decoded: 100 million by default. */
  readonly maximumPixels?: number;
}

/**
 * Decodes a picture to RGB, shape [size, size, 3], uint8. Preparing, training, predicting and serving all come through here, so a model
 * never meets a resizing it was not trained on.
 *
 * The picture is turned as its EXIF says, converted to 8-bit sRGB from whatever it is in (CMYK, grey, 16-bit), laid on white where it is
 * transparent, and stretched to the square. An animation gives its first frame.
 *
 * @param source a file's path, or a file's content
 * @param size side of the square, in pixels
 * @throws UNREADABLE_PICTURE
 */
export async function decodePicture(source: string | Uint8Array, size: number, options: DecodeOptions = {}): Promise<Uint8Array> {
  return decode(await open(source, options), size);
}

/** A decoded picture, and its width and height before it was resized. */
export interface MeasuredPicture {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** As `decodePicture`, from a file's content, with the size the picture had. */
export async function decodeMeasured(content: Uint8Array, size: number, name: string): Promise<MeasuredPicture> {
  const file = { name, content };
  const { width, height } = await naming(file, () => pipeline(file).metadata());
  return { pixels: await decode(file, size), width, height };
}

/** RGB pixels, shape [height, width, 3], of a picture that is no square. */
export interface DecodedPicture {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes a picture as `decodePicture` does, but with its proportions: shrunk until it fits into a square of `side` pixels, never enlarged.
 *
 * @throws UNREADABLE_PICTURE
 */
export async function decodeWithin(source: string | Uint8Array, side: number, options: DecodeOptions = {}): Promise<DecodedPicture> {
  const file = await open(source, options);
  const { data, info } = await naming(file, () => within(file, side).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }));
  return { pixels: data, width: info.width, height: info.height };
}

/**
 * A small WebP of a picture, shrunk as `decodeWithin` does: nothing of the original's bytes or metadata is in it.
 *
 * @throws UNREADABLE_PICTURE
 */
export async function thumbnailOf(source: string | Uint8Array, side: number, options: DecodeOptions = {}): Promise<Uint8Array> {
  const file = await open(source, options);
  return naming(file, () => within(file, side).webp(webp).toBuffer());
}

/** Encodes RGB pixels, shape [height, width, 3], as WebP. */
export async function encodeWebp({ pixels, width, height }: DecodedPicture): Promise<Uint8Array> {
  configure();
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .webp(webp)
    .toBuffer();
}

/** Of the encoder's efforts, from 0 to 6, the least: a picture that is shown once should be there at once. */
const webp = { quality: 80, effort: 0 } as const;

/**
 * What a picture's header says: its format as sharp names it, and its width and height. No pixel is decoded.
 *
 * @throws UNREADABLE_PICTURE
 */
export async function readPictureHeader(content: Uint8Array): Promise<{ format: string; width: number; height: number }> {
  const file = { name: 'the picture', content, maximumPixels: Number.POSITIVE_INFINITY };
  const { format, width, height } = await naming(file, () => pipeline(file).metadata());
  return { format, width, height };
}

/** Encodes RGB pixels, shape [size, size, 3], as JPEG. */
export async function encodeJpeg(pixels: Uint8Array, size: number, quality: number): Promise<Uint8Array> {
  configure();
  // 4:2:0, as most cameras and web pictures are. Collages keep sharp edges all the same: quarters of 112 px fall on its 16-px blocks.
  return sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}

/** Names of the picture files in a folder, sorted by code unit; none where the folder is missing. Hidden files do not count. */
export async function listPictures(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && isPictureName(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Whether a file's name is that of a picture that can be decoded. */
export function isPictureName(name: string): boolean {
  return !name.startsWith('.') && pictureName.test(name);
}

async function open(source: string | Uint8Array, { name, maximumPixels }: DecodeOptions): Promise<PictureFile> {
  if (typeof source !== 'string') return { name: name ?? 'the picture', content: source, maximumPixels };
  try {
    return { name: name ?? source, content: await readFile(source), maximumPixels };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw UnreadablePicture(name ?? source, code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message);
  }
}

async function decode(file: PictureFile, size: number): Promise<Uint8Array> {
  return naming(file, () =>
    onWhite(file)
      // Cubic (Catmull and Rom) is what Pillow's `resize` uses: antialiased, and sharper than bilinear. JPEG is shrunk while it is decoded.
      .resize(size, size, { fit: 'fill', kernel: 'cubic' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer(),
  );
}

/** A picture in its proportions, no side longer than `side`. */
function within(file: PictureFile, side: number): Sharp {
  return onWhite(file).resize(side, side, { fit: 'inside', withoutEnlargement: true }).toColourspace('srgb');
}

function onWhite(file: PictureFile): Sharp {
  return pipeline(file).autoOrient().flatten({ background: '#fff' });
}

function pipeline({ content, maximumPixels = mostPixels }: PictureFile): Sharp {
  configure();
  return sharp(content, { failOn: 'error', limitInputPixels: Number.isFinite(maximumPixels) && maximumPixels });
}

/** Runs sharp, and gives its errors the picture's name. */
async function naming<Result>(file: PictureFile, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw UnreadablePicture(file.name, file.content.length === 0 ? 'the file is empty' : (error as Error).message);
  }
}

/** sharp's settings are global: they are set here alone. */
function configure(): void {
  // A thread a picture, several pictures at once (`mapOnCores`), is faster than several threads a small picture.
  sharp.concurrency(1);
  // Pictures are seldom read twice, and a cache must never answer for a file that has changed.
  sharp.cache(false);
}
