import { describe, expect, test } from 'vitest';
import {
  averagePrecision,
  type Curve,
  curvesByClass,
  multilabelMetrics,
  type Predictions,
  precisionRecallCurve,
  rocCurve,
} from '../lib/metrics';
import { Random } from '../lib/random';

const options = { threshold: 0.5, negativeWeight: 4 };

function oneClass(labels: readonly number[], probabilities: readonly number[]): Predictions {
  return { classes: ['rice'], count: labels.length, labels: Uint8Array.from(labels), probabilities: Float32Array.from(probabilities) };
}

describe('multilabelMetrics', () => {
  test('calls a class present from the threshold on, except where Keras wants more than the threshold', () => {
    const metrics = multilabelMetrics(oneClass([1, 0], [0.5, 0.2]), options);
    expect(metrics).toMatchObject({ exactMatch: 1, hammingLoss: 0, f1Micro: 1, binaryAccuracy: 0.5 });
  });

  test('counts the confusion of each class', () => {
    const predictions = {
      classes: ['rice', 'fruit'],
      count: 4,
      labels: Uint8Array.of(1, 0, 1, 1, 0, 1, 0, 0),
      probabilities: Float32Array.of(0.9, 0.6, 0.2, 0.8, 0.7, 0.3, 0.1, 0.1),
    };
    expect(multilabelMetrics(predictions, options).perClass).toMatchObject([
      { name: 'rice', truePositives: 1, falsePositives: 1, falseNegatives: 1, trueNegatives: 1, support: 2, precision: 0.5, auc: 0.75 },
      { name: 'fruit', truePositives: 1, falsePositives: 1, falseNegatives: 1, trueNegatives: 1, support: 2, recall: 0.5, auc: 0.75 },
    ]);
  });

  test('gives no exact AUC where all labels are of one kind', () => {
    const metrics = multilabelMetrics(oneClass([0, 0], [0.3, 0.8]), options);
    expect(metrics.auc).toBeNull();
    expect(metrics.perClass[0]!.auc).toBeNull();
    expect(metrics.aucKeras).toBe(0);
  });

  test('has a threshold of its own for each class where they are given', () => {
    const predictions = { classes: ['rice', 'fruit'], count: 1, labels: Uint8Array.of(1, 0), probabilities: Float32Array.of(0.3, 0.6) };
    expect(multilabelMetrics(predictions, options).exactMatch).toBe(0);
    expect(multilabelMetrics(predictions, { ...options, thresholds: [0.3, 0.61] })).toMatchObject({ exactMatch: 1, binaryAccuracy: 0.5 });
    expect(() => multilabelMetrics(predictions, { ...options, thresholds: [0.3] })).toThrow('there are 1 thresholds for 2 classes');
  });

  test('sets the share of labels that are present against their probability, bin by bin', () => {
    const { ece, reliability } = multilabelMetrics(oneClass([1, 0, 1, 1], [0.3, 0.3, 0.9, 1]), options);
    const filled = reliability.filter(({ count }) => count > 0);
    expect(filled.map(({ count, accuracy }) => [count, accuracy])).toEqual([
      [2, 0.5],
      [1, 1],
      [1, 1],
    ]);
    expect(filled[0]!.confidence).toBeCloseTo(0.3, 6);
    expect(ece).toBeCloseTo((2 * 0.2 + 0.1 + 0) / 4, 6);
  });

  test('takes a weight of two as the picture twice', () => {
    const twice = multilabelMetrics(oneClass([1, 0, 0], [0.4, 0.6, 0.1]), { ...options, weights: [2, 1, 0] });
    expect(twice).toEqual(multilabelMetrics(oneClass([1, 1, 0], [0.4, 0.4, 0.6]), options));
  });

  test.each<[string, Partial<Predictions>, RegExp]>([
    ['no picture', { count: 0, labels: new Uint8Array(), probabilities: new Float32Array() }, /0 pictures/],
    ['too few labels', { labels: Uint8Array.of(1) }, /labels holds 1 numbers, but 2 pictures of 1 classes make 2/],
    ['a label that is no 0 or 1', { labels: Uint8Array.of(1, 7) }, /label of picture 1, class "rice", is 7/],
    ['a probability that is not a number', { probabilities: Float32Array.of(Number.NaN, 0) }, /picture 0.*not a number.*learning rate/],
    ['a probability above 1', { probabilities: Float32Array.of(0, 1.5) }, /is 1.5: it must be in \[0, 1\]/],
  ])('refuses %s', (_, wrong, message) => {
    expect(() => multilabelMetrics({ ...oneClass([1, 0], [0.5, 0.2]), ...wrong }, options)).toThrow(message);
  });

  test.each<[string, readonly number[], RegExp]>([
    ['too few', [1], /1 weights for 2 pictures/],
    ['negative', [1, -1], /picture 1 is -1/],
    ['all 0', [0, 0], /all weights are 0/],
  ])('refuses weights that are %s', (_, weights, message) => {
    expect(() => multilabelMetrics(oneClass([1, 0], [0.5, 0.2]), { ...options, weights })).toThrow(message);
  });
});

