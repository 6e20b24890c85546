import type { RunRecord } from '../experiments';
import { lowerIsBetter, type SplitMetricName } from '../metrics';
import type { Split, TaskKind } from '../tasks';
import { kindOf } from './labels';

/** Runs whose numbers compare: one task on exactly the same data. */
export interface RunGroup {
  readonly key: string;
  readonly task: string;
  readonly kind: TaskKind;
  readonly data: RunRecord['data'];
  /** In words, such as `food on the sample`. */
  readonly title: string;
  readonly runs: readonly RunRecord[];
}

/** Groups by task and data fingerprint: real data before the sample, then the group that was worked on last. */
export function groupRuns(runs: readonly RunRecord[]): RunGroup[] {
  const groups = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const key = `${run.task}|${run.data.name}|${run.data.fingerprint}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.entries()]
    .map(([key, members]) => ({ key, ...describe(members, runs), runs: members }))
    .sort((a, b) => Number(a.data.isSample) - Number(b.data.isSample) || newest(b.runs).localeCompare(newest(a.runs)));
}

/** The fingerprint is named only where it tells two versions of one data set apart. */
function describe(members: readonly RunRecord[], all: readonly RunRecord[]): Omit<RunGroup, 'key' | 'runs'> {
  const { task, data } = members[0] as RunRecord;
  const others = all.filter((run) => run.task === task && run.data.name === data.name && run.data.fingerprint !== data.fingerprint);
  const version = others.length > 0 ? `, version ${data.fingerprint.slice(0, 8)}` : '';
  return { task, kind: kindOf(members[0] as RunRecord), data, title: `${task} on ${data.isSample ? 'the sample' : data.name}${version}` };
}

function newest(runs: readonly RunRecord[]): string {
  return runs.reduce((latest, run) => (run.startedAt > latest ? run.startedAt : latest), '');
}

/**
 * Whether a run is one of a sweep's many: it has no model of its own and was not put to the test split. The best of a sweep is trained once more in full, and
 * is a run like any other.
 */
export function isTrial({ sweep }: Pick<RunRecord, 'sweep'>): boolean {
  return sweep !== undefined && sweep.trial !== 'best';
}

export interface RankOptions {
  readonly metric: SplitMetricName;
  readonly split: Split;
}

/** The best first; runs without the metric last, in their order. */
export function rankRuns(runs: readonly RunRecord[], { metric, split }: RankOptions): RunRecord[] {
  const sign = lowerIsBetter.has(metric) ? 1 : -1;
  const value = (run: RunRecord): number => {
    const found = run.metrics[split]?.[metric];
    return found === undefined || found === null || !Number.isFinite(found) ? Number.POSITIVE_INFINITY : sign * found;
  };
  return [...runs].sort((a, b) => (value(a) === value(b) ? 0 : value(a) - value(b)));
}
