import { predictedSplits } from '../experiments';
import { type Row, textTable } from '../report';
import type { Task } from '../tasks';
import { findLabelErrors } from './labelErrors';
import type { RunErrors } from './open';
import { accuracyBySource } from './sources';
import { changeInWords, labelsInWords } from './words';
import { worstPictures } from './worst';

/** A run's errors for the terminal: the worst test pictures, accuracy by source, and likely label errors of validation and test. */
export function describeErrors({ run, judged }: RunErrors, { classes: known, kind }: Task, atMost = 10): string {
  const classes = known.map(({ name }) => name);
  const { pictures } = judged.test;
  const wrong = pictures.filter(({ isRight }) => !isRight).length;
  const worst = worstPictures(pictures, atMost).map(({ filename, labels, answered, loss }) => ({
    picture: filename,
    labels: labelsInWords(classes, labels),
    model: labelsInWords(classes, answered),
    loss,
  }));
  const sources = accuracyBySource(predictedSplits.flatMap((split) => judged[split].pictures));
  const suspects = predictedSplits
    .flatMap((split) => findLabelErrors(judged[split].predictions, kind).map((suspect) => ({ ...suspect, split })))
    .sort((one, other) => one.quality - other.quality);
  const rows = suspects.slice(0, atMost).map(({ split, row, given, proposed, quality }) => ({
    picture: judged[split].pictures[row]!.filename,
    labels: labelsInWords(classes, given),
    change: changeInWords(classes, given, proposed),
    quality,
  }));
  const part = (title: string, table: readonly Row[]): string[] => (table.length > 0 ? ['', title, textTable(table)] : []);
  return [
    run,
    `${wrong} of ${pictures.length} test pictures are wrong`,
    ...part('The worst', worst),
    ...part('By source of the photographs, validation and test, with 95 % intervals', sources),
    ...part(`Likely label errors, ${rows.length} of ${suspects.length}`, rows),
  ].join('\n');
}
