import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { readTextIfPresent, relativePath, sha256, writeAtomic } from '../files';
import { type HeldLock, inTurn } from '../lock';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { BadCorrections, CorrectionsBusy } from './errors';

/** What a user says a picture shows. */
export interface Correction {
  /** Absolute path of the picture. */
  readonly path: string;
  readonly sha256: string;
  /** One 0 or 1 for each class, in the task's order. */
  readonly labels: number[];
  /** ISO 8601, as it stands in the file. */
  readonly timestamp: string;
}

/** A row of `corrections/pending.csv`: text by column. */
export interface PendingRow {
  readonly record: Readonly<Record<string, string>>;
  readonly line: number;
}

/** Whether a task is retrained on corrections. One whose pictures have exactly one class is not: `pending.csv` and the gate are made for several. */
export function takesCorrections({ kind }: Task): boolean {
  return kind === 'multilabel';
}

/** Columns of `corrections/pending.csv`: the classes stand between the path and the status. */
export function pendingColumns(task: Task): string[] {
  return ['timestamp', 'image_path', ...task.classes.map(({ name }) => name), 'status'];
}

/**
 * The corrections of `corrections/pending.csv` whose status is `pending`, the latest one for each picture. Relative paths start at the
 * corrections' folder; semicolons do for commas, as in `labels.csv`. Without the file there are none.
 *
 * @throws BAD_CORRECTIONS, which gives the lines
 */
export async function readPending(workspace: Workspace, task: Task): Promise<Correction[]> {
  const problems: string[] = [];
  const latest = new Map<string, Correction>();
  for (const { record, line } of (await readRows(workspace, task)).filter(isPending)) {
    const labels = labelsOf(record, task);
    const wrong = task.classes.find((_, index) => labels[index] !== '0' && labels[index] !== '1');
    if (wrong) problems.push(`line ${line}: "${record[wrong.name]}" is no label of ${wrong.name}: write 0 or 1`);
    const file = pictureOf(workspace, record);
    const content = await readFile(file).catch(() => undefined);
    if (!content) problems.push(`line ${line}: there is no picture ${file}`);
    else latest.set(file, { path: file, sha256: sha256(content), labels: labels.map(Number), timestamp: record.timestamp! });
  }
  if (problems.length > 0) throw BadCorrections(workspace.pendingCsv, problems);
  return [...latest.values()];
}

/**
 * The pending corrections' names, one for each picture, without a look at the pictures. A name changes when the picture is corrected anew.
 *
 * @throws BAD_CORRECTIONS
 */
export async function listPending(workspace: Workspace, task: Task): Promise<string[]> {
  return [...namesByPicture(workspace, task, await readRows(workspace, task)).values()];
}

/** How many pictures of these rows have a pending correction. */
export function countPending(workspace: Workspace, task: Task, rows: readonly PendingRow[]): number {
  return namesByPicture(workspace, task, rows).size;
}

function namesByPicture(workspace: Workspace, task: Task, rows: readonly PendingRow[]): Map<string, string> {
  return new Map(rows.filter(isPending).map((row) => [pictureOf(workspace, row.record), rowName(workspace, task, row)]));
}

/** A correction without its picture's content. */
export interface NamedCorrection {
  /** As a row names it: from the corrections' folder, with `/`. */
  readonly image: string;
  readonly timestamp: string;
  readonly labels: readonly (number | string)[];
}

/** Tells a correction from every other, an earlier or later one of the same picture too. */
export function nameOf({ image, timestamp, labels }: NamedCorrection): string {
  return [image, timestamp, labels.join('')].join(' ');
}

/** A row's correction as `nameOf` has it. */
export function rowName(workspace: Workspace, task: Task, { record }: PendingRow): string {
  const image = relativePicture(workspace, pictureOf(workspace, record));
  return nameOf({ image, timestamp: record.timestamp!, labels: labelsOf(record, task) });
}

/** A picture as a row names it: from the corrections' folder, with `/`. */
export function relativePicture({ corrections }: Workspace, file: string): string {
  return relativePath(corrections, file);
}

/** Absolute path of a row's picture. */
export function pictureOf({ corrections }: Workspace, record: PendingRow['record']): string {
  return path.resolve(corrections, record.image_path!);
}

export function isPending({ record }: PendingRow): boolean {
  return record.status === 'pending';
}

function labelsOf(record: PendingRow['record'], task: Task): string[] {
  return task.classes.map(({ name }) => record[name]!);
}

/** All rows of `corrections/pending.csv`, whatever their status. @throws BAD_CORRECTIONS */
export async function readRows(workspace: Workspace, task: Task): Promise<PendingRow[]> {
  const text = await readTextIfPresent(workspace.pendingCsv);
  return text === undefined ? [] : parseRows(text, workspace.pendingCsv, task);
}

/** What can be done to the rows while no one else does. */
export interface HeldRows {
  readonly rows: readonly PendingRow[];
  /** Writes all rows anew, whole or not at all. */
  write(records: readonly PendingRow['record'][]): Promise<void>;
}

/**
 * Works on the rows while no one else in this or another process does.
 *
 * @throws BAD_CORRECTIONS, CORRECTIONS_BUSY, and whatever `work` throws
 */
export function withRows<Result>(workspace: Workspace, task: Task, work: (held: HeldRows) => Promise<Result>): Promise<Result> {
  return inTurn(workspace.pendingCsv, {
    busy: () => CorrectionsBusy(workspace.pendingCsv),
    work: async (lock: HeldLock) =>
      work({
        rows: await readRows(workspace, task),
        write: async (records) => {
          lock.check();
          await writeAtomic(workspace.pendingCsv, stringify([...records], { header: true, columns: pendingColumns(task) }));
        },
      }),
  });
}

function parseRows(text: string, file: string, task: Task): PendingRow[] {
  const wanted = pendingColumns(task);
  const checkHeader = (header: string[]): string[] => {
    const missing = wanted.filter((column) => !header.includes(column));
    const unknown = header.filter((column) => !wanted.includes(column));
    const problems = [
      ...missing.map((name) => `line 1: column ${name} is missing`),
      ...unknown.map((name) => `line 1: column ${name} is unknown`),
    ];
    if (problems.length > 0) throw BadCorrections(file, problems);
    return header;
  };
  try {
    const firstLine = text.slice(0, text.search(/\r?\n|$/));
    const delimiter = firstLine.includes(';') && !firstLine.includes(',') ? ';' : ',';
    const parsed = parse(text, { bom: true, delimiter, columns: checkHeader, info: true, skip_empty_lines: true, trim: true });
    return (parsed as unknown as { record: Record<string, string>; info: { lines: number } }[]).map(({ record, info }) => ({
      record,
      line: info.lines,
    }));
  } catch (error) {
    if ((error as { code?: string }).code === 'BAD_CORRECTIONS') throw error;
    throw BadCorrections(file, [(error as Error).message]);
  }
}
