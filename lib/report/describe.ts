import type { RunRecord, SplitResult } from '../experiments';
import type { SplitMetricName } from '../metrics';
import { groupRuns, rankRuns } from './groups';
import { formatNumber, formatSeconds, kindOf, labelOf, metricHeading, metricsOf } from './labels';
import { type Row, textTable } from './rows';

/** A run's metrics as table rows, one a metric: a column for each split, with 95 % intervals where there are any. */
export function metricRows(run: Readonly<RunRecord>): Row[] {
  const { metrics } = run;
  const splits = (['train', 'validation', 'test'] as const).filter((split) => metrics[split]);
  const cell = (split: (typeof splits)[number], metric: SplitMetricName): string => {
    const interval = metrics[split]?.intervals?.[metric];
    const value = formatNumber(metrics[split]?.[metric]);
    return interval ? `${value} (${formatNumber(interval.low)} to ${formatNumber(interval.high)})` : value;
  };
  return metricsOf(kindOf(run)).map((metric) => ({
    metric: metricHeading(metric, kindOf(run)),
    ...Object.fromEntries(splits.map((split) => [split, cell(split, metric)])),
  }));
}

/** A split's numbers by class, as table rows. */
export function classRows({ perClass }: Pick<SplitResult, 'perClass'>): Row[] {
  return perClass.map(({ name, precision, recall, f1, auc, support }) => ({
    class: name,
    precision,
    recall,
    F1: f1,
    AUC: auc,
    pictures: support,
  }));
}

/** What a run trained on and with, in one line. The sample and stand-in weights are named, so that no number is taken for more than it is. */
export function runHeadline(run: Readonly<RunRecord>): string {
  const { stage, status, data, weights, bestEpoch, epochs, timings, hardware } = run;
  const seconds = Object.values(timings).reduce((sum, phase) => sum + phase, 0);
  return [
    `${stage}: ${status}`,
    `data: ${data.name}`,
    `weights: ${weights.source}`,
    `best of ${epochs.length} epochs: ${bestEpoch ?? 'none'}`,
    `${formatSeconds(seconds)} on ${hardware.cores} cores (${hardware.backend})`,
  ].join(' · ');
}

/** A run for the terminal: what it is, and its metrics. */
export function describeRun(run: Readonly<RunRecord>): string {
  return `\n${run.id}\n${runHeadline(run)}\n${textTable(metricRows(run))}\n`;
}

/** All runs for the terminal, in tables of those that compare: the best on validation first. */
export function describeRuns(runs: readonly RunRecord[]): string {
  if (runs.length === 0) return 'there is no run yet: npm run train -- food makes the first';
  const tables = groupRuns(runs).map((group) => {
    const metric = metricsOf(group.kind)[0]!;
    const ranked = rankRuns(group.runs, { metric, split: 'validation' });
    return `${group.title}, best validation ${inWords(metric)} first\n${textTable(ranked.map(summaryRow))}`;
  });
  return tables.join('\n\n');
}

/** A metric's name within a sentence: AUC, accuracy. */
function inWords(metric: SplitMetricName): string {
  const { title } = labelOf(metric, 'multiclass');
  return title === title.toUpperCase() ? title : title.toLowerCase();
}

function summaryRow({ id, status, epochs, metrics: { validation, test }, ...run }: RunRecord): Row {
  const common = { run: id, status, epochs: epochs.length };
  if (kindOf(run) === 'multiclass') {
    return {
      ...common,
      'val accuracy': validation?.accuracy,
      'test accuracy': test?.accuracy,
      'test balanced accuracy': test?.balancedAccuracy,
      'test F1 macro': test?.f1Macro,
    };
  }
  return {
    ...common,
    'val AUC': validation?.auc,
    'test AUC': test?.auc,
    'test exact match': test?.exactMatch,
    'test F1 macro': test?.f1Macro,
  };
}
