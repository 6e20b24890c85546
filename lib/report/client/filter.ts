/** One thing that is asked of a row: a word that it has or has not, or how a column of it compares with a value. */
type Term =
  | { readonly word: string; readonly isWanted: boolean }
  | { readonly column: string; readonly operator: '<' | '<=' | '>' | '>=' | '='; readonly value: string };

/** Reads `head -failed dropout=0.2 test.auc>0.9`: all of the terms must hold. */
export function readFilter(text: string): Term[] {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean);
  return terms.flatMap((term): Term[] => {
    const [, column, operator, value] = /^([^<>=]+)(<=|>=|<|>|=)(.+)$/.exec(term) ?? [];
    if (column && operator && value) return [{ column, operator: operator as '<', value }];
    const isWanted = !term.startsWith('-');
    const word = isWanted ? term : term.slice(1);
    return word === '' ? [] : [{ word, isWanted }];
  });
}

export function matches(row: HTMLTableRowElement, headings: readonly HTMLTableCellElement[], terms: readonly Term[]): boolean {
  return terms.every((term) => {
    if ('word' in term) return `${row.dataset.id} ${row.textContent}`.toLowerCase().includes(term.word) === term.isWanted;
    // A column is meant by the end of its name: `auc` is any of validation.auc and test.auc.
    return headings.some((heading, index) => {
      const name = heading.dataset.name!.toLowerCase();
      const isMeant = name === term.column || name.endsWith(`.${term.column}`);
      return isMeant && holds(row.cells[index]!.dataset.value ?? '', term.operator, term.value);
    });
  });
}

function holds(cell: string, operator: '<' | '<=' | '>' | '>=' | '=', value: string): boolean {
  const [one, other] = [Number(cell), Number(value)];
  const areNumbers = cell !== '' && !Number.isNaN(one) && !Number.isNaN(other);
  if (operator === '=') return areNumbers ? one === other : cell.toLowerCase() === value;
  if (!areNumbers) return false;
  return { '<': one < other, '<=': one <= other, '>': one > other, '>=': one >= other }[operator];
}
