import { type RunRecord, secondsOf } from '../../experiments';
import type { SplitMetricName } from '../../metrics';
import type { TaskKind } from '../../tasks';
import { isTrial, type RunGroup, rankRuns } from '../groups';
import { type Html, html } from '../html';
import { formatNumber, formatSeconds, metricHeading } from '../labels';
import { parameterText, varyingParameters } from '../parameters';
import { badge, formatTime, runLink, withInterval } from './parts';
import { type Column, sortableTable } from './table';

/** Metrics that a table of runs has room for; where a picture has exactly one class, accuracy is what exact match is elsewhere. */
const tableMetrics: Readonly<Record<TaskKind, readonly SplitMetricName[]>> = {
  multilabel: ['auc', 'exactMatch', 'f1Macro', 'loss'],
  multiclass: ['accuracy', 'auc', 'f1Macro', 'loss'],
};
const parametersAtMost = 6;

/** Every run of a group, the best on validation first, with the parameters that differ and the metrics. */
export function runsTable({ kind, runs }: RunGroup, metric: SplitMetricName, bestId: string | undefined): Html {
  const ranked = rankRuns(runs, { metric, split: 'validation' });
  const parameters = varyingParameters(ranked, { atMost: parametersAtMost }).filter(({ name }) => name !== 'stage');
  const rowOf = new Map(ranked.map((run, row) => [run.id, row]));
  const metrics = [...new Set([metric, ...tableMetrics[kind]])];
  const columns: readonly Column<RunRecord>[] = [
    { name: 'run', heading: 'Run', sortBy: (run) => `${run.stage} ${run.id}`, show: (run) => nowrap(runLink(run)) },
    {
      name: 'status',
      heading: 'Status',
      sortBy: ({ status }) => status,
      show: (run) => html`${badge(run.status)}${run.weights.isStandIn ? html` ${badge('stand-in')}` : ''}`,
    },
    ...(['validation', 'test'] as const).flatMap((split) =>
      (split === 'test' ? metrics : metrics.slice(0, 1)).map(
        (name): Column<RunRecord> => ({
          name: `${split}.${name}`,
          heading: html`<small>${split}</small><br>${metricHeading(name, kind)}`,
          isNumber: true,
          sortBy: (run) => run.metrics[split]?.[name],
          show: (run) => (split === 'test' ? withInterval(run.metrics.test, name) : formatNumber(run.metrics[split]?.[name])),
        }),
      ),
    ),
    ...(runs.some(({ sweep }) => sweep) ? [sweepColumn] : []),
    ...parameters.map(({ name, values }): Column<RunRecord> => {
      const sortBy = ({ id }: RunRecord): (typeof values)[number] => values[rowOf.get(id)!]!;
      const isNumber = values.every((value) => value === null || typeof value === 'number');
      return { name, heading: name, isNumber, sortBy, show: (run) => parameterText(sortBy(run)) };
    }),
    { name: 'epochs', heading: 'Epochs', isNumber: true, sortBy: ({ epochs }) => epochs.length, show: epochsOf },
    { name: 'seconds', heading: 'Took', isNumber: true, sortBy: secondsOf, show: (run) => nowrap(formatSeconds(secondsOf(run))) },
    { name: 'started', heading: 'Started', sortBy: ({ startedAt }) => startedAt, show: (run) => nowrap(formatTime(run.startedAt)) },
  ];
  return sortableTable<RunRecord>(ranked, columns, {
    idOf: ({ id }) => id,
    bestId,
    hint: 'head dropout=0.2 test.auc>0.9',
    folded: { isFolded: isTrial, name: 'trials of sweeps' },
  });
}

const sweepColumn: Column<RunRecord> = {
  name: 'sweep',
  heading: 'Sweep',
  sortBy: ({ sweep }) => (sweep ? `${sweep.id} ${sweep.trial}` : undefined),
  show: ({ sweep }) => (sweep ? html`<span class="nowrap" title="${sweep.id}">${sweep.trial}</span>` : '–'),
};

function epochsOf({ epochs, bestEpoch }: RunRecord): Html {
  return nowrap(html`${epochs.length}${bestEpoch ? html` <small class="muted">best ${bestEpoch}</small>` : ''}`);
}

function nowrap(content: string | Html): Html {
  return html`<span class="nowrap">${content}</span>`;
}
