import type { RunComparison } from '../experiments';
import type { SplitMetricName } from '../metrics';
import { formatNumber, metricHeading, metricsOf, runLabel } from './labels';
import type { Row } from './rows';
import { verdictsOn } from './verdict';

/**
 * A comparison of runs as table rows: for each run beside the reference, and each metric, both values, the difference with its 95 % interval, and whether it is
 * real.
 *
 * @param metrics by default all that have a value on these pictures
 * @throws NO_SUCH_METRIC
 */
export function comparisonTable(comparison: RunComparison, metrics: readonly SplitMetricName[] = metricsWithValues(comparison)): Row[] {
  const { reference, others, kind } = comparison;
  return metrics.flatMap((metric) =>
    verdictsOn(comparison, metric).map(({ run, verdict: { difference, outcome } }) => ({
      metric: metricHeading(metric, kind),
      ...(others.length > 1 && { run: runLabel(run) }),
      [runLabel(reference)]: formatNumber(difference.before),
      [others.length > 1 ? 'its value' : runLabel(run)]: formatNumber(difference.after),
      difference: signed(difference.difference),
      '95 % interval': `${signed(difference.interval.low)} to ${signed(difference.interval.high)}`,
      'is it real?': outcome === 'undecided' ? 'not shown' : outcome,
    })),
  );
}

/**
 * McNemar's test of each run beside the reference as table rows: how many pictures only one of the two gets wholly right. Where there are several
 * runs, p-values are Holm's.
 */
export function mcnemarTable({ reference, others }: RunComparison): Row[] {
  return others.map(({ run, mcnemar: { onlyBefore, onlyAfter, method, pValue, adjusted } }) => ({
    run: runLabel(run),
    'wholly right only by it': onlyAfter,
    [`only by ${runLabel(reference)}`]: onlyBefore,
    "McNemar's test": method,
    p: formatNumber(pValue),
    ...(others.length > 1 && { "p by Holm's correction": formatNumber(adjusted) }),
  }));
}

/** In the order in which tables show them. */
export function metricsWithValues({ kind, others }: Pick<RunComparison, 'kind' | 'others'>): SplitMetricName[] {
  return metricsOf(kind).filter((metric) => others.every(({ differences }) => differences[metric]));
}

/** To one place more than the values, which often agree to the third. */
export function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(4)}`.replace('-', '−');
}
