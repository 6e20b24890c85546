import { cellText, columnsOf, type Row } from '../report/rows';

/** Text as a table row's cell may hold it: plain text, which is escaped, or Markdown that this room wrote. */
export interface Markdown {
  readonly markdown: string;
}

const isMarkdown = (value: unknown): value is Markdown => typeof value === 'object' && value !== null && 'markdown' in value;

/** Text that shows as it is: nothing in it is taken for Markdown or HTML. */
export function plain(text: string): string {
  return text.replace(/[\\`*_<[\]|]/g, '\\$&').replace(/\s+/g, ' ');
}

/** A name or a hash in monospace, whatever characters it has; not with `|`, which would end a table's cell and which readers treat differently in code. */
export function code(text: string): string {
  if (text.includes('|')) return plain(text);
  const fence = '`'.repeat(1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)));
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${text.replace(/\s+/g, ' ')}${pad}${fence}`;
}

/** Rows as a table: numbers on the right, rounded as in the report. Without rows it is empty. */
export function table(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const columns = columnsOf(rows);
  const cell = (value: unknown): string => (isMarkdown(value) ? value.markdown : plain(cellText(value)));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const isNumeric = (column: string): boolean => rows.some((row) => typeof row[column] === 'number');
  return [
    line(columns.map(plain)),
    line(columns.map((column) => (isNumeric(column) ? '---:' : '---'))),
    ...rows.map((row) => line(columns.map((column) => cell(row[column])))),
  ].join('\n');
}

/** Names and values as a table of two columns; values are Markdown, and what is undefined is left out. */
export function facts(values: Readonly<Record<string, string | undefined>>): string {
  return table(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ '': name, ' ': { markdown: value } }])));
}

export function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

/** A block of code in a language. */
export function codeBlock(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

/** A warning that stands out. */
export function warning(text: string): string {
  return `> **${text}**`;
}

/**
 * A card: front matter for the Hugging Face Hub, a title, and sections, of which those without content are left out. Values of the front matter are written as
 * JSON, which YAML reads.
 */
export function markdownCard(
  metadata: Readonly<Record<string, unknown>>,
  title: string,
  sections: readonly (readonly [heading: string, ...content: readonly string[]])[],
): string {
  const frontMatter = Object.entries(metadata).map(([name, value]) => `${name}: ${escapeUnprintable(JSON.stringify(value))}`);
  const body = sections.flatMap(([heading, ...content]) => {
    const blocks = content.filter((block) => block !== '');
    if (blocks.length === 0) return [];
    return heading === '' ? blocks : [`## ${heading}`, ...blocks];
  });
  return `${['---', ...frontMatter, '---'].join('\n')}\n\n${[`# ${plain(title)}`, ...body].join('\n\n')}\n`;
}

/** JSON allows characters that YAML does not, and that a folder may have in its name. */
function escapeUnprintable(json: string): string {
  return json.replace(/[\u007f-\u009f\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
