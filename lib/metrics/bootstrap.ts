import type { Random } from '../random';
import { checkPredictions } from './check';
import { BadPredictions } from './errors';
import { measureOf } from './judge';
import { type MetricOptions, score, total } from './scores';
import type { Interval, Judging, Predictions, SplitMetricName } from './types';

/** What a bootstrap needs besides the predictions. */
export type BootstrapOptions = Judging & {
  /** How many resamples; 1,000 settle the ends of a 95 % interval to about a fiftieth of its width. */
  readonly resamples?: number;
  readonly random: Random;
};

/**
 * 95 % percentile intervals of every metric, by the pigeonhole bootstrap.
 *
 * Collages share photographs. When a photograph is hard, so is every collage that shows it, so a split of 600 collages says less than 600
 * independent pictures would, and resampling the collages alone gives intervals that are too narrow. Therefore the *photographs* are
 * resampled with replacement, and a picture counts as often as the product of how often its photographs were drawn (Owen 2007, "The
 * pigeonhole bootstrap", Annals of Applied Statistics 1(2), 386–411). Owen shows that this errs on the wide side, the more so the
 * less is shared: collages of two photographs that share none get intervals 1.7 times too wide. With one photograph a picture it is the
 * ordinary bootstrap.
 *
 * The intervals speak of other test photographs, not of another training run.
 *
 * @param sources for each picture, the names of the photographs in it; a picture with an empty list is its own
 * @returns an interval for every metric; none for `auc` where labels are of one kind
 * @throws BAD_PREDICTIONS
 */
export function bootstrapIntervals(
  predictions: Predictions,
  sources: readonly (readonly string[])[],
  { resamples = 1000, random, ...options }: BootstrapOptions,
): Partial<Record<SplitMetricName, Interval>> {
  checkPredictions(predictions);
  const { names, values: measured } = measureOf(predictions, options);
  const values = new Map<SplitMetricName, number[]>(names.map((name) => [name, []]));
  resample(predictions, sources, { resamples, draw: (below) => random.integer(below) }, (weights) => {
    const result = measured(weights);
    for (const name of names) {
      const value = result[name];
      if (value !== null) values.get(name)!.push(value!);
    }
  });
  const found = names.filter((name) => values.get(name)!.length > 0);
  return Object.fromEntries(found.map((name) => [name, percentileInterval(values.get(name)!, 0.95)]));
}

/** 95 % intervals of one class; absent where no resample has such a number. */
export interface ClassIntervals {
  readonly name: string;
  readonly precision?: Interval;
  readonly recall?: Interval;
}

/**
 * 95 % percentile intervals of each class' precision and recall, of a multi-label task, drawn as `bootstrapIntervals` does. A resample in which a class
 * was never answered has no precision of it, and one without it no recall.
 *
 * @param sources as in `bootstrapIntervals`
 * @throws BAD_PREDICTIONS
 */
export function bootstrapClasses(
  predictions: Predictions,
  sources: readonly (readonly string[])[],
  { resamples = 1000, random, ...options }: MetricOptions & Pick<BootstrapOptions, 'resamples' | 'random'>,
): ClassIntervals[] {
  checkPredictions(predictions);
  const scores = score(predictions, options);
  const drawn = predictions.classes.map((name) => ({ name, precision: [] as number[], recall: [] as number[] }));
  resample(predictions, sources, { resamples, draw: random.integers() }, (weights) => {
    for (const [index, { truePositives, falsePositives, falseNegatives }] of total(scores, weights).confusions.entries()) {
      const { precision, recall } = drawn[index]!;
      if (truePositives + falsePositives > 0) precision.push(truePositives / (truePositives + falsePositives));
      if (truePositives + falseNegatives > 0) recall.push(truePositives / (truePositives + falseNegatives));
    }
  });
  return drawn.map(({ name, precision, recall }) => ({
    name,
    ...(precision.length > 0 && { precision: percentileInterval(precision, 0.95) }),
    ...(recall.length > 0 && { recall: percentileInterval(recall, 0.95) }),
  }));
}

/** How a metric of two models on the same pictures differs. */
export interface Difference {
  readonly before: number;
  readonly after: number;
  /** `after` minus `before`. */
  readonly difference: number;
  /** Of the difference, of the coverage that was asked for. */
  readonly interval: Interval;
}

