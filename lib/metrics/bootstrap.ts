import type { Random } from '../random';
import { checkPredictions } from './check';
import { BadPredictions } from './errors';
import { measureOf } from './judge';
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
  if (sources.length !== predictions.count)
    throw BadPredictions(`there are ${sources.length} lists of sources for ${predictions.count} pictures`);
  const { names, values: measured } = measureOf(predictions, options);
  const { photographs, ofPicture } = numberPhotographs(sources);
  const drawn = new Uint16Array(photographs);
  const weights = new Float64Array(predictions.count);
  const values = new Map<SplitMetricName, number[]>(names.map((name) => [name, []]));

  for (let resample = 0; resample < resamples; resample++) {
    drawn.fill(0);
    for (let draw = 0; draw < photographs; draw++) drawn[random.integer(photographs)]!++;
    let pictures = 0;
    for (let picture = 0; picture < weights.length; picture++) {
      let weight = 1;
      for (const photograph of ofPicture[picture]!) weight *= drawn[photograph]!;
      weights[picture] = weight;
      pictures += weight;
    }
    // A few pictures of several photographs can all be gone: such a resample has no metrics.
    if (pictures === 0) continue;
    const result = measured(weights);
    for (const name of names) {
      const value = result[name];
      if (value !== null) values.get(name)!.push(value!);
    }
  }
  const found = names.filter((name) => values.get(name)!.length > 0);
  return Object.fromEntries(found.map((name) => [name, percentileInterval(values.get(name)!)]));
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

function percentileInterval(values: readonly number[]): Interval {
  const sorted = Float64Array.from(values).sort();
  return { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

/** Hyndman and Fan's (1996) type 7, the default of R and NumPy. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}
