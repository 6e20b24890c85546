import type { RunComparison } from '../experiments';
import type { SplitMetricName } from '../metrics';
import { comparisonTable, mcnemarTable } from './comparisonTable';
import { metricsOf } from './labels';
import { textTable } from './rows';
import { verdictsOn } from './verdict';

/**
 * A comparison for the terminal: the verdicts, the numbers that they come from, and what to know about them. Two runs are shown by every metric, more by
 * one.
 *
 * @param metric of the verdicts; by default the one that runs of the kind are ranked by
 * @throws NO_SUCH_METRIC
 */
export function describeComparison(comparison: RunComparison, metric: SplitMetricName = metricsOf(comparison.kind)[0]!): string {
  const { reference, others, pictures, split, notes } = comparison;
  const isPair = others.length === 1;
  return [
    `${others.map(({ run }) => run.id).join(', ')} against ${reference.id}, on ${pictures} ${split} pictures`,
    textTable(comparisonTable(comparison, ...(isPair ? [] : [[metric]]))),
    textTable(mcnemarTable(comparison)),
    verdictsOn(comparison, metric)
      .map(({ words }) => words)
      .join('\n'),
    [...notes, ...(isPair ? [] : [severalRuns])].map((note) => `note: ${note}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const severalRuns = 'each interval is one of 95 % by itself: of twenty runs as good as the reference, one will seem to differ';
