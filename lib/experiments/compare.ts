import { lowerIsBetter, type SplitMetricName, splitMetricNames } from '../metrics';
import type { RunRecord } from './record';

/** What a cell of a table can hold. */
export type Cell = string | number | boolean | null;

/** A split that runs are compared by. */
export type ComparedSplit = keyof RunRecord['metrics'];

const hyperParameters = ['learningRate', 'trainableLayers', 'batchSize', 'dropout', 'negativeWeight'] as const;

/**
 * A run as one row of a table. Every run gives the same columns in the same order, null where it has no such value; metrics are named
 * `validation.loss`, `test.auc` and so on; hyper-parameters are those that stand in `config` itself.
 */
export function flattenRun(run: RunRecord): Record<string, Cell> {
  const config = flattenConfig(run.config);
  const row: Record<string, Cell> = {
    id: run.id,
    task: run.task,
    stage: run.stage,
    status: run.status,
    data: run.data.name,
    isSample: run.data.isSample,
    weights: run.weights.source,
    backend: run.hardware.backend,
    startedAt: run.startedAt,
    seconds: secondsOf(run),
    seed: run.seed,
    epochs: run.epochs.length,
    bestEpoch: run.bestEpoch ?? null,
  };
  for (const name of hyperParameters) row[name] = config.get(name) ?? null;
  for (const split of ['validation', 'test'] as const) {
    for (const metric of splitMetricNames) row[`${split}.${metric}`] = run.metrics[split]?.[metric] ?? null;
  }
  return row;
}

/**
 * Entries of the runs' `config` that are not the same in all of them, by dotted name; `values` are in the order of `runs`, null where a run
 * has none.
 */
export function differingParameters(runs: readonly RunRecord[]): { parameter: string; values: Cell[] }[] {
  const configs = runs.map((run) => flattenConfig(run.config));
  const names = [...new Set(configs.flatMap((config) => [...config.keys()]))].sort();
  return names
    .map((parameter) => ({ parameter, values: configs.map((config) => config.get(parameter) ?? null) }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** What to choose a run by. */
export interface BestRunOptions {
  readonly metric: SplitMetricName;
  readonly split: ComparedSplit;
  /** Name or fingerprint of the data; by default that of the latest run that can be compared. */
  readonly data?: string;
}

/**
 * The finished run with the best value of a metric; the earliest of equals. Only runs of one task on the very same data are compared, so
 * the sample and real photographs never meet. Which data that is, `data` says, or the latest run that has the metric. Trials of a sweep keep no model, so
 * they are not among them; the sweep's best is.
 *
 * @returns undefined where no run can be compared
 */
export function bestRun(runs: readonly RunRecord[], { metric, split, data }: BestRunOptions): RunRecord | undefined {
  const metricOf = (run: RunRecord): number => run.metrics[split]?.[metric] ?? Number.NaN;
  const candidates = runs
    .filter((run) => run.status === 'finished' && !Number.isNaN(metricOf(run)) && !isTrial(run))
    .filter((run) => data === undefined || run.data.name === data || run.data.fingerprint === data)
    .sort((one, other) => Date.parse(one.startedAt) - Date.parse(other.startedAt));
  const latest = candidates.at(-1);
  const sign = lowerIsBetter.has(metric) ? -1 : 1;
  return candidates
    .filter(
      (run) => run.task === latest?.task && run.data.fingerprint === latest.data.fingerprint && run.data.isSample === latest.data.isSample,
    )
    .reduce<RunRecord | undefined>((best, run) => (best && sign * metricOf(best) >= sign * metricOf(run) ? best : run), undefined);
}

/** Whether a run is one of a sweep's many, of which only the record is kept: neither model nor test metrics. */
function isTrial({ sweep, metrics }: RunRecord): boolean {
  return sweep !== undefined && metrics.test === undefined;
}

/** Wall-clock seconds of a run from its start to its end, or to the latest update where there is none. */
export function secondsOf(run: RunRecord): number {
  return (Date.parse(run.finishedAt ?? run.updatedAt) - Date.parse(run.startedAt)) / 1000;
}

/** `{ stages: [{ epochs: 3 }] }` as `stages.0.epochs` → 3. */
export function flattenConfig(value: unknown, name = '', into = new Map<string, Cell>()): Map<string, Cell> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) flattenConfig(inner, name === '' ? key : `${name}.${key}`, into);
  } else if (value !== undefined) {
    into.set(name, typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null);
  }
  return into;
}
