import { axis, colour, type Figure, houseLayout, plain, shadedMatrix } from '../figure';

/**
 * Pictures with each label, by split, as grouped bars.
 *
 * @param counts pictures by split and label; every split names the same labels
 */
export function labelCounts(
  counts: Readonly<Record<string, Readonly<Record<string, number>>>>,
  { title = 'Pictures with each label' }: { title?: string } = {},
): Figure {
  const data = Object.entries(counts).map(([split, labels], index) => ({
    type: 'bar',
    name: plain(split),
    x: Object.keys(labels).map(plain),
    y: Object.values(labels),
    marker: { color: colour(index) },
    texttemplate: '%{y}',
    textposition: 'outside',
    cliponaxis: false,
    hovertemplate: `%{x}: %{y} pictures<extra>${plain(split)}</extra>`,
  }));
  const labels = Object.keys(Object.values(counts)[0] ?? {});
  return {
    data,
    layout: houseLayout(title, Math.min(900, Math.max(760, 100 * labels.length)), 420, {
      barmode: 'group',
      bargap: 0.25,
      xaxis: axis('', { showgrid: false, type: 'category' }),
      yaxis: axis('Pictures', { rangemode: 'tozero' }),
      margin: { t: 64, r: 24, b: 72, l: 64 },
    }),
  };
}

/**
 * How often two labels stand on one picture; the diagonal counts the label itself.
 *
 * @param labels names, in the order of the matrix
 * @param counts symmetric, shape [labels, labels]
 */
export function coOccurrence(
  labels: readonly string[],
  counts: readonly (readonly number[])[],
  { title = 'Labels on the same picture' }: { title?: string } = {},
): Figure {
  const names = labels.map(plain);
  return {
    data: [
      shadedMatrix('Pictures', Math.max(1, ...counts.flat()), {
        x: names,
        y: names,
        z: counts,
        texttemplate: '%{z}',
        textfont: { size: 14 },
        hovertemplate: '%{y} and %{x}: %{z} pictures<extra></extra>',
      }),
    ],
    layout: houseLayout(title, 700, 200 + 84 * labels.length, {
      xaxis: axis('', { showgrid: false, type: 'category' }),
      yaxis: axis('', { showgrid: false, type: 'category', autorange: 'reversed' }),
    }),
  };
}
