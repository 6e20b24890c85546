import { readFile } from 'node:fs/promises';
import { sha256 } from '../files';
import type { OnProgress } from '../progress';
import { mapOnCores } from './cores';
import { groupAlike, type Likeness } from './duplicates';
import { greyValues, perceptualHash, thumbnailSize } from './perceptualHash';
import { decodeMeasured } from './pictures';

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
  const files = [...originals, ...pictures];
  let done = 0;
  const likenesses = await mapOnCores(files, async ({ path: file }) => {
    const { sha256, hash, grey } = await likenessOf(await readFile(file), file);
    onProgress?.({ label: 'looking for copies', done: ++done, total: files.length });
    return { sha256, hash, grey };
  });
  const groups = groupAlike(likenesses);
  const taken = new Set(groups.slice(0, originals.length));
  return groups.slice(originals.length).map((group) => taken.has(group));
}
