import { type RunComparison, type RunDifference, type Verdict, verdictOf } from '../experiments';
import type { Interval, SplitMetricName } from '../metrics';
import type { TaskKind } from '../tasks';
import { NoSuchMetric } from './errors';
import { labelOf, metricsOf, runLabel } from './labels';

/** What a comparison says of one run beside the reference, by one metric. */
export interface RunVerdict {
  readonly run: RunDifference['run'];
  readonly verdict: Verdict;
  /** A sentence, such as `finetune · d4e5f6: better than head · a1b2c3 by 1.2 points of macro F1, 95 % CI 0.4 to 2.1`. */
  readonly words: string;
}

/**
 * Whether each run of a comparison is better than the reference, in words.
 *
 * @param metric by default the one that runs of the kind are ranked by
 * @throws NO_SUCH_METRIC where the kind of task does not have it, or it has no value on these pictures
 */
export function verdictsOn(comparison: RunComparison, metric: SplitMetricName = metricsOf(comparison.kind)[0]!): RunVerdict[] {
  const { reference, others, pictures, kind } = comparison;
  return others.map(({ run, differences }) => {
    const difference = differences[metric];
    if (!difference) throw NoSuchMetric(metric, Object.keys(differences));
    const verdict = verdictOf(metric, difference, pictures);
    return { run, verdict, words: `${runLabel(run)}: ${inWords(verdict, kind, runLabel(reference))}` };
  });
}

function inWords(verdict: Verdict, kind: TaskKind, reference: string): string {
  const { metric, outcome, difference, pictures, picturesNeeded } = verdict;
  const name = metricInSentence(metric, kind);
  if (outcome !== 'undecided') return `${outcome} than ${reference} by ${measured(absolute(difference), metric, name)}`;
  const observed = measured(difference, metric, name);
  if (picturesNeeded === null) return `no difference from ${reference} at all, and no number of pictures would show one: ${observed}`;
  return `no difference from ${reference} that ${countOf(pictures)} pictures can show: ${observed}; it would take about ${countOf(picturesNeeded)}`;
}

/** A difference and its interval. */
interface Measured {
  readonly difference: number;
  readonly interval: Interval;
}

/** The same without its sign, which `better` and `worse` say. */
function absolute({ difference, interval: { low, high } }: Measured): Measured {
  return difference < 0 ? { difference: -difference, interval: { low: -high, high: -low } } : { difference, interval: { low, high } };
}

function measured({ difference, interval: { low, high } }: Measured, metric: SplitMetricName, name: string): string {
  const { scale, unit } = differenceUnit(metric);
  const digits = decimalsFor(scale * (high - low));
  const number = (value: number): string =>
    (scale * value)
      .toFixed(digits)
      .replace(/^-(0\.0+)$/, '$1')
      .replace('-', '−');
  return `${number(difference)} ${unit} of ${name}, 95 % CI ${number(low)} to ${number(high)}`;
}

/** What differences of a metric are given in: shares in points, hundredths of the whole; a loss in nats. */
export function differenceUnit(metric: SplitMetricName): { readonly scale: number; readonly unit: 'points' | 'nats' } {
  return metric === 'loss' ? { scale: 1, unit: 'nats' } : { scale: 100, unit: 'points' };
}

/** So many that an interval so wide does not seem to have no width. */
function decimalsFor(width: number): number {
  return width > 0 ? Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(width)))) : 1;
}

/** `Balanced accuracy` as `balanced accuracy`, `F1 macro` as `macro F1`; names and abbreviations stay. */
function metricInSentence(metric: SplitMetricName, kind: TaskKind): string {
  const title = labelOf(metric, kind).title.replace(/^(F1) (\w+)$/, '$2 $1');
  return /^(AUC|Cohen|Hamming)/.test(title) ? title : title.charAt(0).toLowerCase() + title.slice(1);
}

function countOf(pictures: number): string {
  return pictures.toLocaleString('en');
}
