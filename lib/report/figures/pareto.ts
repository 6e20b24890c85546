import { lowerIsBetter, type SplitMetricName } from '../../metrics';
import type { Split, TaskKind } from '../../tasks';
import type { Figure } from '../figure';
import { axis, colour, houseLayout, mutedInk, panelTitle, plain } from '../figure';
import { formatNumber, labelOf, runLabel } from '../labels';
import type { WeighedModel } from '../weighedModels';

interface ParetoOptions {
  /** The one that the models were weighed by, and its split. */
  readonly metric: SplitMetricName;
  readonly split: Split;
  readonly kind: TaskKind;
  readonly title?: string;
}

const forms = ['float32', 'float16', 'int8'] as const;

/**
 * What a metric costs: every form of every model by its size and, where it was measured, its latency. Models that no other one beats in both stand on the
 * front (Pareto's); the others are faint.
 */
export function paretoFront(models: readonly WeighedModel[], { metric, split, kind, title }: ParetoOptions): Figure {
  const isLowerBetter = lowerIsBetter.has(metric);
  const timed = models.filter(({ latencyMs }) => latencyMs !== undefined);
  const sizes: Panel = { suffix: '', models, costOf: ({ bytes }) => bytes / 1e6, unit: 'MB', isLowerBetter };
  const times: Panel = { suffix: '2', models: timed, costOf: ({ latencyMs }) => latencyMs!, unit: 'ms', isLowerBetter };
  const panels = timed.length > 0 ? [sizes, times] : [sizes];
  return {
    data: panels.flatMap((panel, index) => tracesOf(panel, index === 0)),
    layout: houseLayout(title ?? 'Accuracy against size and latency', panels.length > 1 ? 860 : 700, 440, {
      subtitle: 'Strong: no model is both better and lighter. Faint: another one is.',
      hovermode: 'closest',
      margin: { t: 96, r: 24, b: 90, l: 64 },
      xaxis: axis('Megabytes', { rangemode: 'tozero', ...(panels.length > 1 && { domain: [0, 0.45] }) }),
      yaxis: axis(`${labelOf(metric, kind).title} on the ${split} split`, { tickformat: '.3~f' }),
      ...(panels.length > 1 && {
        xaxis2: axis('Milliseconds', { rangemode: 'tozero', domain: [0.55, 1], anchor: 'y2' }),
        yaxis2: axis('', { anchor: 'x2', matches: 'y', tickformat: '.3~f' }),
      }),
      annotations: [
        panelTitle('Size of the file', 'x', 'y'),
        ...(panels.length > 1 ? [panelTitle('One picture, from pixels to probabilities', 'x2', 'y2')] : []),
      ],
    }),
  };
}

interface Panel {
  readonly suffix: '' | '2';
  readonly models: readonly WeighedModel[];
  readonly costOf: (model: WeighedModel) => number;
  readonly unit: string;
  readonly isLowerBetter: boolean;
}

function tracesOf({ suffix, models, costOf, unit, isLowerBetter }: Panel, withLegend: boolean): Record<string, unknown>[] {
  const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
  const front = frontOf(models, costOf, isLowerBetter);
  const onFront = new Set(front);
  return [
    {
      ...axes,
      type: 'scatter',
      mode: 'lines',
      x: front.map(costOf),
      y: front.map(({ value }) => value),
      line: { shape: 'hv', color: mutedInk, width: 1, dash: 'dot' },
      hoverinfo: 'skip',
      showlegend: false,
    },
    ...forms.flatMap((form, index) => {
      const shown = models.filter((model) => model.form === form);
      if (shown.length === 0) return [];
      return {
        ...axes,
        type: 'scatter',
        mode: 'markers',
        name: form,
        legendgroup: form,
        showlegend: withLegend,
        x: shown.map(costOf),
        y: shown.map(({ value }) => value),
        ids: shown.map(({ run }) => run.id),
        text: shown.map(
          (model) => `${plain(runLabel(model.run))}, ${form}<br>${formatNumber(costOf(model))} ${unit}: ${model.value.toFixed(4)}`,
        ),
        hovertemplate: '%{text}<extra></extra>',
        marker: {
          color: colour(index),
          size: shown.map((model) => (onFront.has(model) ? 13 : 9)),
          line: { width: 0 },
          opacity: shown.map((model) => (onFront.has(model) ? 1 : 0.35)),
        },
      };
    }),
  ];
}

/** The models that no other one beats or equals in one thing while it beats them in the other, from the lightest on. */
export function frontOf(
  models: readonly WeighedModel[],
  costOf: (model: WeighedModel) => number,
  isLowerBetter: boolean,
): readonly WeighedModel[] {
  const sign = isLowerBetter ? -1 : 1;
  const sorted = [...models].sort((one, other) => costOf(one) - costOf(other) || sign * (other.value - one.value));
  let best = Number.NEGATIVE_INFINITY;
  return sorted.filter(({ value }) => {
    if (sign * value <= best) return false;
    best = sign * value;
    return true;
  });
}
