import type { Cell, RunRecord } from '../../experiments';
import type { SplitMetricName } from '../../metrics';
import type { Split } from '../../tasks';
import { colour, type Figure, gridColour, houseLayout, mutedInk, plain, shorten } from '../figure';
import { rankRuns } from '../groups';
import { kindOf, labelOf, runLabel } from '../labels';
import { parameterText, varyingParameters } from '../parameters';

interface ParallelOptions {
  /** The lines are coloured by it; it is the last axis. */
  readonly metric: SplitMetricName;
  /** Other metrics that get an axis. */
  readonly besides?: readonly SplitMetricName[];
  readonly split?: Split;
  readonly title?: string;
}

/** More axes do not fit. */
const parametersAtMost = 6;
/** Shades of lines: a trace each, as a line has one colour. */
const shades = 8;
/** More values than this are a scale, not a list. */
const listedAtMost = 7;
const missingAt = -0.09;

/**
 * Each run as a line across its parameters to its metrics, the better the darker, the best in orange: parallel coordinates (Inselberg 1985, "The plane
 * with parallel coordinates"). They are drawn with plain lines, since Plotly's own need WebGL. Runs without the metric are left out.
 *
 * @returns undefined where fewer than two runs have the metric, or they do not differ in any parameter
 */
export function parallelCoordinates(
  runs: readonly RunRecord[],
  { metric, besides = [], split = 'validation', title }: ParallelOptions,
): Figure | undefined {
  const metricOf = (run: RunRecord, name: SplitMetricName): number | null => run.metrics[split]?.[name] ?? null;
  // The worst first, so that the best are drawn on top.
  const shown = rankRuns(runs, { metric, split })
    .filter((run) => Number.isFinite(metricOf(run, metric)))
    .reverse();
  const parameters = varyingParameters(shown, { atMost: parametersAtMost });
  if (shown.length < 2 || parameters.length === 0) return undefined;
  const kind = kindOf(shown[0]!);
  const metrics = [...besides.filter((name) => name !== metric), metric];
  const axes = [
    ...parameters.map(({ name, values }) => axisOf(name, values)),
    ...metrics.map((name) =>
      scaleOf(
        labelOf(name, kind).title,
        shown.map((run) => metricOf(run, name)),
      ),
    ),
  ];
  const lines = shown.map((run, row) => ({ run, row, heights: axes.map(({ place }) => place(row)) }));
  const groups = Array.from({ length: shades }, (_, shade) => {
    const from = Math.ceil((shade * (lines.length - 1)) / shades);
    return lines.slice(from, Math.ceil(((shade + 1) * (lines.length - 1)) / shades));
  });
  const best = lines.slice(-1);
  return {
    data: [
      ...groups.flatMap((group, shade) => (group.length > 0 ? [trace(group, axes, shadeOf(shade, lines.length))] : [])),
      trace(best, axes, { color: colour(1), width: 3 }),
      { ...line, x: [null], y: [null], line: { color: colour(1), width: 4 }, hoverinfo: 'skip', meta: { isMark: true } },
    ],
    layout: houseLayout(title ?? `Parameters against ${labelOf(metric, kind).title}`, Math.max(760, 130 * axes.length), 460, {
      subtitle: `A line is a run: the stronger its colour, the better its ${labelOf(metric, kind).title}; orange is the best. Metrics on the ${split} split.`,
      showlegend: false,
      hovermode: 'closest',
      margin: { t: 120, r: 64, b: 36, l: 64 },
      xaxis: { range: [-0.15, axes.length - 0.85], showgrid: false, zeroline: false, showticklabels: false, fixedrange: true },
      yaxis: { range: [-0.14, 1.04], showgrid: false, zeroline: false, showticklabels: false, fixedrange: true },
      shapes: axes.map((_, at) => ({
        type: 'line',
        layer: 'below',
        x0: at,
        x1: at,
        y0: 0,
        y1: 1,
        line: { color: at < parameters.length ? gridColour : mutedInk, width: at < parameters.length ? 2 : 1.5 },
      })),
      annotations: axes.flatMap(({ name, ticks, isMissing }, at) => [
        { ...text(`<b>${wrapped(name)}</b>`, at, 1), xanchor: 'center', yanchor: 'bottom', yshift: 10, font: { size: 12 } },
        ...ticks.map(({ height, label }) => tick(label, at, height)),
        ...(isMissing ? [tick('none', at, missingAt)] : []),
      ]),
    }),
  };
}

interface ParallelAxis {
  readonly name: string;
  readonly ticks: readonly { readonly height: number; readonly label: string }[];
  /** Whether a run has no value: its line then passes below the axis. */
  readonly isMissing: boolean;
  /** Where a run crosses the axis: 0 to 1 from bottom to top. */
  readonly place: (row: number) => number;
  /** What a run has, in words. */
  readonly say: (row: number) => string;
}