/** What a paired bootstrap needs besides the predictions. */
export type DifferenceOptions = BootstrapOptions & {
  /** Of the interval, in (0, 1): 0.95 by default. Each end of one of 0.90 is a one-sided bound of 95 %. */
  readonly coverage?: number;
  /** What the second model is judged by, where that is not what the first is. */
  readonly judgingAfter?: Judging;
};

/**
 * How much two models differ on the same pictures, by the paired bootstrap: each resample of the photographs, drawn as `bootstrapIntervals` does,
 * is put to both models and the difference taken. What makes a picture hard is hard for both and cancels, so this tells apart what two
 * separate intervals cannot (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 8: what was observed together is
 * resampled together).
 *
 * @param sources as in `bootstrapIntervals`
 * @returns a difference for every metric; none for `auc` where labels are of one kind
 * @throws BAD_PREDICTIONS, also where the two are not of the same pictures
 */
export function bootstrapDifferences(
  before: Predictions,
  after: Predictions,
  sources: readonly (readonly string[])[],
  { resamples = 10_000, coverage = 0.95, random, judgingAfter, ...options }: DifferenceOptions,
): Partial<Record<SplitMetricName, Difference>> {
  checkPredictions(before);
  checkPredictions(after);
  if (before.classes.join() !== after.classes.join() || Buffer.compare(before.labels, after.labels) !== 0)
    throw BadPredictions('the two models were not put to the same pictures, or know other classes');
  const { names, values: old } = measureOf(before, options);
  const { values: renewed } = measureOf(after, judgingAfter ?? options);
  const differences = new Map<SplitMetricName, number[]>(names.map((name) => [name, []]));
  resample(before, sources, { resamples, draw: random.integers() }, (weights) => {
    const [one, other] = [old(weights), renewed(weights)];
    for (const name of names) {
      const [from, to] = [one[name] ?? null, other[name] ?? null];
      if (from !== null && to !== null) differences.get(name)!.push(to - from);
    }
  });
  const once = new Uint8Array(before.count).fill(1);
  const [one, other] = [old(once), renewed(once)];
  const found = names.flatMap((name) => {
    const [from, to, drawn] = [one[name] ?? null, other[name] ?? null, differences.get(name)!];
    if (from === null || to === null || drawn.length === 0) return [];
    return [[name, { before: from, after: to, difference: to - from, interval: percentileInterval(drawn, coverage) }] as const];
  });
  return Object.fromEntries(found);
}

/**
 * Draws photographs with replacement, and calls `measure` with how often each picture then counts.
 *
 * @param draw a random whole number in [0, below)
 */
function resample(
  { count }: Predictions,
  sources: readonly (readonly string[])[],
  { resamples, draw }: { readonly resamples: number; readonly draw: (below: number) => number },
  measure: (weights: Float64Array) => void,
): void {
  if (sources.length !== count) throw BadPredictions(`there are ${sources.length} lists of sources for ${count} pictures`);
  const { photographs, ofPicture } = numberPhotographs(sources);
  const drawn = new Uint16Array(photographs);
  const weights = new Float64Array(count);
  for (let round = 0; round < resamples; round++) {
    drawn.fill(0);
    for (let drawing = 0; drawing < photographs; drawing++) drawn[draw(photographs)]!++;
    let pictures = 0;
    for (let picture = 0; picture < count; picture++) {
      let weight = 1;
      for (const photograph of ofPicture[picture]!) weight *= drawn[photograph]!;
      weights[picture] = weight;
      pictures += weight;
    }
    // A few pictures of several photographs can all be gone: such a resample has no metrics.
    if (pictures > 0) measure(weights);
  }
}

/** Numbers the distinct photographs. A picture without any stands for one of its own, which no name can clash with. */
function numberPhotographs(sources: readonly (readonly string[])[]): { photographs: number; ofPicture: Uint32Array[] } {
  const numbers = new Map<string, number>();
  let photographs = 0;
  const ofPicture = sources.map((names) => {
    if (names.length === 0) return Uint32Array.of(photographs++);
    const numbered = [...new Set(names)].map((name) => {
      const known = numbers.get(name);
      if (known !== undefined) return known;
      numbers.set(name, photographs);
      return photographs++;
    });
    return Uint32Array.from(numbered);
  });
  return { photographs, ofPicture };
}

function percentileInterval(values: readonly number[], coverage: number): Interval {
  const sorted = Float64Array.from(values).sort();
  return { low: quantile(sorted, (1 - coverage) / 2), high: quantile(sorted, (1 + coverage) / 2) };
}

/** Hyndman and Fan's (1996) type 7, the default of R and NumPy. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}
