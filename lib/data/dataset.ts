import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readTextIfPresent, sha256 } from '../files';
import type { Split, Task } from '../tasks';
import { datasetOf, type Workspace } from '../workspace';
import { readDatasetCard, splitOf } from './card';
import { mapOnCores } from './cores';
import { finishExchange } from './datasetFolder';
import { BadLabels, DatasetMissing } from './errors';
import { fingerprintOf } from './fingerprint';
import { parseLabels } from './labelsCsv';
import { bySplit } from './split';

/** One picture of the data set. */
export interface LabelledPicture {
  readonly filename: string;
  /** Absolute path. */
  readonly path: string;
  /** One 0 or 1 for each class, in the task's order. */
  readonly labels: number[];
  readonly split: Split;
  /** The photographs in it, relative to the source's folder. */
  readonly sources: string[];
  /** Of the file's content. */
  readonly sha256: string;
}

/** A data set that is ready for training, in the order of `labels.csv`. */
export interface Dataset {
  readonly pictures: LabelledPicture[];
  /** SHA-256 over every picture's name, content and labels. */
  readonly fingerprint: string;
  /** What it was made of; `unknown` where no `dataset.json` says so. */
  readonly card: { readonly name: string; readonly isSample: boolean };
  /** Pictures by split. */
  readonly counts: Record<string, number>;
}

/**
 * Reads `labels.csv` and checks it against the pictures.
 *
 * @throws DATASET_MISSING, BAD_LABELS (which gives the lines), BAD_DATASET_CARD
 */
export async function readDataset(workspace: Workspace, task: Task): Promise<Dataset> {
  const places = datasetOf(workspace, task.name);
  const { labelsCsv, datasetImages } = places;
  await finishExchange(places);
  const text = await readTextIfPresent(labelsCsv);
  if (text === undefined) throw DatasetMissing(labelsCsv, task.name);
  const rows = parseLabels(text, labelsCsv, task);
  if (rows.length === 0) throw BadLabels(labelsCsv, ['line 1: there is no picture below the header']);

  const read = await mapOnCores(rows, async ({ filename, labels, source, line }) => {
    const file = path.join(datasetImages, filename);
    const content = await readPresent(file);
    const picture: LabelledPicture = {
      filename,
      path: file,
      labels: [...labels],
      split: splitOf(filename),
      sources: source === '' ? [] : source.split('|'),
      sha256: sha256(content ?? ''),
    };
    return content ? { picture } : { picture, problem: `line ${line}: there is no picture ${file}` };
  });
  const pictures = read.map(({ picture }) => picture);
  const problems = read.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) throw BadLabels(labelsCsv, problems);

  const card = await readDatasetCard(workspace, task);
  return {
    pictures,
    fingerprint: fingerprintOf(pictures),
    card: card?.data ?? { name: 'unknown', isSample: false },
    counts: bySplit((split) => pictures.filter((picture) => picture.split === split).length),
  };
}

async function readPresent(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR') return undefined;
    throw error;
  }
}

/** A data set's pictures by split. */
export function picturesBySplit({ pictures }: Dataset): Record<Split, LabelledPicture[]> {
  return bySplit((split) => pictures.filter((picture) => picture.split === split));
}

/** Labels of pictures, shape [pictures, classes]. */
export function labelMatrix(pictures: readonly Pick<LabelledPicture, 'labels'>[]): Uint8Array {
  return Uint8Array.from(pictures.flatMap(({ labels }) => labels));
}

/** `count` pictures spread evenly over a list, so that a small look at a split shows all kinds of them. */
export function spread<Picture>(pictures: readonly Picture[], count: number): Picture[] {
  const step = Math.max(1, pictures.length / count);
  return Array.from({ length: Math.min(count, pictures.length) }, (_, index) => pictures[Math.floor(index * step)] as Picture);
}
