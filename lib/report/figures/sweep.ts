import type { CandidateResult, Sweep } from '../../sweeps';
import type { TaskKind } from '../../tasks';
import { axis, type Figure, houseLayout, mutedInk, palette, plain } from '../figure';
import { labelOf, metricHeading } from '../labels';
import { cellText } from '../rows';

const columns = 3;
const panelHeight = 260;

/**
 * What a sweep found: the metric on validation against each swept setting, a panel a setting, a dot a candidate, with a bar of one standard deviation from
 * seed to seed. The best is marked; those that were stopped early, whose numbers are of fewer epochs, are pale.
 *
 * @param ranked as `rankCandidates` gives them
 */
export function sweepFigure(
  sweep: Sweep,
  ranked: readonly CandidateResult[],
  { kind = 'multilabel', title }: { readonly kind?: TaskKind; readonly title?: string } = {},
): Figure {
  const settings = [...sweep.grid, ...sweep.ranges];
  const measured = ranked.filter((result) => result.mean !== null);
  const [best, ...others] = measured;
  const through = others.filter(({ rung }) => rung === best?.rung);
  const stopped = others.filter(({ rung }) => rung !== best?.rung);
  const groups = [
    { name: 'stopped early', results: stopped, marker: { color: mutedInk, size: 7, opacity: 0.5 } },
    { name: 'candidates', results: through, marker: { color: palette[0], size: 9 } },
    { name: 'the best', results: best ? [best] : [], marker: { color: palette[1], size: 13, symbol: 'diamond' } },
  ].filter(({ results }) => results.length > 0);
  const rows = Math.max(1, Math.ceil(settings.length / columns));
  const perRow = Math.min(columns, Math.max(1, settings.length));
  const axes = settings.flatMap(({ name, ...setting }, index) => {
    const suffix = index === 0 ? '' : String(index + 1);
    const isLog = 'isLog' in setting ? setting.isLog : isLogarithmic(setting.values);
    const isNumeric = 'isLog' in setting || setting.values.every((value) => typeof value === 'number');
    const [column, row] = [index % columns, Math.floor(index / columns)];
    return [
      [
        `xaxis${suffix}`,
        axis(plain(name), {
          anchor: `y${suffix}`,
          domain: part(column, perRow, 0.1),
          type: isLog ? 'log' : isNumeric ? 'linear' : 'category',
        }),
      ],
      [
        `yaxis${suffix}`,
        axis(column === 0 ? metricHeading(sweep.metric, kind) : '', {
          anchor: `x${suffix}`,
          domain: part(rows - 1 - row, rows, 0.3),
          ...(index > 0 && { matches: 'y' }),
        }),
      ],
    ] as const;
  });
  return {
    data: settings.flatMap(({ path }, index) =>
      groups.map(({ name, results, marker }) => ({
        type: 'scatter',
        mode: 'markers',
        name,
        legendgroup: name,
        showlegend: index === 0,
        xaxis: index === 0 ? 'x' : `x${index + 1}`,
        yaxis: index === 0 ? 'y' : `y${index + 1}`,
        x: results.map(({ candidate }) => axisValue(candidate.values[path])),
        y: results.map((result) => result.mean),
        customdata: results.map((result) => plain(describe(sweep, result))),
        ...(sweep.seeds > 1 && {
          error_y: { type: 'data', array: results.map(({ deviation }) => deviation ?? 0), color: marker.color, thickness: 1.5, width: 4 },
        }),
        marker,
        hovertemplate: '%{customdata}<br>%{y:.4f}<extra></extra>',
      })),
    ),
    layout: houseLayout(title ?? `${labelOf(sweep.metric, kind).title} of ${ranked.length} candidates`, 760, 130 + panelHeight * rows, {
      subtitle: `On validation${sweep.seeds > 1 ? `; bars: one standard deviation over ${sweep.seeds} seeds` : ''}.`,
      ...Object.fromEntries(axes),
      margin: { t: 76, r: 24, b: 90, l: 64 },
    }),
  };
}

function describe({ grid, ranges }: Sweep, { candidate, epochs }: CandidateResult): string {
  const values = [...grid, ...ranges].map(({ name, path }) => `${name} ${cellText(candidate.values[path])}`);
  return `candidate ${candidate.number}: ${values.join(', ')} · ${epochs} epochs`;
}

/** The share of an axis that the panel at `index` of `count` takes, with a gap to the next one. */
function part(index: number, count: number, gap: number): [number, number] {
  return [(index + (index === 0 ? 0 : gap)) / count, (index + 1 - (index === count - 1 ? 0 : gap / 2)) / count];
}

/** Numbers over more than a magnitude are told apart only by their magnitude. */
function isLogarithmic(values: readonly unknown[]): boolean {
  const numbers = values.filter((value): value is number => typeof value === 'number' && value > 0);
  return numbers.length === values.length && Math.max(...numbers) >= 10 * Math.min(...numbers);
}

function axisValue(value: unknown): number | string {
  return typeof value === 'number' ? value : plain(cellText(value));
}
