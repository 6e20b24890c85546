import type { ForeignCurve, RunRecord } from '../../experiments';
import { axis, colour, type Figure, houseLayout, panelTitle, plain } from '../figure';
import { kindOf, runLabel } from '../labels';

/**
 * Loss by epoch, and AUC of multi-label or accuracy of multi-class tasks: training dotted and validation solid, one colour a run. A run that continues another one of the
 * list (`parent`) goes on where that one ends.
 */
export function learningCurves(runs: readonly RunRecord[], { title = 'Learning curves' }: { title?: string } = {}): Figure {
  const trained = runs.filter((run) => run.epochs.length > 0);
  const data = trained.flatMap((run, index) => [...curves(run, trained, index, 'loss'), ...curves(run, trained, index, scoreOf(run))]);
  const scores = [...new Set(trained.map(scoreOf))];
  const named = (names: Readonly<Record<Score, string>>): string => scores.map((score) => names[score]).join(' or ') || names.auc;
  const legendRows = Math.ceil(trained.length / 4);
  return {
    data,
    layout: houseLayout(title, 860, 400 + 18 * legendRows, {
      subtitle: 'Solid: validation. Dotted: training. Circle: the epoch whose weights were kept.',
      margin: { t: 96, r: 24, b: 64 + 18 * legendRows, l: 64 },
      xaxis: axis('Epoch', { ...wholeTicks(trained), domain: [0, 0.45] }),
      yaxis: axis(scores.includes('accuracy') ? 'Cross-entropy (nats)' : 'Weighted cross-entropy (nats)', { rangemode: 'tozero' }),
      xaxis2: axis('Epoch', { ...wholeTicks(trained), domain: [0.55, 1] }),
      yaxis2: axis(named({ auc: 'Area under the ROC curve', accuracy: 'Accuracy' }), { anchor: 'x2', tickformat: '.3~f' }),
      annotations: [panelTitle('Loss', 'x', 'y'), panelTitle(named({ auc: 'AUC', accuracy: 'Accuracy' }), 'x2', 'y2')],
    }),
  };
}

type Score = 'auc' | 'accuracy';

function scoreOf(run: RunRecord): Score {
  return kindOf(run) === 'multiclass' ? 'accuracy' : 'auc';
}

function curves(run: RunRecord, runs: readonly RunRecord[], index: number, metric: 'loss' | Score): Record<string, unknown>[] {
  const offset = epochsBefore(run, runs);
  const axes = metric === 'loss' ? { xaxis: 'x', yaxis: 'y' } : { xaxis: 'x2', yaxis: 'y2' };
  const name = plain(runLabel(run));
  const x = run.epochs.map((epoch) => offset + epoch.epoch);
  const line = (split: ForeignCurve['split'], showlegend: boolean): Record<string, unknown> => ({
    ...axes,
    ...lineOf(
      { id: run.id, name, index, split },
      x,
      run.epochs.map((epoch) => epoch[split][metric]),
    ),
    hovertemplate: `%{y:.4f}<extra>${name}, ${split}</extra>`,
    showlegend,
  });
  const best = run.epochs.find((epoch) => epoch.epoch === run.bestEpoch);
  const kept = best && {
    ...axes,
    type: 'scatter',
    mode: 'markers',
    legendgroup: run.id,
    showlegend: false,
    x: [offset + best.epoch],
    y: [best.validation[metric]],
    marker: { color: '#ffffff', size: 9, line: { color: colour(index), width: 2.5 } },
    hovertemplate: `kept: epoch ${offset + best.epoch}, %{y:.4f}<extra>${name}</extra>`,
  };
  return [line('validation', metric === 'loss'), line('train', false), ...(kept ? [kept] : [])];
}

interface Line {
  /** The run's. */
  readonly id: string;
  readonly name: string;
  readonly index: number;
  readonly split: ForeignCurve['split'];
}

/** Training dotted and validation solid; a single number is a dot. */
export function lineOf(
  { id, name, index, split }: Line,
  x: readonly number[],
  y: readonly (number | null | undefined)[],
): Record<string, unknown> {
  const isTraining = split === 'train';
  return {
    type: 'scatter',
    mode: y.filter(Number.isFinite).length > 1 ? 'lines' : 'markers',
    name,
    legendgroup: id,
    x,
    y,
    line: { color: colour(index), ...(isTraining ? { width: 1.5, dash: 'dot' } : { width: 2.5 }) },
    marker: { color: colour(index), symbol: isTraining ? 'circle-open' : 'circle' },
  };
}

/** Epochs of the runs that this one continues, as far as they are in the list. */
function epochsBefore(run: RunRecord, runs: readonly RunRecord[], seen: readonly string[] = []): number {
  const parent = runs.find((candidate) => candidate.id === run.parent);
  if (!parent || seen.includes(parent.id)) return 0;
  return (parent.bestEpoch ?? parent.epochs.length) + epochsBefore(parent, runs, [...seen, run.id]);
}

function wholeTicks(runs: readonly RunRecord[]): Record<string, unknown> {
  const last = Math.max(1, ...runs.map((run) => epochsBefore(run, runs) + run.epochs.length));
  return { range: [0.6, last + 0.4], dtick: Math.ceil(last / 10), tick0: 0 };
}

/** Where a run's time went: seconds a phase. */
export function phaseTimings(run: RunRecord): Figure {
  const phases = Object.entries(run.timings).reverse();
  return {
    data: [
      {
        type: 'bar',
        orientation: 'h',
        x: phases.map(([, seconds]) => seconds),
        y: phases.map(([phase]) => plain(phase)),
        marker: { color: colour(0) },
        texttemplate: '%{x:.3~g}',
        textposition: 'outside',
        cliponaxis: false,
        hovertemplate: '%{y}: %{x:.1f} s<extra></extra>',
      },
    ],
    layout: houseLayout(`Time a phase: ${runLabel(run)}`, 760, 140 + 34 * phases.length, {
      xaxis: axis('Seconds', { rangemode: 'tozero' }),
      yaxis: axis('', { showgrid: false }),
      margin: { t: 56, r: 56, b: 56, l: 64 },
    }),
  };
}
