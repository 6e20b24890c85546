import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { isMissing, writeAtomic } from '../files';
import type { Predictions } from '../metrics';
import type { Workspace } from '../workspace';
import { NoPredictions, RunUnreadable } from './errors';

/** The splits whose predictions a run keeps; those on the training split say little. */
export const predictedSplits = ['validation', 'test'] as const;
export type PredictedSplit = (typeof predictedSplits)[number];

/** What a run's model says of every picture of a split; the lists are in the order of the rows of `labels` and `probabilities`. */
export interface SplitPredictions extends Predictions {
  /** Names of the files in the data set. */
  readonly pictures: readonly string[];
  /** Of the files' content: the same picture has the same one in every run. */
  readonly sha256: readonly string[];
  /** For each picture, the photographs in it. */
  readonly sources: readonly (readonly string[])[];
}

/** Where a run's predictions are. */
export function predictionsFile(workspace: Workspace, runId: string): string {
  return path.join(workspace.experiment(runId), 'predictions.csv.gz');
}

/**
 * Writes what a run's model says of the pictures of validation and test, so that runs can be compared picture by picture later: a row a picture, with the
 * columns `split`, `picture`, `sha256`, `sources` (joined by `|`, as in `labels.csv`), and for every class `label:<class>` and `probability:<class>`. The
 * same predictions give the same bytes. `pandas.read_csv` reads the file as it is.
 *
 * @returns the file
 * @throws the file system's error; an earlier file is then still there
 */
export async function writePredictions(
  workspace: Workspace,
  runId: string,
  splits: Readonly<Record<PredictedSplit, SplitPredictions>>,
): Promise<string> {
  const file = predictionsFile(workspace, runId);
  const rows = predictedSplits.flatMap((split) => rowsOf(split, splits[split]));
  const text = stringify([columnsOf(splits.test.classes), ...rows]);
  await writeAtomic(file, await promisify(gzip)(text, { level: 9 }));
  return file;
}

/**
 * What a run's model said of the pictures of validation and test, exactly as it was written.
 *
 * @param runId in full, as `readRun` gives it
 * @throws NO_PREDICTIONS where the run has none, RUN_UNREADABLE where the file is damaged
 */
export async function readPredictions(workspace: Workspace, runId: string): Promise<Record<PredictedSplit, SplitPredictions>> {
  const file = predictionsFile(workspace, runId);
  const [header = [], ...rows] = await readCells(file, runId);
  const classes = header.filter((column) => column.startsWith(labelColumn(''))).map((column) => column.slice(labelColumn('').length));
  if (classes.length === 0 || header.join() !== columnsOf(classes).join())
    throw RunUnreadable(file, `its columns are ${header.join(', ') || 'missing'}`);
  const unknown = rows.find(([split]) => !predictedSplits.some((known) => known === split));
  if (unknown) throw RunUnreadable(file, `it has a picture of the split "${unknown[0]}"`);
  const split = (name: PredictedSplit): SplitPredictions =>
    predictionsOf(
      rows.filter(([found]) => found === name),
      classes,
    );
  return { validation: split('validation'), test: split('test') };
}

async function readCells(file: string, runId: string): Promise<string[][]> {
  try {
    return parse(await promisify(gunzip)(await readFile(file))) as unknown as string[][];
  } catch (error) {
    if (isMissing(error)) throw NoPredictions(runId);
    throw RunUnreadable(file, (error as Error).message);
  }
}

const pictureColumns = ['split', 'picture', 'sha256', 'sources'];

function columnsOf(classes: readonly string[]): string[] {
  return [...pictureColumns, ...classes.map(labelColumn), ...classes.map((name) => `probability:${name}`)];
}

function labelColumn(name: string): string {
  return `label:${name}`;
}

function rowsOf(split: PredictedSplit, { classes, labels, probabilities, pictures, sha256, sources }: SplitPredictions): unknown[][] {
  return pictures.map((picture, row) => {
    const [first, end] = [row * classes.length, (row + 1) * classes.length];
    return [
      split,
      picture,
      sha256[row],
      sources[row]!.join('|'),
      ...labels.subarray(first, end),
      ...Array.from(probabilities.subarray(first, end), shortestDecimal),
    ];
  });
}

function predictionsOf(rows: readonly (readonly string[])[], classes: readonly string[]): SplitPredictions {
  const column = (name: string): string[] => rows.map((cells) => cells[pictureColumns.indexOf(name)]!);
  const numbers = (first: number): number[] => rows.flatMap((cells) => cells.slice(first, first + classes.length).map(Number));
  return {
    classes,
    count: rows.length,
    pictures: column('picture'),
    sha256: column('sha256'),
    sources: column('sources').map((names) => (names === '' ? [] : names.split('|'))),
    labels: Uint8Array.from(numbers(pictureColumns.length)),
    probabilities: Float32Array.from(numbers(pictureColumns.length + classes.length)),
  };
}

/** The fewest digits that give the float32 back: from 6, which one always keeps (`FLT_DIG`), to 9, which always do (`FLT_DECIMAL_DIG`). */
function shortestDecimal(value: number): number {
  const decimals = [6, 7, 8].map((digits) => Number(value.toPrecision(digits)));
  return decimals.find((decimal) => Math.fround(decimal) === value) ?? Number(value.toPrecision(9));
}
