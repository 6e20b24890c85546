import { markRuns } from './marking';
import { find, findAll } from './page';
import { plotly } from './plotly';

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const hovers = window.matchMedia('(hover: hover)').matches;

/** How far below the screen figures are drawn already, so that nobody who scrolls waits. */
const ahead = '600px';

const drawn = new Set<HTMLElement>();
const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) draw(target as HTMLElement);
  },
  { rootMargin: ahead },
);

/** Draws each figure of a part of the page when it comes into sight, and again in the other colours when the reader's system changes them. */
export function watchFigures(root: ParentNode): void {
  for (const figure of findAll('.figure', root)) observer.observe(figure);
}

dark.addEventListener('change', () => {
  for (const figure of drawn) figure.isConnected ? draw(figure) : drawn.delete(figure);
});
window.addEventListener('beforeprint', () => {
  for (const figure of findAll('.figure')) if (!drawn.has(figure)) draw(figure);
});

function draw(figure: HTMLElement): void {
  observer.unobserve(figure);
  const { data, layout } = inColours(find('script', figure).textContent!);
  const place = find('div', figure);
  const first = !drawn.has(figure);
  drawn.add(figure);
  void plotly()
    .react(place, data, layout, {
      responsive: true,
      displaylogo: false,
      displayModeBar: hovers ? 'hover' : false,
      modeBarButtonsToRemove: ['select2d', 'lasso2d'],
    })
    .then((element) => first && markRuns(element));
}

/** A figure's colours are those of white paper; on the page it has none, and on a dark one light ink. */
function inColours(json: string): { data: object[]; layout: object } {
  const noPaper: [RegExp, string] = [/"(paper|plot)_bgcolor":"#ffffff"/g, '"$1_bgcolor":"rgba(0,0,0,0)"'];
  const lightInk: [RegExp, string][] = [
    [/#24292f|#57606a/g, '#c9d1d9'],
    [/#e4e7eb/g, '#30363d'],
    [/"#000000"/g, '"#f0f6fc"'],
    [/"bgcolor":"#ffffff"/g, '"bgcolor":"#0d1117"'],
  ];
  const text = [...(dark.matches ? lightInk : []), noPaper].reduce((before, [from, to]) => before.replace(from, to), json);
  const { data, layout } = JSON.parse(text);
  const { width: _width, ...rest } = layout;
  return { data, layout: { ...rest, autosize: true } };
}