/** Few different values are listed, evenly and in their order; many numbers are a scale, a logarithmic one where they span powers of ten. */
function axisOf(name: string, values: readonly Cell[]): ParallelAxis {
  const known = [...new Set(values.filter((value) => value !== null))];
  const numbers = known.filter((value): value is number => typeof value === 'number');
  if (numbers.length === known.length && known.length > listedAtMost) return scaleOf(name, values);
  const sorted = [...known].sort((one, other) =>
    typeof one === 'number' && typeof other === 'number' ? one - other : String(one).localeCompare(String(other)),
  );
  const heightOf = (index: number): number => (sorted.length === 1 ? 0.5 : index / (sorted.length - 1));
  const listed = sorted.length <= 2 * listedAtMost ? sorted : [];
  return {
    name,
    ticks: listed.map((value, index) => ({ height: heightOf(index), label: shorten(parameterText(value), 18) })),
    isMissing: values.includes(null),
    place: (row) => (values[row] === null ? missingAt : heightOf(sorted.indexOf(values[row]!))),
    say: (row) => parameterText(values[row]!),
  };
}

function scaleOf(name: string, values: readonly Cell[]): ParallelAxis {
  const numbers = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const isLogarithmic = low > 0 && high / low >= 50;
  const to = isLogarithmic ? Math.log10 : (value: number): number => value;
  const heightOf = (value: number): number => (high === low ? 0.5 : (to(value) - to(low)) / (to(high) - to(low)));
  const marks = high === low ? [low] : isLogarithmic ? powersBetween(low, high) : roundBetween(low, high);
  return {
    name,
    ticks: marks.map((value) => ({ height: heightOf(value), label: digits(value) })),
    isMissing: numbers.length < values.length,
    place: (row) => {
      const value = values[row];
      return typeof value === 'number' && Number.isFinite(value) ? heightOf(value) : missingAt;
    },
    say: (row) => {
      const value = values[row]!;
      return typeof value === 'number' ? digits(value) : parameterText(value);
    },
  };
}

/** Round numbers of one step, three to six of them. */
function roundBetween(low: number, high: number): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / 3));
  const step = power * [5, 2, 1].find((factor) => factor * power * 3 <= high - low)!;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

function powersBetween(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low));
  return Array.from({ length: Math.floor(Math.log10(high)) - first + 1 }, (_, index) => 10 ** (first + index));
}

/** Four digits tell runs apart, and hide what a computer adds to a decimal. */
function digits(value: number): string {
  return String(Number(value.toPrecision(4)));
}

const line = { type: 'scatter', mode: 'lines', connectgaps: false };

/** Lines of one colour, a gap after each. `meta.runs` names them, so that a page can tell which one is pointed at. */
function trace(
  lines: readonly { readonly run: RunRecord; readonly row: number; readonly heights: readonly number[] }[],
  axes: readonly ParallelAxis[],
  stroke: object,
): Record<string, unknown> {
  return {
    ...line,
    x: lines.flatMap(() => [...axes.keys(), null]),
    y: lines.flatMap(({ heights }) => [...heights, null]),
    text: lines.flatMap(({ run, row }) => [
      ...axes.map(({ name, say }) => `${plain(runLabel(run))}<br>${plain(name)}: ${plain(say(row))}`),
      '',
    ]),
    hovertemplate: '%{text}<extra></extra>',
    meta: { runs: lines.map(({ run }) => run.id) },
    line: stroke,
  };
}

/** From a faint grey, which fades on white and on black alike, to the palette's blue. */
function shadeOf(shade: number, count: number): object {
  const share = shade / (shades - 1);
  const [red, green, blue] = faint.map((channel, index) => Math.round((1 - share) * channel + share * strong[index]!));
  // Of many lines the weaker give way, or they would be one surface.
  const room = Math.min(1, roomyAtMost / count);
  const opacity = Math.max(0.04, (0.35 + 0.55 * share) * room ** (1 - 0.6 * share));
  return { color: `rgba(${red},${green},${blue},${opacity.toFixed(2)})`, width: (1.25 + 0.5 * share) * Math.max(0.6, room) };
}

/** More lines than this run into one another. */
const roomyAtMost = 60;
const faint = [140, 149, 159];
const strong = [0, 114, 178];

function text(label: string, x: number, y: number): Record<string, unknown> {
  return { text: label, x, y, xref: 'x', yref: 'y', showarrow: false };
}

function tick(label: string, x: number, y: number): Record<string, unknown> {
  // Paper behind it, as lines cross there.
  return {
    ...text(plain(label), x, y),
    xanchor: 'right',
    xshift: -4,
    borderpad: 1,
    bgcolor: '#ffffff',
    opacity: 0.85,
    font: { size: 11, color: mutedInk },
  };
}

/** Long names of settings break after each dot. */
function wrapped(name: string): string {
  const text = plain(name);
  return name.length > 14 ? text.replace(/\./g, '.<br>') : text;
}
