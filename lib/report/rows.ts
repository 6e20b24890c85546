import { formatNumber } from './labels';

/** A table's row: plain values by column. */
export type Row = Readonly<Record<string, unknown>>;

/** All keys of the rows, in the order in which they first appear. */
export function columnsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** A value as a reader wants it: numbers rounded, lists and objects as JSON, nothing as a dash. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Rows as aligned text for a terminal: numbers on the right. */
export function textTable(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const lines = [columns, ...rows.map((row) => columns.map((column) => cellText(row[column])))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] as string).length)));
  const numeric = columns.map((column) => rows.some((row) => typeof row[column] === 'number'));
  const format = (line: readonly string[]): string =>
    line
      .map((cell, index) => (numeric[index] ? cell.padStart(widths[index] as number) : cell.padEnd(widths[index] as number)))
      .join('  ')
      .trimEnd();
  return lines.map(format).join('\n');
}
