import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { bootstrapIntervals, mostConfused, multiclassMetricNames, multiclassMetrics, type Predictions } from '../lib/metrics';
import { Random } from '../lib/random';
import { openWorkspace } from '../lib/workspace';

const { python } = openWorkspace();
const random = new Random('multiclass');

interface Case {
  readonly title: string;
  readonly predictions: Predictions;
  readonly weights: readonly number[];
}

function makeCase(
  title: string,
  count: number,
  width: number,
  { skill = 1.5, draw = () => random.integer(width), levels = 0, weigh = (): number => 1 } = {},
): Case {
  const labels = new Uint8Array(count * width);
  const probabilities = new Float32Array(count * width);
  for (let picture = 0; picture < count; picture++) {
    const actual = draw();
    labels[picture * width + actual] = 1;
    const scores = Array.from({ length: width }, (_, index) => {
      const score = random.normal() + (index === actual ? skill : 0);
      return Math.exp(levels ? Math.round(score * levels) / levels : score);
    });
    const sum = scores.reduce((total, score) => total + score, 0);
    for (const [index, score] of scores.entries()) probabilities[picture * width + index] = score / sum;
  }
  const classes = Array.from({ length: width }, (_, index) => `class ${index}`);
  return { title, predictions: { classes, count, labels, probabilities }, weights: Array.from({ length: count }, weigh) };
}

const cases: readonly Case[] = [
  makeCase('ten classes', 700, 10),
  makeCase('two classes', 60, 2),
  makeCase('classes of very different sizes', 400, 5, { draw: () => Math.floor(5 * random.uniform() ** 3) }),
  makeCase('a class that never occurs', 90, 4, { draw: () => random.integer(3) }),
  makeCase('one class only, and three that could be', 30, 4, { draw: () => 2 }),
  makeCase('probabilities with many ties', 200, 6, { levels: 1 }),
  makeCase('guessing', 300, 7, { skill: 0 }),
  makeCase('certain answers, right and wrong', 100, 3, { skill: 60 }),
  makeCase('one picture', 1, 3),
  makeCase('pictures that count 0 to 3 times', 250, 5, { weigh: () => random.integer(4) }),
];

