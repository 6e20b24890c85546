import type { RunRecord } from '../../experiments';
import { lowerIsBetter, type SplitMetricName } from '../../metrics';
import type { Split } from '../../tasks';
import { axis, colour, type Figure, houseLayout, plain } from '../figure';
import { groupRuns, rankRuns } from '../groups';
import { metricLabels, runLabel } from '../labels';

const rowHeight = 30;

/**
 * One metric of many runs as dots with 95 % confidence intervals, the best run on top. Runs on different data get panels of
 * their own: their numbers do not compare. Runs of a kind that has no such metric are left out.
 */
export function metricComparison(
  runs: readonly RunRecord[],
  { metric, split = 'test', title }: { metric: SplitMetricName; split?: Split; title?: string },
): Figure {
  const label = metricLabels[metric];
  const panels = groupRuns(runs)
    .map((group) => ({
      ...group,
      runs: rankRuns(group.runs, { metric, split }).filter((run) => run.metrics[split]?.[metric] !== undefined),
    }))
    .filter((group) => group.runs.length > 0);
  const heights = panels.map((panel) => panel.runs.length + 1.6);
  const total = heights.reduce((sum, height) => sum + height, 0);
  const axes: Record<string, unknown> = {};
  let top = 1;
  const data = panels.map((panel, index) => {
    const suffix = index === 0 ? '' : String(index + 1);
    const height = (heights[index] as number) / total;
    const last = index === panels.length - 1;
    axes[`xaxis${suffix}`] = axis(
      last ? `${label.title} on the ${split} split (${lowerIsBetter.has(metric) ? 'lower' : 'higher'} is better)` : '',
      {
        anchor: `y${suffix}`,
      },
    );
    axes[`yaxis${suffix}`] = axis('', {
      anchor: `x${suffix}`,
      domain: [top - height + (last ? 0 : 0.9 / total), top - 0.7 / total],
      showgrid: false,
      tickvals: panel.runs.map((_, row) => row),
      ticktext: panel.runs.map((run) => plain(runLabel(run))),
      range: [panel.runs.length - 0.5, -0.5],
    });
    top -= height;
    return dots(panel.runs, metric, split, suffix, index);
  });
  return {
    data,
    layout: houseLayout(title ?? `${label.title} of each run`, 760, 150 + rowHeight * total, {
      subtitle: 'Dots: the metric. Bars: 95 % confidence intervals.',
      showlegend: false,
      margin: { t: 76, r: 32, b: 60, l: 64 },
      annotations: panels.map((panel, index) => panelHeading(panel.title, index)),
      ...axes,
    }),
  };
}

function dots(runs: readonly RunRecord[], metric: SplitMetricName, split: Split, suffix: string, index: number): Record<string, unknown> {
  const values = runs.map((run) => run.metrics[split]?.[metric] ?? null);
  const intervals = runs.map((run) => run.metrics[split]?.intervals?.[metric]);
  return {
    type: 'scatter',
    mode: 'markers',
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
    x: values,
    y: runs.map((_, row) => row),
    customdata: runs.map((run, row) => {
      const interval = intervals[row];
      return [plain(run.id), interval ? ` (${interval.low.toFixed(4)} to ${interval.high.toFixed(4)})` : ''];
    }),
    error_x: {
      type: 'data',
      symmetric: false,
      array: values.map((value, row) => distance(intervals[row]?.high, value)),
      arrayminus: values.map((value, row) => distance(value, intervals[row]?.low)),
      color: colour(index),
      thickness: 2,
      width: 5,
    },
    marker: { color: colour(index), size: 10 },
    hovertemplate: '%{customdata[0]}<br>%{x:.4f}%{customdata[1]}<extra></extra>',
  };
}

/** An interval may lie to one side of the value; a bar cannot be shorter than nothing. */
function distance(high: number | null | undefined, low: number | null | undefined): number {
  return high === null || high === undefined || low === null || low === undefined ? 0 : Math.max(0, high - low);
}

function panelHeading(text: string, index: number): Record<string, unknown> {
  const suffix = index === 0 ? '' : String(index + 1);
  return {
    text: `<b>${plain(text)}</b>`,
    xref: `x${suffix} domain`,
    yref: `y${suffix} domain`,
    x: 0,
    y: 1,
    xanchor: 'left',
    yanchor: 'bottom',
    yshift: 4,
    showarrow: false,
  };
}
