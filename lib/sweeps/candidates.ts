import { Random } from '../random';
import type { Grid, Range, Sweep } from './record';
import { isRate } from './space';

/** A combination of values to try. */
export interface Candidate {
  /** From 1. */
  readonly number: number;
  /** By the settings' dotted names, in the order of the sweep's grid and ranges. */
  readonly values: Readonly<Record<string, unknown>>;
}

type Values = Candidate['values'];

/**
 * The candidates of a sweep, each once: all combinations of the grid, and random draws, which cover each single setting better than a grid of as many
 * points does, since most settings matter little (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization", JMLR 13). The same sweep has
 * the same candidates everywhere, and with more draws those from before among them.
 */
export function candidatesOf({
  grid,
  ranges,
  random: draws,
  settings,
}: Pick<Sweep, 'grid' | 'ranges' | 'random' | 'settings'>): Candidate[] {
  const random = new Random(settings.seed).fork('sweep');
  const points = combinations(grid);
  const drawn = (stream: string, from: readonly Drawn[]): Values[] =>
    Array.from({ length: draws }, (_, draw) =>
      Object.fromEntries(from.map(({ path, pick }) => [path, pick(random.fork(`${stream}/${draw}/${path}`))])),
    );
  const all =
    ranges.length > 0
      ? points.flatMap((point) => drawn(JSON.stringify(point), ranges.map(fromRange)).map((values) => ({ ...point, ...values })))
      : [...points, ...drawn('grid', grid.map(fromGrid))];
  const distinct = new Map(all.map((values) => [JSON.stringify(values), values]));
  return [...distinct.values()].map((values, index) => ({ number: index + 1, values }));
}

/** Every combination; the last setting changes fastest. Of no setting there is one, empty. */
function combinations(grid: readonly Grid[]): Values[] {
  return grid.reduce<Values[]>(
    (points, { path, values }) => points.flatMap((point) => values.map((value) => ({ ...point, [path]: value }))),
    [{}],
  );
}

interface Drawn {
  readonly path: string;
  readonly pick: (random: Random) => unknown;
}

function fromRange({ path, low, high, isLog, isWhole }: Range): Drawn {
  const draw = (random: Random): number => {
    // Each whole number has as much room as any other of its size.
    const [from, to] = isWhole ? [low - 0.5, high + 0.5] : [low, high];
    const value = isLog ? Math.exp(random.uniform(Math.log(from), Math.log(to))) : random.uniform(from, to);
    const rounded = isWhole ? Math.round(value) : Number(value.toPrecision(significantDigits));
    return Math.min(high, Math.max(low, rounded));
  };
  return { path, pick: draw };
}

/** More than a sweep can tell apart, and few enough to type. */
const significantDigits = 3;

/** Between the ends of a list of numbers; of other values, one of them. */
function fromGrid({ name, path, values }: Grid): Drawn {
  const numbers = values.filter((value): value is number => typeof value === 'number');
  if (numbers.length < values.length || values.length === 1) return { path, pick: (random) => random.pick(values) };
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return fromRange({ name, path, low, high, isLog: isRate(path) && low > 0, isWhole: numbers.every(Number.isInteger) });
}
