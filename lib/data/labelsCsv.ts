import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import type { Task } from '../tasks';
import { BadLabels } from './errors';

/** A row of `labels.csv`. */
export interface LabelRow {
  readonly filename: string;
  /** One 0 or 1 for each class, in the task's order. */
  readonly labels: readonly number[];
  /** The photographs in the picture, joined by `|`. */
  readonly source: string;
}

/** A row with the line of the file it stands in. */
export interface NumberedRow extends LabelRow {
  readonly line: number;
}

interface CsvLine {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

export interface ParseOptions {
  /** Takes an empty `label` for "not known yet", with all labels 0; otherwise it is a problem. */
  readonly mayLackClass?: boolean;
}

/**
 * Reads `filename,<classes>,source` of a multi-label task, with a 0 or 1 for each class, or `filename,label,source` of a multi-class one, with the
 * class' name. The columns may come in any order, `source` may be missing, and semicolons do for commas, since that is how some
 * spreadsheets save.
 *
 * @param file what errors call the text
 * @throws BAD_LABELS, which gives the line of each problem: an unknown or missing column, a label that is neither 0 nor 1 or names no class, a
 *   name that is no plain file name or comes twice
 */
export function parseLabels(text: string, file: string, task: Task, { mayLackClass = false }: ParseOptions = {}): NumberedRow[] {
  const [header, ...lines] = readLines(text, file);
  const names = header?.record ?? [];
  const classes = task.classes.map(({ name }) => name);
  const known = columnsOf(task);
  const problems = [
    ...names.filter((name) => !known.includes(name)).map((name) => `line 1: unknown column "${name}" (known: ${known.join(', ')})`),
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `line 1: column "${name}" comes twice`),
    ...known.filter((name) => name !== 'source' && !names.includes(name)).map((name) => `line 1: column "${name}" is missing`),
  ];
  if (problems.length > 0) throw BadLabels(file, problems);

  const firstLine = new Map<string, number>();
  const rows = lines.map(({ record, info }): NumberedRow => {
    const line = info.lines;
    const field = (name: string): string => record[names.indexOf(name)] ?? '';
    const filename = field('filename');
    if (record.length !== names.length) problems.push(`line ${line}: ${record.length} fields, but the header has ${names.length}`);
    if (!isPlainName(filename)) problems.push(`line ${line}: "${filename}" is not the plain name of a file in the images folder`);
    if (firstLine.has(filename)) problems.push(`line ${line}: ${filename} already stands in line ${firstLine.get(filename)}`);
    firstLine.set(filename, line);
    if (task.kind === 'multiclass') {
      const label = field('label');
      if (!classes.includes(label) && !(mayLackClass && label === ''))
        problems.push(`line ${line}: "label" is "${label}", but must be one of ${classes.join(', ')}`);
      return { filename, labels: classes.map((name) => Number(name === label)), source: field('source'), line };
    }
    for (const name of classes) {
      if (!['0', '1'].includes(field(name))) problems.push(`line ${line}: "${name}" is "${field(name)}", but must be 0 or 1`);
    }
    return { filename, labels: classes.map((name) => Number(field(name))), source: field('source'), line };
  });
  if (problems.length > 0) throw BadLabels(file, problems);
  return rows;
}

/** The rows as text, with a header. */
export function formatLabels(task: Task, rows: readonly LabelRow[]): string {
  const cells = (labels: readonly number[]): string[] =>
    task.kind === 'multiclass' ? [task.classes[labels.indexOf(1)]?.name ?? ''] : labels.map(String);
  return stringify([columnsOf(task), ...rows.map(({ filename, labels, source }) => [filename, ...cells(labels), source])]);
}

function columnsOf({ kind, classes }: Task): string[] {
  return ['filename', ...(kind === 'multiclass' ? ['label'] : classes.map(({ name }) => name)), 'source'];
}

function readLines(text: string, file: string): CsvLine[] {
  const firstLine = text.slice(0, text.search(/\r?\n|$/));
  const delimiter = firstLine.includes(';') && !firstLine.includes(',') ? ';' : ',';
  try {
    return parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as CsvLine[];
  } catch (error) {
    throw BadLabels(file, [(error as Error).message]);
  }
}

/** No folder, no way out of the images folder, on any operating system. */
function isPlainName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !/[/\\\0]/.test(name);
}
