import type { SheetPicture } from '../report';
import type { CopyPair } from './copies';
import type { JudgedPicture } from './judged';
import type { LabelSuspect } from './labelErrors';
import type { Neighbourhood } from './neighbourhoods';
import { changeInWords, labelsInWords } from './words';

/**
 * The wrong pictures of the neighbourhoods with most of them, for `contactSheet`, with as many columns as there are of each. Captions say the
 * neighbourhood's number and what the model changes of the labels.
 */
export function neighbourhoodSheet(
  neighbourhoods: readonly Neighbourhood[],
  pictures: readonly JudgedPicture[],
  classes: readonly string[],
  { atMost = 3, each = 6 }: { readonly atMost?: number; readonly each?: number } = {},
): SheetPicture[] {
  return neighbourhoods.slice(0, atMost).flatMap(({ members }, index) => {
    const wrong = members.map((member) => pictures[member]!).filter(({ isRight }) => !isRight);
    return wrong.slice(0, each).map(({ path, labels, answered }) => ({
      path,
      caption: `${index + 1}: ${changeInWords(classes, labels, answered)}`,
    }));
  });
}

/** Suspects for `contactSheet`, with what to change of their labels. */
export function suspectSheet(
  suspects: readonly LabelSuspect[],
  pictures: readonly { readonly path: string }[],
  classes: readonly string[],
): SheetPicture[] {
  return suspects.map(({ row, given, proposed }) => ({
    path: pictures[row]!.path,
    caption: changeInWords(classes, given, proposed),
  }));
}

/** Pairs for `contactSheet`, side by side in an even number of columns. */
export function copySheet(pairs: readonly CopyPair[], classes: readonly string[]): SheetPicture[] {
  return pairs.flat().map(({ path, split, labels }) => ({ path, caption: `${split}: ${labelsInWords(classes, labels)}` }));
}
