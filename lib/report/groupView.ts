import { bestRun, type RunRecord } from '../experiments';
import type { SplitMetricName } from '../metrics';
import type { Split } from '../tasks';
import { isTrial, type RunGroup, rankRuns } from './groups';
import { metricsOf } from './labels';

/** A group's runs, chosen and sorted as a page and a notebook show them. */
export interface GroupView {
  readonly group: RunGroup;
  /** What runs are ranked by. */
  readonly metric: SplitMetricName;
  /** Chosen on validation: the test split has no part in it. Undefined where no run has finished. */
  readonly best: RunRecord | undefined;
  /** What the group is reported by: test, once a run has been put to it. */
  readonly split: Split;
  /** Runs with epochs, the best on validation first. Here and below without the trials of sweeps. */
  readonly trained: readonly RunRecord[];
  /** Runs with metrics on `split`, the best first. */
  readonly measured: readonly RunRecord[];
}

/** More lines than this nobody tells apart. */
export const curvesAtMost = 8;
/** More dots do not fit a screen. */
export const dotsAtMost = 25;
export const changesAtMost = 10;

/** @param metric by default the one that runs of the group's kind are ranked by first */
export function viewGroup(group: RunGroup, metric: SplitMetricName = metricsOf(group.kind)[0]!): GroupView {
  const runs = group.runs.filter((run) => !isTrial(run));
  const split = runs.some((run) => run.metrics.test) ? 'test' : 'validation';
  return {
    group,
    metric,
    best: bestRun(runs, { metric, split: 'validation' }),
    split,
    trained: rankRuns(runs, { metric, split: 'validation' }).filter((run) => run.epochs.length > 0),
    measured: rankRuns(runs, { metric, split }).filter((run) => run.metrics[split]),
  };
}
