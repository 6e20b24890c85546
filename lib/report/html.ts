/** HTML that is safe to put into a page; only `html` and `trusted` make it. */
export interface Html {
  readonly text: string;
}

type Part = string | number | Html | readonly Part[];

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] as string);
}

/**
 * A template whose values are escaped unless they are HTML themselves; lists are joined.
 *
 * @example
 * html`<td title="${run.id}">${cells.map((cell) => html`<b>${cell}</b>`)}</td>`.text
 */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return { text: strings.reduce((text, part, index) => text + render(values[index - 1] as Part) + part) };
}

/** Marks text that is HTML already: only for text written in this room. */
export function trusted(text: string): Html {
  return { text };
}

function render(part: Part): string {
  if (Array.isArray(part)) return part.map(render).join('');
  if (typeof part === 'object') return (part as Html).text;
  return escapeHtml(String(part));
}

/** JSON for inside a `<script>` element: nothing in it can end the element or open a comment. `replacer` as `JSON.stringify` takes it. */
export function scriptJson(value: unknown, replacer?: (key: string, value: unknown) => unknown): Html {
  const unsafe: Readonly<Record<string, string>> = {
    '<': '\\u003c',
    '>': '\\u003e',
    '&': '\\u0026',
    '\u2028': '\\u2028',
    '\u2029': '\\u2029',
  };
  return { text: JSON.stringify(value, replacer).replace(/[<>&\u2028\u2029]/g, (character) => unsafe[character] as string) };
}
