import { readFile } from 'node:fs/promises';
import { sha256 } from '../files';
import type { OnProgress } from '../progress';
import { mapOnCores } from './cores';
import { groupAlike, type Likeness } from './duplicates';
import { correlation, greyValues, perceptualHash, thumbnailSize } from './perceptualHash';
import { decodeMeasured, decodePicture } from './pictures';

/** What a picture is compared by, and the size it has. @throws UNREADABLE_PICTURE */
export async function likenessOf(
  content: Uint8Array,
  name: string,
): Promise<Likeness & { readonly width: number; readonly height: number }> {
  const { pixels, width, height } = await decodeMeasured(content, thumbnailSize, name);
  const grey = greyValues(pixels);
  return { sha256: sha256(content), grey, hash: perceptualHash(grey), width, height };
}

/**
 * Which pictures are copies of any of `originals`: byte for byte, or in another size, quality or trim, as `groupAlike` has it.
 *
 * @returns true or false for each picture
 * @throws UNREADABLE_PICTURE, the file system's error
 */
export async function findCopies(
  pictures: readonly { readonly path: string }[],
  originals: readonly { readonly path: string }[],
  onProgress?: OnProgress,
): Promise<boolean[]> {
  const groups = await groupPictures([...originals, ...pictures], onProgress);
  const taken = new Set(groups.slice(0, originals.length));
  return groups.slice(originals.length).map((group) => taken.has(group));
}

/**
 * Gives every picture the index of the first of its copies, as `groupAlike` has it.
 *
 * @throws UNREADABLE_PICTURE, the file system's error
 */
export async function groupPictures(pictures: readonly { readonly path: string }[], onProgress?: OnProgress): Promise<number[]> {
  let done = 0;
  const likenesses = await mapOnCores(pictures, async ({ path: file }) => {
    const { sha256, hash, grey } = await likenessOf(await readFile(file), file);
    onProgress?.({ label: 'looking for copies', done: ++done, total: pictures.length });
    return { sha256, hash, grey };
  });
  return groupAlike(likenesses);
}

/** A pixel of a thumbnail this dark belongs to an empty cell of a collage, as far as JPEG leaves it black. */
const black = 8;
/** In pixels of the thumbnail: so far the edge of an empty cell reaches when a picture is shrunk. */
const blur = 3;

/**
 * How alike two pictures are where they are not both black, as the correlation of their grey thumbnails: collages with the same empty cells correlate by
 * these alone, and by their edges.
 *
 * @returns in [-1, 1]
 * @throws UNREADABLE_PICTURE
 */
export async function correlationOffBlack(one: string, other: string): Promise<number> {
  const [first, second] = await Promise.all([one, other].map(async (file) => greyValues(await decodePicture(file, thumbnailSize))));
  const isBlack = (row: number, column: number): boolean => {
    const pixel = row * thumbnailSize + column;
    return Math.max(first![pixel]!, second![pixel]!) <= black;
  };
  const isShown = (_: number, pixel: number): boolean => {
    const [row, column] = [Math.floor(pixel / thumbnailSize), pixel % thumbnailSize];
    return !around(row).some((y) => around(column).some((x) => isBlack(y, x)));
  };
  return correlation(first!.filter(isShown), second!.filter(isShown));
}

/** Rows or columns that are at most `blur` away and in the thumbnail. */
function around(place: number): number[] {
  const first = Math.max(0, place - blur);
  return Array.from({ length: Math.min(thumbnailSize, place + blur + 1) - first }, (_, index) => first + index);
}
