import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';
import type { Figure } from './figure';
import { html } from './html';
import { figureToPng, titleOf } from './png';
import { cellText, columnsOf, type Row, textTable } from './rows';

/** One output in as many forms as the reader may need, by MIME type: text, JSON objects, or bytes. */
export type Bundle = Readonly<Record<string, string | object | Uint8Array>>;

interface DisplayData {
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly transient: { readonly display_id?: string };
}

type WriteDisplayData = (data: DisplayData, update: boolean) => void;

/** Whether this runs inside the notebooks' kernel. */
export function inNotebook(): boolean {
  return findWriter() !== undefined;
}

/**
 * What shows an output in the running cell. tslab's own `display` sends one MIME type a message; its kernel can send several
 * as one output, by a function that is not exported: so it is looked up among the modules that are loaded already. Outside
 * the kernel there is none.
 */
function findWriter(): WriteDisplayData | undefined {
  const loaded = Object.values(createRequire(path.join(process.cwd(), 'package.json')).cache);
  const kernel = loaded.find((module) => module?.filename?.endsWith(path.join('tslab', 'dist', 'jupyter.js')));
  const writer: unknown = kernel?.exports?.lastWriteDisplayData;
  return typeof writer === 'function' ? (writer as WriteDisplayData) : undefined;
}

/**
 * Shows one output. Outside a notebook its text is printed.
 *
 * @param metadata by MIME type, such as `{'image/png': {width: 400}}`
 */
export function display(bundle: Bundle, metadata: Readonly<Record<string, object>> = {}): void {
  createDisplay()(bundle, metadata);
}

/** An output that each further call replaces, as live progress needs; outside a notebook every call prints. */
export function createDisplay(): (bundle: Bundle, metadata?: Readonly<Record<string, object>>) => void {
  const id = randomBytes(8).toString('hex');
  let shown = false;
  return (bundle, metadata = {}) => {
    const write = findWriter();
    if (!write) {
      process.stdout.write(`${textOf(bundle)}\n`);
      return;
    }
    const data = Object.fromEntries(Object.entries(bundle).map(([mime, content]) => [mime, encode(content)]));
    write({ data, metadata, transient: { display_id: id } }, shown);
    shown = true;
  };
}

function encode(content: string | object | Uint8Array): string | object {
  return content instanceof Uint8Array ? Buffer.from(content).toString('base64') : content;
}

function textOf(bundle: Bundle): string {
  const text = bundle['text/plain'] ?? bundle['text/markdown'];
  return typeof text === 'string' ? text : `[${Object.keys(bundle).join(', ')}]`;
}

/** Shows a figure: interactive in JupyterLab, as a picture on GitHub and in exported pages, without internet. */
export async function displayFigure(figure: Figure): Promise<void> {
  const text = `[figure: ${titleOf(figure)}]`;
  if (!inNotebook()) return display({ 'text/plain': text });
  const { width, height } = figure.layout;
  const png = await figureToPng(figure);
  const plotly = { data: figure.data, layout: figure.layout, config: { displaylogo: false, responsive: false } };
  display({ 'application/vnd.plotly.v1+json': plotly, 'image/png': png, 'text/plain': text }, { 'image/png': { width, height } });
}

/** Shows a JPEG or PNG, at most `width` CSS pixels wide (its own width by default). */
export async function displayPicture(
  bytes: Uint8Array,
  { width, caption = 'picture' }: { width?: number; caption?: string } = {},
): Promise<void> {
  const { format, width: ownWidth, height: ownHeight } = await sharp(bytes).metadata();
  const shown = Math.min(width ?? ownWidth, ownWidth);
  const height = Math.round((ownHeight * shown) / ownWidth);
  const mime = `image/${format}`;
  display({ [mime]: bytes, 'text/plain': `[${caption}, ${ownWidth}×${ownHeight}]` }, { [mime]: { width: shown, height } });
}

/** Shows Markdown. */
export function displayMarkdown(text: string): void {
  display({ 'text/markdown': text, 'text/plain': text });
}

/** Shows rows as a table, numbers on the right; the columns are all keys, in the order in which they first appear. */
export function displayTable(rows: readonly Row[], { caption }: { caption?: string } = {}): void {
  const columns = columnsOf(rows);
  const align = (row: Row, column: string): string => `text-align:${typeof row[column] === 'number' ? 'right' : 'left'}`;
  const table = html`<table>
${caption ? html`<caption style="text-align:left"><b>${caption}</b></caption>` : ''}
<thead><tr>${columns.map((column) => html`<th style="${rows[0] ? align(rows[0], column) : ''}">${column}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${columns.map((column) => html`<td style="${align(row, column)}">${cellText(row[column])}</td>`)}</tr>\n`)}</tbody>
</table>`;
  display({ 'text/html': table.text, 'text/plain': [...(caption ? [caption] : []), textTable(rows)].join('\n') });
}
