import { isDeepStrictEqual } from 'node:util';
import type { RunRecord } from '../experiments';
import { lowerIsBetter, type SplitMetricName, splitMetricNames } from '../metrics';
import { type Split, splits } from '../tasks';

/**
 * By how much a metric of a re-run may differ where its surroundings do. Other versions, processors and numbers of threads sum in another order; float32
 * then rounds otherwise, and every step of training starts from the rounding of the one before. On one thread instead of two, losses of the food sample came
 * out otherwise by 8e-6, and one of 320 pictures was told otherwise: 0.003. It is the tolerance that a retrained model is given, too.
 */
export const tolerance = 0.01;
/** Shares move by whole pictures: on a small split, so many may be told otherwise. */
const pictures = 2;
/** Of float64 in the difference of two shares: two pictures are to count as two. */
const rounding = 1e-12;

/** A metric of one split, twice. */
export interface MetricMatch {
  readonly split: Split;
  readonly metric: SplitMetricName;
  readonly recorded: number | null;
  readonly again: number | null;
  readonly isWithin: boolean;
}

/** Whether a run came out the same when it was repeated. */
export interface RunMatch {
  /** `identical`: every number of the record, and every prediction, to the last bit; `close`: every metric within the tolerance. */
  readonly outcome: 'identical' | 'close' | 'different';
  readonly metrics: readonly MetricMatch[];
}

/** Compares what a run and its repetition came to. */
export function matchRuns(run: RunRecord, again: RunRecord): RunMatch {
  const metrics = splits.flatMap((split) =>
    splitMetricNames.flatMap((metric): MetricMatch[] => {
      const [recorded, repeated] = [run.metrics[split]?.[metric], again.metrics[split]?.[metric]];
      // A record from before a metric was known does not have it.
      if (recorded === undefined || repeated === undefined) return [];
      return [{ split, metric, recorded, again: repeated, isWithin: isWithin(metric, recorded, repeated, run.metrics[split]!.count) }];
    }),
  );
  if (isDeepStrictEqual(numbersOf(run, again), numbersOf(again, run))) return { outcome: 'identical', metrics };
  return { outcome: metrics.every((match) => match.isWithin) ? 'close' : 'different', metrics };
}

/** A loss has no upper end, so that it may differ in proportion to itself where it is large. */
function isWithin(metric: SplitMetricName, recorded: number | null, again: number | null, count: number): boolean {
  if (recorded === null || again === null) return recorded === again;
  const scale = lowerIsBetter.has(metric) ? Math.max(1, Math.abs(recorded)) : 1;
  return Math.abs(recorded - again) <= Math.max(tolerance, pictures / count) * scale + rounding;
}

/** Everything in a record that the same computation gives again, as far as the other record has it too. */
function numbersOf(run: RunRecord, other: RunRecord): unknown {
  const { metrics, epochs, bestEpoch } = run;
  return {
    metrics: shared(metrics, other.metrics),
    epochs: shared(
      epochs.map(({ seconds: _, ...numbers }) => numbers),
      other.epochs,
    ),
    bestEpoch,
    predictions: predictionsHash(other) && predictionsHash(run),
  };
}

/** A value with those of its keys, at any depth, that another has too: later versions write more into a record. */
function shared(value: unknown, other: unknown): unknown {
  if (Array.isArray(value)) return value.map((item, index) => shared(item, (other as unknown[] | undefined)?.[index]));
  if (typeof value !== 'object' || value === null || typeof other !== 'object' || other === null) return value;
  const known = Object.entries(value).filter(
    ([key, inner]) => inner !== undefined && (other as Record<string, unknown>)[key] !== undefined,
  );
  return Object.fromEntries(known.map(([key, inner]) => [key, shared(inner, (other as Record<string, unknown>)[key])]));
}

/** The same predictions are the same bytes. */
function predictionsHash({ artifacts }: RunRecord): string | undefined {
  return artifacts.find(({ path }) => path.endsWith('/predictions.csv.gz'))?.sha256;
}
