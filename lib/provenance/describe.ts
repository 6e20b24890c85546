import { formatNumber, textTable } from '../report';
import type { ReproductionCheck } from './check';
import type { Condition, Effect } from './conditions';
import { tolerance } from './matches';
import type { ReproducedRun, Reproduction } from './reproduce';

const effects: Readonly<Record<Effect, string>> = {
  none: '',
  expected: 'numbers may differ',
  prevents: 'makes it another experiment',
};

/** What has changed since a run, and whether it can be run again, for the terminal. */
export function describeCheck({ run, lineage, conditions, obstacles, isExact }: ReproductionCheck): string {
  const row = ({ what, recorded, now, effect }: Condition) => ({ what, recorded, now, 'what that means': effects[effect] });
  return [
    `${run.id}: ${lineage.map(({ stage, seed }) => `${stage} with seed ${seed}`).join(', then ')}`,
    textTable(conditions.map(row)),
    obstacles.length > 0
      ? `it cannot be run again as it was:\n${obstacles.map((obstacle) => `  ${obstacle}`).join('\n')}`
      : isExact
        ? 'it can be run again, and should come out the same to the last bit'
        : `it can be run again, and should come out the same within ${tolerance}: what differs rounds otherwise, and training carries that on`,
  ].join('\n\n');
}

/** How a reproduction came out, for the terminal. */
export function describeReproduction(reproduction: Reproduction): string {
  return [...reproduction.runs.map(describeRun), verdict(reproduction)].join('\n\n');
}

function describeRun({ run, again, match }: ReproducedRun): string {
  const headline = `${run.stage}: ${run.id}, again as ${again.id}`;
  if (!match) return `${headline}: ${again.status}`;
  if (match.outcome === 'identical') return `${headline}: identical, every number and every prediction to the last bit`;
  const rows = match.metrics.map(({ split, metric, recorded, again: repeated, isWithin }) => ({
    split,
    metric,
    recorded,
    again: repeated,
    difference: recorded === null || repeated === null ? '–' : formatNumber(repeated - recorded),
    '': isWithin ? '' : 'too far',
  }));
  return `${headline}: ${match.outcome === 'close' ? `within ${tolerance}` : 'different'}\n${textTable(rows)}`;
}

function verdict({ check: { isExact }, runs, isAsExpected }: Reproduction): string {
  if (isAsExpected === undefined) return 'interrupted: what was not repeated whole is not compared';
  if (runs.every(({ match }) => match?.outcome === 'identical')) return 'the metrics match, to the last bit';
  if (isAsExpected) return `the metrics match within ${tolerance}, which is what the differences named above allow`;
  return isExact
    ? 'the metrics do not match to the last bit, though nothing that is recorded has changed: what is not recorded may have, such as VISIONBOOK_THREADS'
    : 'the metrics do not match: the differences named above change more than rounding';
}
