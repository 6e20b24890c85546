import type { Split } from '../tasks';
import type { HashedRow } from './added';
import { type DatasetCard, splitOf } from './card';
import { fingerprintOf } from './fingerprint';
import { balanceClasses } from './galaxy/balance';
import type { GalaxyCard } from './galaxy/card';
import type { LabelRow } from './labelsCsv';
import { bySplit } from './split';

/** What a card of collages says that follows from the labels. */
export function countCollages(
  rows: readonly HashedRow[],
  classes: readonly string[],
): Pick<DatasetCard, 'counts' | 'labelCounts' | 'coOccurrence' | 'fingerprint'> {
  const ofNone = (own: readonly LabelRow[]): number => own.filter(({ labels }) => !labels.includes(1)).length;
  return {
    counts: bySplit((split) => rowsIn(rows, split).length),
    labelCounts: bySplit((split) => ({ ...countLabels(rowsIn(rows, split), classes), none: ofNone(rowsIn(rows, split)) })),
    coOccurrence: classes.map((_, a) => classes.map((__, b) => rows.filter(({ labels }) => labels[a] && labels[b]).length)),
    fingerprint: fingerprintOf(rows),
  };
}

/** What a card of galaxies says that follows from the labels. */
export function countGalaxies(
  rows: readonly HashedRow[],
  classes: readonly string[],
  { perClass, seed }: Pick<GalaxyCard['settings'], 'perClass' | 'seed'>,
): Pick<GalaxyCard, 'counts' | 'labelCounts' | 'balance' | 'fingerprint'> {
  const training = rowsIn(rows, 'train').map(({ labels }) => labels.indexOf(1));
  const balanced = balanceClasses(training, classes.length, perClass, seed).classes;
  return {
    counts: bySplit((split) => rowsIn(rows, split).length),
    labelCounts: bySplit((split) => countLabels(rowsIn(rows, split), classes)),
    balance: balanced.map((one, index) => ({ class: classes[index]!, ...one })),
    fingerprint: fingerprintOf(rows),
  };
}

function rowsIn(rows: readonly LabelRow[], split: Split): LabelRow[] {
  return rows.filter(({ filename }) => splitOf(filename) === split);
}

function countLabels(rows: readonly LabelRow[], classes: readonly string[]): Record<string, number> {
  return Object.fromEntries(classes.map((name, index) => [name, rows.filter(({ labels }) => labels[index] === 1).length]));
}
