import { describe, expect, it } from 'vitest';
import { type BothModels, type GateRequest, judge } from '../lib/corrections';
import type { Predictions } from '../lib/metrics';
import { Random } from '../lib/random';

const classes = ['rice', 'fruit'];

/** Predictions of one model: a row of labels and one of probabilities for each picture. */
function predictions(labels: readonly (readonly number[])[], probabilities: readonly (readonly number[])[]): Predictions {
  return {
    classes,
    count: labels.length,
    labels: Uint8Array.from(labels.flat()),
    probabilities: Float32Array.from(probabilities.flat()),
  };
}

/** A test split of 200 pictures on which a model is right with some noise. */
function testSplit(noise: number, seed: string): Predictions {
  const random = new Random('labels');
  const labels = Array.from({ length: 200 }, () => [random.integer(2), random.integer(2)]);
  const noises = new Random(seed);
  const answers = labels.map((row) => row.map((label) => 1 / (1 + Math.exp(-(label * 4 - 2 + noise * noises.normal())))));
  return predictions(labels, answers);
}

const good = testSplit(1, 'one');
const sources = Array.from({ length: good.count }, () => []);
const corrected = [
  [1, 0],
  [0, 1],
];
const allWrong = [
  [0.2, 0.8],
  [0.8, 0.2],
];
const oneRight = [
  [0.8, 0.2],
  [0.8, 0.2],
];
const nearly = [
  [0.49, 0.01],
  [0.01, 0.49],
];
const better: BothModels = { before: predictions(corrected, allWrong), after: predictions(corrected, oneRight) };
const same: BothModels = { before: good, after: good };

function judged(change: Partial<GateRequest> = {}): ReturnType<typeof judge> {
  return judge({
    corrections: better,
    test: same,
    sources,
    tolerance: 0.01,
    random: new Random('gate'),
    resamples: 500,
    threshold: 0.5,
    negativeWeight: 4,
    ...change,
  });
}

describe('the gate, on the corrections', () => {
  it('lets a model through that has more of them right, and says so in numbers', () => {
    const { verdict, reason, corrections, test } = judged();
    expect(verdict).toBe('promoted');
    expect(corrections).toMatchObject({ count: 2, before: 0, after: 1 });
    expect(test).toMatchObject({ metric: 'auc', count: 200, difference: 0, interval: [0, 0], tolerance: 0.01 });
    expect(test.before).toBe(test.after);
    expect(reason).toMatch(
      /^it does better on the corrections and no worse on the test split: 1 of 2 corrections are right, 0 before, .*on 200 test pictures the AUC is 0\.\d+, 0\.\d+ before: the loss is none, with 95 % confidence, and 0\.010 may be lost$/,
    );
  });

  it.each<[string, readonly (readonly number[])[], readonly (readonly number[])[], 'promoted' | 'rejected']>([
    ['as many right with a lower loss', oneRight, [[0.9, 0.1], oneRight[1]!], 'promoted'],
    ['as many right with a higher loss', oneRight, [[0.7, 0.3], oneRight[1]!], 'rejected'],
    ['the very same answers', oneRight, oneRight, 'rejected'],
    ['fewer right, though with a lower loss', [[0.51, 0.49], allWrong[1]!], nearly, 'rejected'],
    [
      'more right, though with a higher loss',
      nearly,
      [
        [0.51, 0.01],
        [0.999, 0.001],
      ],
      'promoted',
    ],
  ])('%s: %s', (_, before, after, verdict) => {
    const result = judged({ corrections: { before: predictions(corrected, before), after: predictions(corrected, after) } });
    expect(result.verdict).toBe(verdict);
    if (verdict === 'rejected') expect(result.reason).toMatch(/^it does no better on the corrections: /);
  });
});

describe('the gate, on the test split', () => {
  it('lets no model through that is clearly worse', () => {
    const { verdict, reason, test } = judged({ test: { before: good, after: testSplit(4, 'two') } });
    expect(verdict).toBe('rejected');
    expect(test.difference).toBeLessThan(-0.05);
    expect(test.interval![0]).toBeLessThan(test.difference!);
    expect(test.interval![1]).toBeGreaterThan(test.difference!);
    expect(reason).toMatch(/^it may be worse on the test split: .*the loss is at most 0\.\d+, with 95 % confidence/);
  });

  it('lets no model through of which too few pictures show that it is no worse, though its AUC is the same', () => {
    const labels = Array.from({ length: 8 }, () => [1, 0]);
    const wrongOn = (picture: number): Predictions =>
      predictions(
        labels,
        labels.map((_, index) => (index === picture ? [0.3, 0.5] : [0.9, 0.1])),
      );
    const { verdict, test } = judged({ test: { before: wrongOn(0), after: wrongOn(1) }, sources: labels.map(() => []) });
    expect(test.difference).toBeCloseTo(0, 6);
    expect(test.interval![0]).toBeLessThan(-0.01);
    expect(verdict).toBe('rejected');
  });

  it('allows exactly as much as the tolerance says', () => {
    const test = { before: good, after: testSplit(1.3, 'three') };
    const low = judged({ test, tolerance: 1 }).test.interval![0];
    expect(low).toBeLessThan(0);
    expect(judged({ test, tolerance: -low }).verdict).toBe('promoted');
    expect(judged({ test, tolerance: -low - 1e-9 }).verdict).toBe('rejected');
  });

  it('lets a better model through without any tolerance', () => {
    expect(judged({ test: { before: testSplit(4, 'two'), after: good }, tolerance: 0 }).verdict).toBe('promoted');
  });

  it('says both reasons', () => {
    const { reason } = judged({
      corrections: { before: better.after, after: better.before },
      test: { before: good, after: testSplit(4, 'two') },
    });
    expect(reason).toMatch(/^it does no better on the corrections, and it may be worse on the test split: /);
  });

  it('lets no model through where labels of one kind show nothing', () => {
    const blank = predictions([[0, 0]], [[0.1, 0.2]]);
    const { verdict, reason, test } = judged({ test: { before: blank, after: blank }, sources: [[]] });
    expect(verdict).toBe('rejected');
    expect(test).toMatchObject({ before: null, after: null, difference: null, interval: null });
    expect(reason).toMatch(/all labels of the 1 test pictures are of one kind/);
  });

  it('is the same for the same seed', () => {
    const test = { before: good, after: testSplit(1.3, 'three') };
    expect(judged({ test })).toEqual(judged({ test }));
  });

  it('refuses answers to other pictures', () => {
    expect(() => judged({ test: { before: good, after: predictions([[1, 0]], [[0.5, 0.5]]) } })).toThrow(/not put to the same pictures/);
  });
});
