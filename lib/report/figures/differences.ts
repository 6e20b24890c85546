import type { RunComparison, Verdict } from '../../experiments';
import { lowerIsBetter, type SplitMetricName } from '../../metrics';
import { metricsWithValues } from '../comparisonTable';
import { axis, type Figure, houseLayout, mutedInk, palette, plain } from '../figure';
import { labelOf, metricsOf, runLabel } from '../labels';
import { differenceUnit, verdictsOn } from '../verdict';

const rowHeight = 30;

const colours: Readonly<Record<Verdict['outcome'], string>> = { better: palette[0], worse: palette[1], undecided: mutedInk };

/**
 * A comparison of runs as a forest plot: each difference from the reference as a dot with its 95 % interval, turned so that to the right is better; what
 * crosses the line at 0 may be chance. Of two runs it shows every metric that is a share; of more, each run by one metric.
 *
 * @param metric of two runs one metric instead of all; of more the one to show, by default that which runs are ranked by
 * @throws NO_SUCH_METRIC
 */
export function differenceForest(
  comparison: RunComparison,
  { metric, title }: { readonly metric?: SplitMetricName; readonly title?: string } = {},
): Figure {
  const { reference, others, kind, pictures, split } = comparison;
  const isPair = others.length === 1;
  const shown = metric ? [metric] : isPair ? metricsWithValues(comparison).filter((name) => name !== 'loss') : [metricsOf(kind)[0]!];
  const rows = shown.flatMap((name) =>
    verdictsOn(comparison, name).map((found) => rowOf(found, isPair ? labelOf(name, kind).title : runLabel(found.run))),
  );
  const unit = differenceUnit(shown[0] ?? 'auc').unit;
  const what = isPair
    ? `${runLabel(others[0]!.run)} beside ${runLabel(reference)}`
    : `${labelOf(shown[0]!, kind).title} beside ${runLabel(reference)}`;
  return {
    data: [
      {
        type: 'scatter',
        mode: 'markers',
        x: rows.map(({ value }) => value),
        y: rows.map((_, row) => row),
        customdata: rows.map(({ name, words }) => [plain(name), plain(words)]),
        error_x: {
          type: 'data',
          symmetric: false,
          array: rows.map(({ value, high }) => Math.max(0, high - value)),
          arrayminus: rows.map(({ value, low }) => Math.max(0, value - low)),
          thickness: 2,
          width: 5,
          color: mutedInk,
        },
        marker: { color: rows.map(({ outcome }) => colours[outcome]), size: 11 },
        hovertemplate: '%{customdata[0]}<br>%{customdata[1]}<extra></extra>',
      },
    ],
    layout: houseLayout(title ?? 'Is the difference real?', 760, 150 + rowHeight * rows.length, {
      subtitle: `${what}, on ${pictures} ${split} pictures. Bars: 95 % intervals; across 0 it may be chance.`,
      showlegend: false,
      margin: { t: 76, r: 32, b: 60, l: 64 },
      xaxis: axis(`Difference in ${unit} (to the right is better)`, {
        rangemode: 'tozero',
        zeroline: true,
        zerolinecolor: mutedInk,
        zerolinewidth: 1.5,
      }),
      yaxis: axis('', {
        showgrid: false,
        tickvals: rows.map((_, row) => row),
        ticktext: rows.map(({ name }) => plain(name)),
        range: [rows.length - 0.5, -0.5],
      }),
    }),
  };
}

interface ForestRow {
  readonly name: string;
  readonly words: string;
  readonly outcome: Verdict['outcome'];
  /** In the metric's unit, more being better. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

function rowOf({ verdict, words }: ReturnType<typeof verdictsOn>[number], name: string): ForestRow {
  const { metric, outcome, difference } = verdict;
  const { scale } = differenceUnit(metric);
  const { low, high } = difference.interval;
  const turned = lowerIsBetter.has(metric)
    ? { low: -high, high: -low, value: -difference.difference }
    : { low, high, value: difference.difference };
  return { name, words, outcome, value: scale * turned.value, low: scale * turned.low, high: scale * turned.high };
}
