import { type Html, html } from '../html';

/** A column of a table that the page's script sorts and filters. */
export interface Column<Item> {
  /** What a filter calls it, such as `dropout` or `test.auc`. */
  readonly name: string;
  readonly heading: string | Html;
  readonly isNumber?: boolean;
  /** What it is sorted and filtered by; nothing stands last. */
  readonly sortBy: (item: Item) => string | number | boolean | null | undefined;
  /** What is shown. */
  readonly show: (item: Item) => string | Html;
}

interface TableOptions<Item> {
  readonly idOf: (item: Item) => string;
  /** The row that is set in bold. */
  readonly bestId?: string | undefined;
  /** Rows that are folded away at first, and what they are called. */
  readonly folded?: { readonly isFolded: (item: Item) => boolean; readonly name: string };
  /** What may be typed into the filter, as an example. */
  readonly hint: string;
}

/** So many rows are shown at first: a browser lays out a thousand in half a second. */
const rowsAtFirst = 20;

/** Items as rows, one filter above them; the first column stays in sight. */
export function sortableTable<Item>(
  items: readonly Item[],
  columns: readonly Column<Item>[],
  { idOf, bestId, hint, folded }: TableOptions<Item>,
): Html {
  const isFolded = folded?.isFolded ?? ((): boolean => false);
  const open = items.filter((item) => !isFolded(item));
  const atFirst = new Set(open.slice(0, rowsAtFirst));
  return html`<div class="runs" data-at-most="${rowsAtFirst}">
<div class="tools"${items.length > 1 ? '' : hidden}><label>Filter <input type="search" placeholder="${hint}" title="Words that a row must have; -word leaves rows out; dropout=0.2 or test.auc>0.9 ask for a column. Click a heading to sort."></label>${folded && open.length < items.length ? html` <label><input type="checkbox"> with ${items.length - open.length} ${folded.name}</label>` : ''} <span class="shown muted" role="status"></span></div>
<div class="scroll" tabindex="0"><table>
<thead><tr>${columns.map(({ name, heading, isNumber }) => html`<th aria-sort="none" data-name="${name}"${isNumber ? numeric : ''}><button type="button">${heading}</button></th>`)}</tr></thead>
<tbody>
${items.map((item) => {
  const id = idOf(item);
  const cells = columns.map(({ sortBy, show, isNumber }, index) => {
    const content = html`data-value="${cellValue(sortBy(item))}"${isNumber ? numeric : ''}>${show(item)}`;
    return index === 0 ? html`<th scope="row" ${content}</th>` : html`<td ${content}</td>`;
  });
  return html`<tr data-id="${id}"${id === bestId ? best : ''}${isFolded(item) ? html` data-folded` : ''}${atFirst.has(item) ? '' : hidden}>${cells}</tr>\n`;
})}</tbody></table></div>
<button type="button" class="more"${open.length > rowsAtFirst ? '' : hidden}>Show all ${open.length}</button>
</div>`;
}

/** What a cell is sorted by; what diverged has no value. */
function cellValue(value: ReturnType<Column<never>['sortBy']>): string {
  return value === null || value === undefined || Number.isNaN(value) ? '' : String(value);
}

const hidden = html` hidden`;
const numeric = html` class="number"`;
const best = html` class="best"`;
