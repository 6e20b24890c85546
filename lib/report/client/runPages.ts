import { watchFigures } from './figures';
import { find } from './page';

const prefix = '#run-';
const title = document.title;

let cameFrom = 0;

/** A run's page stands in the report packed, and is shown instead of the report while the address ends in `#run-…`. */
export function handleRunPages(): void {
  window.addEventListener('hashchange', () => void show());
  // An address that leads to a run is noted before the page gives way, so that going back leads to where the reader was.
  document.addEventListener('click', ({ target }) => {
    if ((target as Element).closest(`a[href^="${prefix}"]`) && find('#run').hidden) cameFrom = window.scrollY;
  });
  void show();
}

async function show(): Promise<void> {
  const { hash } = location;
  const page = find('#run');
  if (!hash.startsWith(prefix)) return leave(page);
  const id = decodeURIComponent(hash.slice(prefix.length));
  const packed = document.getElementById(`packed-${id}`)?.textContent;
  const content = packed ? await unpack(packed) : find('#no-run').innerHTML;
  if (location.hash !== hash) return; // the reader has gone on while it was unpacked
  page.innerHTML = content;
  page.hidden = false;
  find('#report').hidden = true;
  document.title = packed ? `${id} · ${title}` : title;
  window.scrollTo(0, 0);
  watchFigures(page);
}

function leave(page: HTMLElement): void {
  if (page.hidden) return;
  page.hidden = true;
  page.replaceChildren();
  find('#report').hidden = false;
  document.title = title;
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  if (target) target.scrollIntoView();
  else window.scrollTo(0, cameFrom);
}

/** The HTML that `packPage` packed; everything in it was escaped when it was written. */
async function unpack(packed: string): Promise<string> {
  const bytes = Uint8Array.from(atob(packed.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(stream).text();
}
