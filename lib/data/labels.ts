import path from 'node:path';
import { readTextIfPresent, writeAtomic } from '../files';
import type { Task } from '../tasks';
import { datasetOf, type Workspace } from '../workspace';
import { readDatasetCard } from './card';
import { finishExchange, withDatasetLock } from './datasetFolder';
import { renewCards } from './describe';
import { formatLabels, type LabelRow, type ParseOptions, parseLabels } from './labelsCsv';
import { listPictures } from './pictures';

export interface SyncOptions {
  /** Add the pending rows to the labels, instead of only listing them. */
  readonly merge?: boolean;
  readonly labelsCsv?: string;
  readonly imagesDir?: string;
  readonly pendingCsv?: string;
}

/** What a synchronisation found and did; all are numbers of pictures. */
export interface SyncReport {
  readonly pictures: number;
  readonly labelled: number;
  /** Waiting in the pending file now. */
  readonly pending: number;
  /** Of the rows that were pending, how many somebody had given a label: the others say that the picture shows no class. */
  readonly edited: number;
  readonly merged: number;
  /** Pending rows whose picture is gone. */
  readonly dropped: number;
}

/**
 * Finds pictures without a row in `labels.csv` and lists them, without any label, in `labels_pending.csv` for a person to edit. Rows already
 * edited there stay as they are. With `merge` the pending rows go to `labels.csv`, as edited, and the pending file is left with its header;
 * where a picture has exactly one class, rows that have none yet stay in it. A prepared data set whose labels are others by now, also by hand, has its
 * `dataset.json` and `CARD.md` renewed.
 *
 * @throws BAD_LABELS, BAD_DATASET_CARD, PREPARE_RUNNING; nothing is then written
 */
export async function syncLabels(workspace: Workspace, task: Task, options: SyncOptions = {}): Promise<SyncReport> {
  const { merge = false } = options;
  const places = datasetOf(workspace, task.name);
  const { labelsCsv = places.labelsCsv, imagesDir = places.datasetImages, pendingCsv = places.labelsPendingCsv } = options;
  await finishExchange(places);
  return withDatasetLock(path.dirname(path.resolve(labelsCsv)), async () => {
    const pictures = await listPictures(imagesDir);
    const labelled = await readRows(labelsCsv, task);
    const edits = await readRows(pendingCsv, task, { mayLackClass: true });

    const isOwn = path.resolve(labelsCsv) === places.labelsCsv && path.resolve(imagesDir) === places.datasetImages;
    const card = isOwn ? await readDatasetCard(workspace, task) : undefined;

    const known = new Set(labelled.map(({ filename }) => filename));
    const editOf = new Map(edits.map((row) => [row.filename, row]));
    const pending = pictures.filter((name) => !known.has(name)).map((name) => editOf.get(name) ?? unlabelled(name, task));
    const isReady = ({ labels }: LabelRow): boolean => merge && (task.kind === 'multilabel' || labels.includes(1));
    const merged = pending.filter(isReady);
    const waiting = pending.filter((row) => !isReady(row));
    // The labels come first: a kill in between leaves rows in both files, and the next synchronisation takes them out of the pending one.
    const rows = [...labelled, ...merged];
    if (merged.length > 0) await writeAtomic(labelsCsv, formatLabels(task, rows));
    await writeAtomic(pendingCsv, formatLabels(task, waiting));
    if (card) {
      const present = new Set(pictures);
      await renewCards(places, { task, rows: rows.filter(({ filename }) => present.has(filename)), card });
    }
    return {
      pictures: pictures.length,
      labelled: rows.length,
      pending: waiting.length,
      edited: pending.filter(({ labels }) => labels.includes(1)).length,
      merged: merged.length,
      dropped: edits.filter(({ filename }) => !known.has(filename) && !pictures.includes(filename)).length,
    };
  });
}

async function readRows(file: string, task: Task, options: ParseOptions = {}): Promise<LabelRow[]> {
  const text = await readTextIfPresent(file);
  return text === undefined || text.trim() === '' ? [] : parseLabels(text, file, task, options);
}

/** A picture put there by hand is a photograph of its own, and so its own source. */
function unlabelled(filename: string, task: Task): LabelRow {
  return { filename, labels: task.classes.map(() => 0), source: filename };
}
