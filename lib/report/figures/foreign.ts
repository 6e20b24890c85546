import { type CurvePoint, curveOf, type ForeignCurve, type ForeignRun } from '../../experiments';
import { axis, type Figure, houseLayout, panelTitle, plain } from '../figure';
import { lineOf } from './learning';

const panels = [
  { quantity: 'loss', title: 'Loss' },
  { quantity: 'accuracy', title: 'Accuracy' },
  { quantity: 'auc', title: 'AUC' },
] as const;
/** Between panels, as a share of the figure's width. */
const gap = 0.1;

/**
 * Curves of runs made elsewhere, over the steps that they were logged with: training dotted and validation solid, one colour a run, a panel for each of
 * loss, accuracy and AUC that there is. What is no finite number is a gap.
 *
 * @returns undefined where no run has a curve
 */
export function foreignCurves(runs: readonly ForeignRun[]): Figure | undefined {
  const drawn = runs.filter(hasCurves);
  if (drawn.length === 0) return undefined;
  const curves = drawn.flatMap((run, index) => curvesOf(run).map((curve, place) => ({ ...curve, run, index, showlegend: place === 0 })));
  const shown = panels.filter(({ quantity }) => curves.some((curve) => curve.quantity === quantity));
  const width = (1 - gap * (shown.length - 1)) / shown.length;
  const placed = shown.map(({ quantity, title }, place) => {
    const number = place === 0 ? '' : place + 1;
    const left = place * (width + gap);
    return { quantity, title, number, xaxis: `x${number}`, yaxis: `y${number}`, domain: [left, left + width] };
  });
  const legendRows = Math.ceil(drawn.length / 4);
  return {
    data: placed.flatMap(({ quantity, xaxis, yaxis }) =>
      curves
        .filter((curve) => curve.quantity === quantity)
        .map(({ run, index, name, split, points, showlegend }) => ({
          xaxis,
          yaxis,
          ...lineOf(
            { id: run.id, name: plain(run.name), index, split },
            points.map(({ step }) => step),
            points.map(({ value }) => (Number.isFinite(value) ? value : null)),
          ),
          hovertemplate: `%{y:.4~g}<extra>${plain(`${run.name}, ${name}`)}</extra>`,
          showlegend,
        })),
    ),
    layout: houseLayout('Learning curves', 860, 400 + 18 * legendRows, {
      subtitle: 'Solid: validation. Dotted: training. Steps and losses are what those who made the runs took for such.',
      margin: { t: 96, r: 24, b: 64 + 18 * legendRows, l: 64 },
      ...Object.fromEntries(
        placed.flatMap(({ number, xaxis, domain }) => [
          [`xaxis${number}`, axis('Step', { domain })],
          [`yaxis${number}`, axis('', { anchor: xaxis })],
        ]),
      ),
      annotations: placed.map(({ title, xaxis, yaxis }) => panelTitle(title, xaxis, yaxis)),
    }),
  };
}

/** Whether there is a curve to draw of a run made elsewhere. */
export function hasCurves(run: ForeignRun): boolean {
  return curvesOf(run).length > 0;
}

interface NamedCurve extends ForeignCurve {
  /** As whoever made the run called it. */
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** Validation first: its line is the one that the legend shows. */
function curvesOf({ curves = {} }: ForeignRun): NamedCurve[] {
  const found = Object.entries(curves).flatMap(([name, points]) => {
    const known = curveOf(name);
    return known && points.some(({ value }) => Number.isFinite(value)) ? [{ ...known, name, points }] : [];
  });
  return [...found.filter(({ split }) => split === 'validation'), ...found.filter(({ split }) => split === 'train')];
}
