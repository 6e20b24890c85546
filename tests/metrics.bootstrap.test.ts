import { describe, expect, test } from 'vitest';
import { bootstrapIntervals, metricNames, multilabelMetrics, type Predictions } from '../lib/metrics';
import { Random } from '../lib/random';

const options = { threshold: 0.5, negativeWeight: 4 };

function simulate(count: number, width: number, random: Random): Predictions {
  const labels = Uint8Array.from({ length: count * width }, () => random.integer(2));
  const probabilities = Float32Array.from(labels, (label) => 1 / (1 + Math.exp(-2 * (label - 0.5) - random.normal())));
  return { classes: Array.from({ length: width }, (_, index) => `class ${index}`), count, labels, probabilities };
}

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
