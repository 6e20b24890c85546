import { correlationOffBlack, type Dataset, groupPictures, type LabelledPicture, mapOnCores } from '../data';
import type { OnProgress } from '../progress';

/** As that of copies' thumbnails in `groupAlike`. */
const nearCorrelation = 0.9;

/** Two pictures that are copies of each other and stand in different splits. */
export type CopyPair = readonly [LabelledPicture, LabelledPicture];

/**
 * Pictures of one split that are copies of a picture of another, byte for byte or in another size, quality or trim: what a model is measured on must not be
 * what it learnt. Collages that only share empty cells do not count. Each is paired with the first of its copies in an earlier split.
 *
 * @throws UNREADABLE_PICTURE, the file system's error
 */
export async function copiesAcrossSplits({ pictures }: Pick<Dataset, 'pictures'>, onProgress?: OnProgress): Promise<CopyPair[]> {
  const groups = await groupPictures(pictures, onProgress);
  const members = new Map<number, LabelledPicture[]>();
  groups.forEach((group, index) => {
    const others = members.get(group);
    if (others) others.push(pictures[index]!);
    else members.set(group, [pictures[index]!]);
  });
  const pairs = [...members.values()].flatMap((group) => {
    const firstOfSplit = group.filter(({ split }, index) => group.findIndex((other) => other.split === split) === index);
    return firstOfSplit.slice(1).map((picture): CopyPair => [firstOfSplit[0]!, picture]);
  });
  const areCopies = await mapOnCores(pairs, async ([one, other]) => {
    const haveEmptyCells = one.sources.length > 1 && other.sources.length > 1;
    return !haveEmptyCells || (await correlationOffBlack(one.path, other.path)) >= nearCorrelation;
  });
  return pairs.filter((_, index) => areCopies[index]);
}
