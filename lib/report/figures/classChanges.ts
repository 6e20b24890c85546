import type { RunRecord } from '../../experiments';
import type { Split } from '../../tasks';
import { axis, type Figure, houseLayout, palette, plain } from '../figure';
import { runLabel } from '../labels';

const rowHeight = 34;
/** The colours are full from so many points of F1 on, whatever is shown: small changes stay pale. */
const fullAt = 20;

/**
 * How the F1 of each class changes from one run to others, in points (hundredths): a row a run, a column a class.
 *
 * @returns undefined where no other run has been judged by the same classes
 */
export function classChanges(
  reference: RunRecord,
  others: readonly RunRecord[],
  { split = 'test', title }: { readonly split?: Split; readonly title?: string } = {},
): Figure | undefined {
  const before = reference.metrics[split]?.perClass ?? [];
  const names = before.map(({ name }) => name);
  const compared = others.filter((run) => {
    const classes = run.metrics[split]?.perClass;
    return run.id !== reference.id && classes && classes.length > 0 && classes.every(({ name }, index) => name === names[index]);
  });
  if (compared.length === 0) return undefined;
  const changes = compared.map((run) => run.metrics[split]!.perClass.map(({ f1 }, index) => 100 * (f1 - before[index]!.f1)));
  const isCrowded = names.length > 5;
  return {
    data: [
      {
        type: 'heatmap',
        x: names.map(plain),
        y: compared.map((_, row) => row),
        z: changes,
        text: changes.map((row) => row.map(signed)),
        customdata: compared.map((run) =>
          run.metrics[split]!.perClass.map(({ f1 }, index) => `${before[index]!.f1.toFixed(3)} → ${f1.toFixed(3)}`),
        ),
        texttemplate: '%{text}',
        textfont: { size: 12 },
        colorscale: [
          [0, palette[1]],
          [0.5, '#f7fbff'],
          [1, palette[0]],
        ],
        zmin: -fullAt,
        zmax: fullAt,
        xgap: 2,
        ygap: 2,
        showscale: false,
        hovertemplate: '%{x}: %{customdata} (%{text} points)<extra></extra>',
      },
    ],
    layout: houseLayout(
      title ?? `Class by class beside ${runLabel(reference)}`,
      Math.min(900, Math.max(700, 200 + 70 * names.length)),
      (isCrowded ? 230 : 150) + rowHeight * compared.length,
      {
        subtitle: `Change of F1 in points on the ${split} split, from ${runLabel(reference)} to each run: blue is better, orange worse.`,
        margin: { t: 76, r: 24, b: 40, l: 64 },
        xaxis: axis('', { showgrid: false, type: 'category', ...(isCrowded && { tickangle: -40 }) }),
        yaxis: axis('', {
          showgrid: false,
          tickvals: compared.map((_, row) => row),
          ticktext: compared.map((run) => plain(runLabel(run))),
          range: [compared.length - 0.5, -0.5],
        }),
      },
    ),
  };
}

function signed(points: number): string {
  const text = points.toFixed(1).replace('-', '−');
  return /^−?0\.0$/.test(text) ? '0' : points > 0 ? `+${text}` : text;
}
