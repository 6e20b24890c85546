import { describe, expect, test } from 'vitest';
import {
  bootstrapClasses,
  bootstrapDifferences,
  bootstrapIntervals,
  metricNames,
  multilabelMetrics,
  type Predictions,
} from '../lib/metrics';
import { Random } from '../lib/random';

const options = { threshold: 0.5, negativeWeight: 4 };

function simulate(count: number, width: number, random: Random): Predictions {
  const labels = Uint8Array.from({ length: count * width }, () => random.integer(2));
  const probabilities = Float32Array.from(labels, (label) => 1 / (1 + Math.exp(-2 * (label - 0.5) - random.normal())));
  return { classes: Array.from({ length: width }, (_, index) => `class ${index}`), count, labels, probabilities };
}

describe('bootstrapClasses', () => {
  test('gives each class intervals around its precision and recall, and none where they are never defined', () => {
    const simulated = simulate(300, 2, new Random('classes'));
    const predictions = {
      ...simulated,
      classes: [...simulated.classes, 'never'],
      labels: Uint8Array.from({ length: 900 }, (_, cell) =>
        cell % 3 === 2 ? 0 : simulated.labels[2 * Math.floor(cell / 3) + (cell % 3)]!,
      ),
      probabilities: Float32Array.from({ length: 900 }, (_, cell) =>
        cell % 3 === 2 ? 0 : simulated.probabilities[2 * Math.floor(cell / 3) + (cell % 3)]!,
      ),
    };
    const sources = Array.from({ length: 300 }, () => []);
    const intervals = bootstrapClasses(predictions, sources, { ...options, resamples: 300, random: new Random(1) });
    for (const [index, { precision, recall }] of multilabelMetrics(predictions, options).perClass.slice(0, 2).entries()) {
      for (const [value, interval] of [
        [precision, intervals[index]!.precision!],
        [recall, intervals[index]!.recall!],
      ] as const) {
        expect(interval.low).toBeLessThan(value);
        expect(interval.high).toBeGreaterThan(value);
        expect(interval.high - interval.low).toBeLessThan(0.2);
      }
    }
    expect(intervals[2]).toEqual({ name: 'never' });
  });
});

