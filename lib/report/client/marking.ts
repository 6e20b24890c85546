import { openRun } from './page';
import { type PlotlyElement, type Point, plotly, type Trace } from './plotly';

/**
 * Makes a figure's runs live: a click on one opens its page. Where a run is a line among many, which the trace's `meta.runs` names in their order, hovering
 * draws it once more on top, in the trace that is kept for that.
 */
export function markRuns(element: PlotlyElement): void {
  element.on('plotly_click', ({ points: [point] }) => {
    const id = point && runAt(element.data[point.curveNumber]!, point);
    if (id) openRun(id);
  });
  const mark = element.data.findIndex(({ meta }) => meta?.isMark);
  if (mark < 0) return;
  const show = (x: readonly (number | null)[], y: readonly (number | null)[]): void => {
    void plotly().restyle(element, { x: [x], y: [y] }, [mark]);
  };
  element.on('plotly_hover', ({ points: [point] }) => {
    if (!point) return;
    const trace = element.data[point.curveNumber]!;
    if (!trace.meta?.runs) return;
    const { first, length } = lineAt(trace, point);
    show(trace.x.slice(first, first + length), trace.y.slice(first, first + length));
  });
  element.on('plotly_unhover', () => show([null], [null]));
}

function runAt(trace: Trace, point: Point): string | undefined {
  if (trace.meta?.runs) return trace.meta.runs[lineAt(trace, point).index];
  return trace.ids?.[point.pointNumber];
}

/** Lines of one trace are all as long, and a gap stands after each. */
function lineAt({ x, meta }: Trace, { pointNumber }: Point): { index: number; first: number; length: number } {
  const length = x.length / meta!.runs!.length;
  const index = Math.floor(pointNumber / length);
  return { index, first: index * length, length: length - 1 };
}
