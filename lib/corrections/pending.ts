import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { readTextIfPresent, sha256 } from '../files';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { BadCorrections } from './errors';

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
  const text = await readTextIfPresent(workspace.pendingCsv);
  if (text === undefined) return [];
  const lines = parseLines(text, workspace.pendingCsv, task);
  const problems: string[] = [];
  const latest = new Map<string, Correction>();
  for (const { record, line } of lines) {
    if (record.status !== 'pending') continue;
    const labels = task.classes.map(({ name }) => record[name]!);
    const wrong = task.classes.find((_, index) => labels[index] !== '0' && labels[index] !== '1');
    if (wrong) problems.push(`line ${line}: "${record[wrong.name]}" is no label of ${wrong.name}: write 0 or 1`);
    const file = path.resolve(workspace.corrections, record.image_path!);
    const content = await readFile(file).catch(() => undefined);
    if (!content) problems.push(`line ${line}: there is no picture ${file}`);
    else latest.set(file, { path: file, sha256: sha256(content), labels: labels.map(Number), timestamp: record.timestamp! });
  }
  if (problems.length > 0) throw BadCorrections(workspace.pendingCsv, problems);
  return [...latest.values()];
}

interface Line {
  readonly record: Readonly<Record<string, string>>;
  readonly line: number;
}

function parseLines(text: string, file: string, task: Task): Line[] {
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