describe.skipIf(!existsSync(python))('multiclassMetrics agrees with the formulas of scikit-learn, computed with NumPy,', () => {
  let answers: readonly Record<string, unknown>[];

  beforeAll(() => {
    const input = cases.map(({ predictions, weights }) => ({
      ...predictions,
      weights,
      labels: [...predictions.labels],
      probabilities: [...predictions.probabilities],
    }));
    const { stdout, stderr, status } = spawnSync(python, ['tests/metrics.multiclass.oracle.py'], {
      cwd: openWorkspace().root,
      input: JSON.stringify(input),
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    if (status !== 0) throw new Error(stderr);
    answers = JSON.parse(stdout);
  }, 60_000);

  it.each(cases.map((one, index) => ({ ...one, index })))('for $title', ({ predictions, weights, index }) => {
    const { count, confusion, reliability, perClass, ...values } = multiclassMetrics(predictions, { weights });
    const expected = answers[index] as Record<string, number | null> & {
      confusion: number[][];
      bins: number[];
      perClass: Record<string, number | null>[];
    };
    expect(count).toBe(weights.reduce((sum, weight) => sum + weight, 0));
    expect(confusion).toEqual(expected.confusion);
    expect(reliability.map((bin) => bin.count)).toEqual(expected.bins);
    for (const name of multiclassMetricNames) expectNear(name, values[name], expected[name]!);
    for (const [place, one] of expected.perClass.entries())
      for (const [name, value] of Object.entries(one)) expectNear(`${name} of class ${place}`, perClass[place]![name as 'recall'], value);
  });
});

function expectNear(name: string, value: number | null, expected: number | null): void {
  if (expected === null || value === null) expect(value, name).toBe(expected);
  else expect(Math.abs(value - expected), `${name}: ${value} and ${expected}`).toBeLessThan(1e-9 + 1e-7 * Math.abs(expected));
}

describe('multiclassMetrics', () => {
  const predictions: Predictions = {
    classes: ['spiral', 'smooth', 'edge-on'],
    count: 3,
    labels: Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 1, 0),
    probabilities: Float32Array.of(0.7, 0.2, 0.1, 0.5, 0.4, 0.1, 0.4, 0.4, 0.2),
  };

  it('takes the first of equally probable classes as the answer', () => {
    expect(multiclassMetrics(predictions).confusion).toEqual([
      [1, 0, 0],
      [2, 0, 0],
      [0, 0, 0],
    ]);
  });

  it('says of each bin how confident the answers in it were, and how many were right', () => {
    const bins = multiclassMetrics(predictions).reliability.filter(({ count }) => count > 0);
    expect(bins.map(({ count, accuracy }) => [count, accuracy])).toEqual([
      [1, 0],
      [1, 0],
      [1, 1],
    ]);
    for (const { low, high, confidence } of bins) {
      expect(confidence).toBeGreaterThan(low);
      expect(confidence).toBeLessThanOrEqual(high);
    }
  });

  it.each([
    [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0), 'picture 1 has 0 classes'],
    [Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 1, 1), 'picture 2 has 2 classes'],
  ])('refuses labels that are not of one class each: %s', (labels, problem) => {
    expect(() => multiclassMetrics({ ...predictions, labels })).toThrow(
      expect.objectContaining({ code: 'BAD_PREDICTIONS', message: expect.stringContaining(problem) }),
    );
  });

  it('lists the mistakes by how often they were made', () => {
    const { confusion: _, ...rest } = multiclassMetrics(predictions);
    const confusion = [
      [5, 2, 1],
      [4, 8, 0],
      [0, 2, 9],
    ];
    const perClass = rest.perClass.map((one, index) => ({ ...one, support: confusion[index]!.reduce((sum, cell) => sum + cell, 0) }));
    expect(mostConfused({ confusion, perClass }, { atMost: 3 })).toEqual([
      { actual: 'smooth', answered: 'spiral', pictures: 4, share: 1 / 3 },
      { actual: 'spiral', answered: 'smooth', pictures: 2, share: 0.25 },
      { actual: 'edge-on', answered: 'smooth', pictures: 2, share: 2 / 11 },
    ]);
    expect(mostConfused({ confusion, perClass })).toHaveLength(4);
  });
});

describe('intervals of multi-class metrics', () => {
  const { predictions } = makeCase('for intervals', 200, 4);
  const intervals = (sources: readonly (readonly string[])[]) =>
    bootstrapIntervals(predictions, sources, { kind: 'multiclass', resamples: 300, random: new Random(1) });

  it('hold the value of every metric but the calibration error, which resampling raises', () => {
    const values = multiclassMetrics(predictions);
    const found = intervals(predictions.classes.length ? Array.from({ length: 200 }, () => []) : []);
    expect(Object.keys(found)).toEqual([...multiclassMetricNames]);
    for (const name of multiclassMetricNames.filter((one) => one !== 'ece')) {
      expect(found[name]!.low, name).toBeLessThan(values[name]!);
      expect(found[name]!.high, name).toBeGreaterThan(values[name]!);
    }
  });

  it('are wider where pictures show the same source', () => {
    const width = ({ accuracy }: ReturnType<typeof intervals>): number => accuracy!.high - accuracy!.low;
    const alone = width(intervals(Array.from({ length: 200 }, (_, picture) => [`${picture}`])));
    const right = Array.from(
      { length: 200 },
      (_, picture) =>
        multiclassMetrics(predictions, { weights: Uint8Array.from({ length: 200 }, (__, one) => Number(one === picture)) }).accuracy,
    );
    const shared = width(intervals(right.map((one, picture) => [`${one} ${picture % 5}`])));
    expect(shared).toBeGreaterThan(1.5 * alone);
  });
});