describe('bootstrapIntervals', () => {
  test('covers the truth where collages share photographs, which resampling the collages alone does not', () => {
    const share = 0.8;
    const simulations = 200;
    const covered = { photographs: 0, collages: 0 };
    const random = new Random('coverage');
    for (let simulation = 0; simulation < simulations; simulation++) {
      const recognised = Array.from({ length: 80 }, () => random.chance(share));
      const sources = Array.from({ length: 150 }, () => [random.integer(40), 40 + random.integer(40)] as const);
      const predictions: Predictions = {
        classes: ['rice', 'fruit'],
        count: sources.length,
        labels: new Uint8Array(2 * sources.length).fill(1),
        probabilities: Float32Array.from(
          sources.flatMap((photographs) => photographs.map((photograph) => (recognised[photograph] ? 0.9 : 0.1))),
        ),
      };
      const names = sources.map((photographs) => photographs.map(String));
      const settings = { ...options, resamples: 200, random };
      const holdsTruth = (lists: readonly (readonly string[])[]): number => {
        const { low, high } = bootstrapIntervals(predictions, lists, settings).binaryAccuracy!;
        return low <= share && share <= high ? 1 : 0;
      };
      covered.photographs += holdsTruth(names);
      covered.collages += holdsTruth(names.map(() => []));
    }
    expect(covered.photographs / simulations).toBeGreaterThan(0.91);
    expect(covered.collages / simulations).toBeLessThan(0.8);
  });

  test('is the ordinary bootstrap when every picture has a photograph of its own', () => {
    const predictions = simulate(80, 2, new Random(1));
    const resamples = 2000;
    const ordinary = new Map(metricNames.map((name) => [name, [] as number[]]));
    const random = new Random('ordinary');
    for (let resample = 0; resample < resamples; resample++) {
      const rows = Array.from({ length: predictions.count }, () => random.integer(predictions.count));
      const metrics = multilabelMetrics(
        {
          ...predictions,
          labels: Uint8Array.from(rows.flatMap((row) => [...predictions.labels.subarray(2 * row, 2 * row + 2)])),
          probabilities: Float32Array.from(rows.flatMap((row) => [...predictions.probabilities.subarray(2 * row, 2 * row + 2)])),
        },
        options,
      );
      for (const name of metricNames) ordinary.get(name)!.push(metrics[name]!);
    }
    const own = Array.from({ length: predictions.count }, (_, picture) => [`photo ${picture}`]);
    const intervals = bootstrapIntervals(predictions, own, { ...options, resamples, random: new Random('pigeonhole') });
    for (const name of metricNames) {
      const sorted = ordinary.get(name)!.sort((one, other) => one - other);
      const [low, high] = [sorted[Math.round(0.025 * resamples)]!, sorted[Math.round(0.975 * resamples)]!];
      expect(Math.abs(intervals[name]!.low - low) / (high - low), `low ${name}`).toBeLessThan(0.1);
      expect(Math.abs(intervals[name]!.high - high) / (high - low), `high ${name}`).toBeLessThan(0.1);
    }
  });

  test('takes a picture of unknown photographs as one of its own', () => {
    const predictions = simulate(50, 3, new Random(2));
    const intervalsFor = (sources: readonly (readonly string[])[]): object =>
      bootstrapIntervals(predictions, sources, { ...options, resamples: 100, random: new Random(3) });
    const named = Array.from({ length: 50 }, (_, picture) => [`photo ${picture}`]);
    expect(intervalsFor(named.map(() => []))).toEqual(intervalsFor(named));
  });

  test('lets a photograph that stands twice in a collage count once', () => {
    const predictions = simulate(50, 3, new Random(4));
    const once = Array.from({ length: 50 }, (_, picture) => [`photo ${picture % 20}`]);
    const twice = once.map(([name]) => [name!, name!]);
    const intervalsFor = (sources: readonly (readonly string[])[]): object =>
      bootstrapIntervals(predictions, sources, { ...options, resamples: 100, random: new Random(5) });
    expect(intervalsFor(twice)).toEqual(intervalsFor(once));
  });

  test('holds the metric itself, for every metric', () => {
    const predictions = simulate(200, 3, new Random(6));
    const metrics = multilabelMetrics(predictions, options);
    const intervals = bootstrapIntervals(predictions, Array(200).fill([]), { ...options, random: new Random(7) });
    for (const name of metricNames) {
      expect(intervals[name]!.low, name).toBeLessThan(metrics[name]!);
      expect(intervals[name]!.high, name).toBeGreaterThan(metrics[name]!);
    }
  });

  test('gives no interval for an AUC that does not exist', () => {
    const predictions = { classes: ['rice'], count: 3, labels: new Uint8Array(3), probabilities: Float32Array.of(0.1, 0.2, 0.7) };
    const intervals = bootstrapIntervals(predictions, [[], [], []], { ...options, random: new Random(8) });
    expect(Object.keys(intervals)).toEqual(metricNames.filter((name) => name !== 'auc'));
  });

  test('passes over resamples in which no picture is left', () => {
    const predictions = simulate(1, 2, new Random(9));
    const intervals = bootstrapIntervals(predictions, [['rice 1', 'fruit 1', 'dairy 1']], { ...options, random: new Random(10) });
    const { loss } = multilabelMetrics(predictions, options);
    expect(intervals.loss).toEqual({ low: loss, high: loss });
  });

  test('is the same for the same seed', () => {
    const predictions = simulate(30, 2, new Random(11));
    const intervalsFor = (seed: number): object =>
      bootstrapIntervals(predictions, Array(30).fill([]), { ...options, resamples: 50, random: new Random(seed) });
    expect(intervalsFor(1)).toEqual(intervalsFor(1));
    expect(intervalsFor(1)).not.toEqual(intervalsFor(2));
  });

  test('resamples 600 collages 1,000 times in under 2 seconds of processor time', () => {
    const random = new Random(12);
    const predictions = simulate(600, 3, random);
    const sources = Array.from({ length: 600 }, () => [0, 1, 2].map((index) => `${index}/${random.integer(300)}`));
    const before = process.cpuUsage();
    bootstrapIntervals(predictions, sources, { ...options, random });
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(2);
  });

  test('refuses sources that do not fit the pictures', () => {
    expect(() => bootstrapIntervals(simulate(2, 1, new Random(13)), [[]], { ...options, random: new Random(14) })).toThrow(
      '1 lists of sources for 2 pictures',
    );
  });
});

