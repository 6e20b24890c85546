import type { SplitResult } from '../../experiments';
import { axis, blues, colour, type Figure, houseLayout, mutedInk, panelTitle, plain, shareAxis } from '../figure';

/** As a record holds them: notebooks are compiled without `strict`, where what zod infers is looser than the interfaces of the metrics. */
type ClassMetrics = SplitResult['perClass'][number];
type Curve = NonNullable<SplitResult['roc']>[string];

const panelsPerRow = 4;
/** With more classes than this, numbers above bars stand upright, or they would run into one another. */
const crowded = 5;

/** One 2×2 confusion table a class at the decision threshold: counts, shaded by the share of each row. */
export function confusionPerClass(classes: readonly ClassMetrics[], { title = 'Confusion by class' }: { title?: string } = {}): Figure {
  const columns = Math.min(classes.length, panelsPerRow);
  const rows = Math.ceil(classes.length / panelsPerRow);
  const axes: Record<string, unknown> = {};
  const data = classes.map((metrics, index) => {
    const suffix = index === 0 ? '' : String(index + 1);
    const row = Math.floor(index / columns);
    const column = index % columns;
    axes[`xaxis${suffix}`] = axis('Predicted', {
      domain: cell(column, columns, 0.12),
      anchor: `y${suffix}`,
      type: 'category',
      showgrid: false,
      ticks: '',
    });
    axes[`yaxis${suffix}`] = axis(column === 0 ? 'Actual' : '', {
      domain: cell(rows - 1 - row, rows, 0.34),
      anchor: `x${suffix}`,
      type: 'category',
      showgrid: false,
      showticklabels: column === 0,
      ticks: '',
      autorange: 'reversed',
    });
    return confusion(metrics, suffix);
  });
  return {
    data,
    layout: houseLayout(title, Math.max(700, 220 * columns), 120 + 230 * rows, {
      subtitle: 'Pictures, shaded by the share of the row: the diagonal is right.',
      margin: { t: 108, r: 24, b: 60, l: 72 },
      annotations: classes.map((metrics, index) => {
        const suffix = index === 0 ? '' : String(index + 1);
        return panelTitle(metrics.name, `x${suffix}`, `y${suffix}`);
      }),
      ...axes,
    }),
  };
}

function confusion(metrics: ClassMetrics, suffix: string): Record<string, unknown> {
  const counts = [
    [metrics.truePositives, metrics.falseNegatives],
    [metrics.falsePositives, metrics.trueNegatives],
  ];
  return {
    type: 'heatmap',
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    x: ['yes', 'no'],
    y: ['yes', 'no'],
    z: counts.map((row) => row.map((count) => share(count, row))),
    text: counts.map((row) => row.map((count) => `${count}<br>${(100 * share(count, row)).toFixed(1)} %`)),
    texttemplate: '%{text}',
    textfont: { size: 13 },
    colorscale: blues,
    zmin: 0,
    zmax: 1,
    showscale: false,
    xgap: 2,
    ygap: 2,
    hovertemplate: `actual %{y}, predicted %{x}: %{text}<extra>${plain(metrics.name)}</extra>`,
  };
}

function share(count: number, row: readonly number[]): number {
  const sum = row.reduce((total, value) => total + value, 0);
  return sum === 0 ? 0 : count / sum;
}

/** The part of the width or height that panel `index` of `count` takes; `gap` is the share of a panel left free. */
function cell(index: number, count: number, gap: number): [number, number] {
  const step = 1 / (count - gap);
  return [index * step, (index + 1 - gap) * step];
}

/** Precision, recall and F1 of each class as grouped bars. */
export function perClassBars(
  classes: readonly ClassMetrics[],
  { title = 'Precision, recall and F1 by class' }: { title?: string } = {},
): Figure {
  const bars = [
    { name: 'Precision', values: classes.map((metrics) => metrics.precision) },
    { name: 'Recall', values: classes.map((metrics) => metrics.recall) },
    { name: 'F1', values: classes.map((metrics) => metrics.f1) },
  ];
  return {
    data: bars.map(({ name, values }, index) => ({
      type: 'bar',
      name,
      x: classes.map((metrics) => `${plain(metrics.name)}<br>${metrics.support} pictures`),
      y: values,
      marker: { color: colour(index) },
      texttemplate: '%{y:.2f}',
      ...(classes.length > crowded && { textangle: -90 }),
      textposition: 'outside',
      cliponaxis: false,
      hovertemplate: `%{y:.4f}<extra>${name}</extra>`,
    })),
    layout: houseLayout(title, classes.length > crowded ? 900 : 760, classes.length > crowded ? 520 : 420, {
      barmode: 'group',
      bargap: 0.25,
      xaxis: axis('', { showgrid: false, type: 'category', ...(classes.length > crowded && { tickangle: -40 }) }),
      yaxis: shareAxis('Share', { range: [0, classes.length > crowded ? 1.12 : 1.04] }),
      margin: { t: 64, r: 24, b: 90, l: 64 },
    }),
  };
}

/** ROC curves by class, with the exact area of each in the legend; the diagonal is guessing. */
export function rocCurves(result: Pick<SplitResult, 'roc' | 'perClass'>, { title = 'ROC curves' }: { title?: string } = {}): Figure {
  const guessing = { ...line('guessing', { x: [0, 1], y: [0, 1] }, mutedInk), line: { color: mutedInk, width: 1, dash: 'dash' } };
  return curveFigure(title, 'False positive rate', 'True positive rate (recall)', [
    ...classCurves(result.roc, (name) => {
      const auc = result.perClass.find((metrics) => metrics.name === name)?.auc;
      return auc === undefined || auc === null ? name : `${name}, AUC ${auc.toFixed(3)}`;
    }),
    guessing,
  ]);
}

/** Precision against recall by class; the dotted lines are guessing, at each class' share of the pictures. */
export function precisionRecallCurves(
  result: Pick<SplitResult, 'precisionRecall' | 'perClass' | 'count'>,
  { title = 'Precision and recall' }: { title?: string } = {},
): Figure {
  const names = Object.keys(result.precisionRecall ?? {});
  const guessing = names.flatMap((name, index) => {
    const metrics = result.perClass.find((candidate) => candidate.name === name);
    if (!metrics || result.count === 0) return [];
    const rate = metrics.support / result.count;
    const trace = line(`guessing ${name}`, { x: [0, 1], y: [rate, rate] }, colour(index));
    return [{ ...trace, line: { color: colour(index), width: 1, dash: 'dot' }, showlegend: false }];
  });
  return curveFigure(title, 'Recall', 'Precision', [...classCurves(result.precisionRecall, (name) => name), ...guessing]);
}

function classCurves(curves: Readonly<Record<string, Curve>> | undefined, label: (name: string) => string): Record<string, unknown>[] {
  return Object.entries(curves ?? {}).map(([name, curve], index) => line(label(name), curve, colour(index)));
}

function line(name: string, curve: Curve, stroke: string): Record<string, unknown> {
  return {
    type: 'scatter',
    mode: 'lines',
    name: plain(name),
    x: curve.x,
    y: curve.y,
    line: { color: stroke, width: 2.5 },
    hovertemplate: `%{x:.3f}, %{y:.3f}<extra>${plain(name)}</extra>`,
  };
}

function curveFigure(title: string, x: string, y: string, data: Record<string, unknown>[]): Figure {
  return {
    data,
    layout: houseLayout(title, 700, 520, {
      xaxis: shareAxis(x),
      yaxis: shareAxis(y),
      margin: { t: 64, r: 24, b: 96, l: 64 },
    }),
  };
}
