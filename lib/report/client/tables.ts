import { matches, readFilter } from './filter';
import { find, findAll } from './page';

/** Tables of runs: a click on a heading sorts, the field above filters, and of many rows the first are shown until the reader asks for all. */
export function handleTables(root: ParentNode): void {
  for (const block of findAll('.runs', root)) handleTable(block);
}

function handleTable(block: HTMLElement): void {
  const table = find<HTMLTableElement>('table', block);
  const body = table.tBodies[0]!;
  const headings = findAll<HTMLTableCellElement>('thead th', table);
  const filter = find<HTMLInputElement>('input[type=search]', block);
  const unfold = block.querySelector<HTMLInputElement>('input[type=checkbox]');
  const shown = find('.shown', block);
  const more = find<HTMLButtonElement>('button.more', block);
  let atMost = Number(block.dataset.atMost);

  function refresh(): void {
    const terms = readFilter(filter.value);
    const rows = [...body.rows].filter((row) => {
      const isOpen = unfold?.checked || row.dataset.folded === undefined;
      if (!isOpen) row.hidden = true;
      return isOpen;
    });
    let found = 0;
    for (const row of rows) {
      const isFound = matches(row, headings, terms);
      if (isFound) found++;
      row.hidden = !isFound || found > atMost;
    }
    shown.textContent = terms.length > 0 ? `${found} of ${rows.length}` : '';
    more.hidden = found <= atMost;
    more.textContent = `Show all ${found}`;
  }

  for (const [column, heading] of headings.entries()) {
    find('button', heading).addEventListener('click', () => {
      const direction = heading.ariaSort === 'descending' ? 'ascending' : 'descending';
      for (const other of headings) other.ariaSort = 'none';
      heading.ariaSort = direction;
      sortRows(body, column, direction === 'ascending' ? 1 : -1);
      refresh();
    });
  }
  filter.addEventListener('input', refresh);
  unfold?.addEventListener('change', refresh);
  more.addEventListener('click', () => {
    atMost = Number.POSITIVE_INFINITY;
    refresh();
  });
  refresh();
}

/** Rows without a value stand last, whichever way the others go. */
function sortRows(body: HTMLTableSectionElement, column: number, sign: 1 | -1): void {
  const keyed = [...body.rows].map((row) => ({ row, value: row.cells[column]!.dataset.value ?? '' }));
  keyed.sort((one, other) => Number(one.value === '') - Number(other.value === '') || sign * compare(one.value, other.value));
  body.append(...keyed.map(({ row }) => row));
}

function compare(one: string, other: string): number {
  const difference = Number(one) - Number(other);
  return Number.isNaN(difference) ? one.localeCompare(other) : difference;
}
