import type { LabelledPicture } from '../data';
import type { Random } from '../random';

/** Pictures that are judged by one model, and those that it may learn from; both are indices. */
export interface Part {
  readonly heldOut: readonly number[];
  readonly train: readonly number[];
}

/**
 * Divides pictures for cross-validation so that no photograph is on both sides: the photographs are dealt to folds, and a picture is judged by a model
 * that learns from the pictures without a photograph of any of its folds. A collage of three photographs may touch three folds, so there are more parts
 * than folds: with five of them up to 25. Every picture is held out once.
 */
export function partsOf(pictures: readonly Pick<LabelledPicture, 'sources' | 'filename'>[], folds: number, random: Random): Part[] {
  const photographs = pictures.map(({ sources, filename }) => (sources.length > 0 ? sources : [filename]));
  const dealt = random.shuffle([...new Set(photographs.flat())]);
  const foldOf = new Map(dealt.map((photograph, index) => [photograph, index % folds]));
  const touched = photographs.map((names) => new Set(names.map((name) => foldOf.get(name)!)));

  const groups = new Map<string, number[]>();
  touched.forEach((set, picture) => {
    const key = [...set].sort().join();
    const group = groups.get(key);
    if (group) group.push(picture);
    else groups.set(key, [picture]);
  });
  return [...groups.values()].map((heldOut) => {
    const out = touched[heldOut[0]!]!;
    return { heldOut, train: [...pictures.keys()].filter((picture) => [...touched[picture]!].every((fold) => !out.has(fold))) };
  });
}