describe('curves', () => {
  const random = new Random('curves');
  const labels = Array.from({ length: 5000 }, () => random.integer(2));
  const large = oneClass(
    labels,
    labels.map((label) => 1 / (1 + Math.exp(-label - random.normal()))),
  );

  test('of a small case are those worked out by hand', () => {
    const small = oneClass([1, 0, 1, 1, 0], [0.9, 0.8, 0.7, 0.7, 0.1]);
    expect(rocCurve(small, 0)).toEqual({ x: [0, 0, 0.5, 0.5, 1], y: [0, 0.33333, 0.33333, 1, 1] });
    expect(precisionRecallCurve(small, 0)).toEqual({ x: [0, 0.33333, 0.33333, 1], y: [1, 1, 0.5, 0.75] });
    expect(averagePrecision(small, 0)).toBeCloseTo(1 / 3 + (2 / 3) * 0.75, 12);
  });

  test('count tied probabilities as one step, whatever their order', () => {
    expect(rocCurve(oneClass([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5]), 0)).toEqual({ x: [0, 1], y: [0, 1] });
    expect(averagePrecision(oneClass([0, 1, 0, 0], [0.5, 0.5, 0.5, 0.5]), 0)).toBe(0.25);
  });

  test('have at most 200 points, keep their ends and enclose the same area', () => {
    const roc = rocCurve(large, 0)!;
    const precisionRecall = precisionRecallCurve(large, 0)!;
    expect(roc.x).toHaveLength(200);
    expect(precisionRecall.x).toHaveLength(200);
    expect([roc.x[0], roc.y[0], roc.x.at(-1), roc.y.at(-1)]).toEqual([0, 0, 1, 1]);
    expect([precisionRecall.x[0], precisionRecall.y[0], precisionRecall.x.at(-1)]).toEqual([0, 1, 1]);
    expect(Math.abs(areaUnder(roc) - multilabelMetrics(large, options).auc!)).toBeLessThan(0.002);
    expect(Math.abs(areaUnder(precisionRecall) - averagePrecision(large, 0)!)).toBeLessThan(0.005);
  });

  test('run up the axes when the ranking is perfect', () => {
    expect(rocCurve(oneClass([1, 1, 0], [0.9, 0.8, 0.1]), 0)).toEqual({ x: [0, 0, 1], y: [0, 1, 1] });
    expect(averagePrecision(oneClass([1, 1, 0], [0.9, 0.8, 0.1]), 0)).toBe(1);
  });

  test('are missing where a class has no positives, or for the ROC curve no negatives', () => {
    const predictions = {
      classes: ['never', 'always', 'both'],
      count: 2,
      labels: Uint8Array.of(0, 1, 0, 0, 1, 1),
      probabilities: Float32Array.of(0.2, 0.4, 0.6, 0.1, 0.3, 0.5),
    };
    const { roc, precisionRecall } = curvesByClass(predictions);
    expect(Object.keys(roc)).toEqual(['both']);
    expect(Object.keys(precisionRecall)).toEqual(['always', 'both']);
    expect(averagePrecision(predictions, 0)).toBeNull();
  });

  test('are refused for a class that does not exist', () => {
    expect(() => rocCurve(large, 1)).toThrow('there is no class 1');
  });
});

function areaUnder({ x, y }: Curve): number {
  return x.slice(1).reduce((area, right, index) => area + ((right - x[index]!) * (y[index]! + y[index + 1]!)) / 2, 0);
}
