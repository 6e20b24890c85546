import path from 'node:path';
import { wilsonInterval } from '../metrics';
import type { JudgedPicture } from './judged';

/** How a model does on the pictures that photographs of one source are in; no interface, so that `displayTable` takes it for a row. */
export type SourceAccuracy = {
  readonly source: string;
  /** A collage counts once for each source in it. */
  readonly pictures: number;
  readonly wrong: number;
  /** Share of the pictures with every label right, with its 95 % interval by Wilson. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
};

/**
 * Accuracy by where photographs come from, the worst first. Intervals that overlap much say that sources do not differ as far as one can see.
 *
 * @param sourceOf names a photograph's source; by default the folder or the HDF5 file that it lies in
 * @example
 * accuracyBySource(test.pictures, (photograph) => photograph.split('/').at(-1).split('_')[0]);
 */
export function accuracyBySource(
  pictures: readonly JudgedPicture[],
  sourceOf: (photograph: string) => string = containerOf,
): SourceAccuracy[] {
  const members = new Map<string, JudgedPicture[]>();
  for (const picture of pictures) {
    for (const source of new Set(picture.sources.map(sourceOf))) {
      const group = members.get(source);
      if (group) group.push(picture);
      else members.set(source, [picture]);
    }
  }
  return [...members]
    .map(([source, group]): SourceAccuracy => {
      const wrong = group.filter(({ isRight }) => !isRight).length;
      const right = group.length - wrong;
      return { source, pictures: group.length, wrong, accuracy: right / group.length, ...wilsonInterval(right, group.length) };
    })
    .sort((one, other) => one.accuracy - other.accuracy || other.pictures - one.pictures);
}

/** Of `training/Rice/1.jpg` the folder, of `Galaxy10.h5#12` the file; a picture that was put into the data set has neither. */
function containerOf(photograph: string): string {
  const folder = path.posix.dirname(photograph);
  if (folder !== '.') return folder;
  return photograph.includes('#') ? photograph.split('#')[0]! : 'added by hand';
}
