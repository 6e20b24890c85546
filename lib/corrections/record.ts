import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { decodePicture, pictureExtensions, pictureKind } from '../data';
import { isDiskFull, isMissing, sha256, writeAtomic } from '../files';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { BadCorrection, CorrectionsDiskFull, NotCorrectable } from './errors';
import { readJournal } from './journal';
import {
  type Correction,
  countPending,
  isPending,
  type PendingRow,
  pictureOf,
  relativePicture,
  takesCorrections,
  withRows,
} from './pending';
import { refreshStatus } from './status';

/** A correction to keep. */
export interface NewCorrection {
  /** Of the picture's file: JPEG, PNG or WebP. */
  readonly content: Uint8Array;
  /** One 0 or 1 for each class, in the task's order. */
  readonly labels: readonly number[];
  readonly now?: Date;
}

export interface RecordedCorrection {
  readonly correction: Correction;
  /** The earlier correction of the same picture, whose place it took. */
  readonly replaced?: Correction;
  /** Pictures with a pending correction. */
  readonly pending: number;
}

/**
 * Keeps a correction: the picture goes to `corrections/images/<sha256>.<jpg, png or webp>`, a row to `corrections/pending.csv`. Both are written whole
 * or not at all, one correction after another, whatever the number of processes. A picture's correction replaces its pending one; rows that
 * people wrote by hand stay.
 *
 * @throws BAD_CORRECTION, UNREADABLE_PICTURE, BAD_CORRECTIONS, CORRECTIONS_DISK_FULL, CORRECTIONS_BUSY; nothing is then changed
 */
export async function recordCorrection(
  workspace: Workspace,
  task: Task,
  { content, labels, now = new Date() }: NewCorrection,
): Promise<RecordedCorrection> {
  if (!takesCorrections(task)) throw NotCorrectable(task.name);
  if (labels.length !== task.classes.length || labels.some((label) => label !== 0 && label !== 1))
    throw BadCorrection(`its labels are ${JSON.stringify(labels)}, but each of ${task.classes.length} classes needs a 0 or a 1`);
  const kind = pictureKind(content);
  if (!kind) throw BadCorrection('the file is neither a JPEG, PNG nor WebP picture');
  // What cannot be read would stop the next retraining. It is read beside its neighbours, while the turn is taken at once: the order is kept.
  const reading = decodePicture(content, task.imageSize);
  reading.catch(() => undefined);
  const hash = sha256(content);
  const file = path.join(workspace.correctionImages, `${hash}.${pictureExtensions[kind]}`);
  const correction: Correction = { path: file, sha256: hash, labels: [...labels], timestamp: now.toISOString() };

  const recorded = await withRows(workspace, task, async ({ rows, write }) => {
    await reading;
    const isEarlier = (row: PendingRow): boolean => isPending(row) && pictureOf(workspace, row.record) === file;
    const replaced = rows.filter(isEarlier).at(-1)?.record;
    const record = {
      timestamp: correction.timestamp,
      image_path: relativePicture(workspace, file),
      ...Object.fromEntries(task.classes.map(({ name }, index) => [name, String(labels[index])])),
      status: 'pending',
    };
    const isNew = !existsSync(file);
    try {
      if (isNew) await writeAtomic(file, content);
      const kept = rows.filter((row) => !isEarlier(row));
      await write([...kept.map((row) => row.record), record]);
      return {
        correction,
        ...(replaced && {
          replaced: { ...correction, timestamp: replaced.timestamp!, labels: task.classes.map(({ name }) => Number(replaced[name])) },
        }),
        pending: countPending(workspace, task, kept) + 1,
      };
    } catch (error) {
      if (isNew) await rm(file, { force: true });
      throw isDiskFull(error) ? CorrectionsDiskFull(workspace.corrections) : error;
    }
  });
  await tellStatus(workspace, task);
  return recorded;
}

/**
 * Takes back a picture's pending correction. What it replaced does not come back. The picture is removed where no other correction, learnt
 * or being learnt, needs it.
 *
 * @returns whether there was one, and how many pictures have a pending correction now
 * @throws BAD_CORRECTIONS, CORRECTIONS_DISK_FULL, CORRECTIONS_BUSY; nothing is then changed
 */
export async function undoCorrection(workspace: Workspace, task: Task, hash: string): Promise<{ removed: boolean; pending: number }> {
  const undone = await withRows(workspace, task, async ({ rows, write }) => {
    const isOf = (row: PendingRow): boolean => {
      const { dir, name } = path.parse(pictureOf(workspace, row.record));
      return isPending(row) && dir === workspace.correctionImages && name === hash;
    };
    const removed = rows.filter(isOf);
    const kept = rows.filter((row) => !isOf(row));
    if (removed.length > 0) {
      await write(kept.map((row) => row.record)).catch((error) => {
        throw isDiskFull(error) ? CorrectionsDiskFull(workspace.corrections) : error;
      });
      for (const file of new Set(removed.map((row) => pictureOf(workspace, row.record)))) {
        if (!(await isNeeded(workspace, file, kept))) await rm(file, { force: true });
      }
    }
    return { removed: removed.length > 0, pending: countPending(workspace, task, kept) };
  });
  if (undone.removed) await tellStatus(workspace, task);
  return undone;
}

/** Whether a row, a retraining that is under way or the history names a picture. */
async function isNeeded(workspace: Workspace, file: string, rows: readonly PendingRow[]): Promise<boolean> {
  if (rows.some(({ record }) => pictureOf(workspace, record) === file)) return true;
  const name = relativePicture(workspace, file);
  const { attempt } = await readJournal(workspace);
  if (attempt?.corrections.some((one) => one.image === name)) return true;
  const names = await readdir(workspace.correctionHistory).catch((error) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const histories = await Promise.all(names.map((one) => readFile(path.join(workspace.correctionHistory, one), 'utf8')));
  return histories.some((text) => text.includes(name));
}

/** The correction is kept, and that is what counts: on a full disk the status is told at the next change. */
async function tellStatus(workspace: Workspace, task: Task): Promise<void> {
  try {
    await refreshStatus(workspace, task);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}