/** Predictions of a single class on pictures that all show it: right where `right` says. */
function answers(right: readonly boolean[]): Predictions {
  return {
    classes: ['rice'],
    count: right.length,
    labels: new Uint8Array(right.length).fill(1),
    probabilities: Float32Array.from(right, (isRight) => (isRight ? 0.9 : 0.1)),
  };
}

describe('bootstrapDifferences', () => {
  test('judge the second model by its own rule where it has one', () => {
    const predictions = simulate(200, 2, new Random('rules'));
    const sources = Array.from({ length: 200 }, () => []);
    const judgingAfter = { ...options, thresholds: [0.3, 0.7] };
    const { exactMatch } = bootstrapDifferences(predictions, predictions, sources, {
      ...options,
      judgingAfter,
      resamples: 50,
      random: new Random(1),
    });
    expect(exactMatch!.before).toBe(multilabelMetrics(predictions, options).exactMatch);
    expect(exactMatch!.after).toBe(multilabelMetrics(predictions, judgingAfter).exactMatch);
    expect(exactMatch!.after).not.toBe(exactMatch!.before);
  });

  test('of two pictures are those that can be counted by hand', () => {
    // Drawn are both pictures (one time in two), or one of them twice (one in four each): the difference is then 1/2, 0 or 1.
    const [before, after] = [answers([true, false]), answers([true, true])];
    const differencesFor = (coverage: number): object =>
      bootstrapDifferences(before, after, [[], []], { ...options, coverage, random: new Random(20) }).exactMatch!;
    expect(differencesFor(0.9)).toEqual({ before: 0.5, after: 1, difference: 0.5, interval: { low: 0, high: 1 } });
    expect(differencesFor(0.45)).toMatchObject({ interval: { low: 0.5, high: 0.5 } });
  });

  test('of many independent pictures have the spread of a mean of -1, 0 and 1', () => {
    const random = new Random(21);
    const count = 1000;
    const before = answers(Array.from({ length: count }, () => random.chance(0.8)));
    const after = answers(Array.from(before.probabilities, (probability) => (random.chance(0.1) ? probability < 0.5 : probability > 0.5)));
    const { difference, interval } = bootstrapDifferences(before, after, Array(count).fill([]), { ...options, coverage: 0.9, random })
      .exactMatch!;
    const changes = Array.from(after.probabilities, (probability, picture) => Math.sign(probability - before.probabilities[picture]!));
    const mean = changes.reduce((sum, change) => sum + change, 0) / count;
    const deviation = Math.sqrt(changes.reduce((sum, change) => sum + (change - mean) ** 2, 0) / count);
    expect(difference).toBeCloseTo(mean, 12);
    const half = (1.645 * deviation) / Math.sqrt(count);
    expect(Math.abs(interval.low - (mean - half)) / half).toBeLessThan(0.06);
    expect(Math.abs(interval.high - (mean + half)) / half).toBeLessThan(0.06);
  });

  test('draw the same photographs for both models: what is hard for both cancels', () => {
    const random = new Random(22);
    const before = simulate(150, 3, random);
    const after = { ...before, probabilities: before.probabilities.map((probability) => 0.999 * probability) };
    const sources = Array.from({ length: 150 }, () => [`${random.integer(60)}`, `${random.integer(60)}`]);
    const { loss, auc } = bootstrapDifferences(before, after, sources, { ...options, resamples: 500, random });
    expect(auc).toEqual({ before: auc!.before, after: auc!.before, difference: 0, interval: { low: 0, high: 0 } });
    const alone = bootstrapIntervals(before, sources, { ...options, resamples: 500, random }).loss!;
    expect(loss!.interval.high - loss!.interval.low).toBeLessThan((alone.high - alone.low) / 50);
  });

  test('have a one-sided bound that is wrong about one time in twenty, also where collages share photographs', () => {
    const simulations = 300;
    const random = new Random('bounds');
    let above = 0;
    for (let simulation = 0; simulation < simulations; simulation++) {
      // Each model knows a photograph with its own probability: the true difference is 0.1.
      const known = Array.from({ length: 80 }, () => [random.chance(0.6), random.chance(0.7)] as const);
      const photographs = Array.from({ length: 150 }, () => [random.integer(40), 40 + random.integer(40)] as const);
      const of = (model: 0 | 1): Predictions => ({
        classes: ['rice', 'fruit'],
        count: photographs.length,
        labels: new Uint8Array(2 * photographs.length).fill(1),
        probabilities: Float32Array.from(photographs.flatMap((pair) => pair.map((photograph) => (known[photograph]![model] ? 0.9 : 0.1)))),
      });
      const sources = photographs.map((pair) => pair.map(String));
      const settings = { ...options, coverage: 0.9, resamples: 200, random };
      if (bootstrapDifferences(of(0), of(1), sources, settings).binaryAccuracy!.interval.low > 0.1) above++;
    }
    expect(above / simulations).toBeLessThan(0.08);
    expect(above / simulations).toBeGreaterThan(0.005);
  });

  test('change their sign with the models', () => {
    const random = new Random(23);
    const before = simulate(80, 2, random);
    const after = { ...simulate(80, 2, random), labels: before.labels };
    const between = (one: Predictions, other: Predictions) =>
      bootstrapDifferences(one, other, Array(80).fill([]), { ...options, resamples: 300, random: new Random(24) });
    const [there, back] = [between(before, after), between(after, before)];
    for (const name of metricNames) {
      expect(there[name]!.difference, name).toBeCloseTo(-back[name]!.difference, 12);
      expect(there[name]!.interval.low, name).toBeCloseTo(-back[name]!.interval.high, 12);
    }
  });

  test('are none for an AUC that does not exist', () => {
    const one = answers([true, false, true]);
    const differences = bootstrapDifferences(one, one, [[], [], []], { ...options, resamples: 20, random: new Random(25) });
    expect(Object.keys(differences)).toEqual(metricNames.filter((name) => name !== 'auc'));
  });

  test('resample 600 collages 10,000 times in under 2 seconds of processor time', () => {
    const random = new Random(26);
    const before = simulate(600, 3, random);
    const after = { ...simulate(600, 3, random), labels: before.labels };
    const sources = Array.from({ length: 600 }, () => [0, 1, 2].map((index) => `${index}/${random.integer(300)}`));
    const start = process.cpuUsage();
    bootstrapDifferences(before, after, sources, { ...options, random });
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  });

  test.each<[string, (before: Predictions) => Predictions]>([
    ['fewer pictures', () => answers([true])],
    ['other labels', (before) => ({ ...before, labels: Uint8Array.of(1, 0) })],
    ['other classes', (before) => ({ ...before, classes: ['fruit'] })],
    ['no probabilities', (before) => ({ ...before, probabilities: Float32Array.of(Number.NaN, 0) })],
  ])('are refused where one model has %s', (_, other) => {
    const before = answers([true, false]);
    expect(() => bootstrapDifferences(before, other(before), [[], []], { ...options, random: new Random(27) })).toThrow(
      expect.objectContaining({ code: 'BAD_PREDICTIONS' }),
    );
  });
});
