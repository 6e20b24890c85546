import { describe, expect, test } from 'vitest';
import { type ChosenThreshold, chooseThresholds, fitTemperature, type Goal, parseGoal } from '../lib/calibration';
import { judgePredictions, multilabelMetrics, type Predictions } from '../lib/metrics';
import { atTemperature, type DecisionKind, logitsOf } from '../lib/prediction';
import { Random } from '../lib/random';

const plainLoss = { threshold: 0.5, negativeWeight: 1 };

/** Pictures whose labels are drawn from the probabilities of logits, which are then multiplied by `sureness`: above 1 a model that is too sure. */
function simulate(kind: DecisionKind, { count = 3000, sureness = 2, seed = 'simulated' } = {}): Predictions {
  const random = new Random(seed);
  const classes = ['rice', 'fruit', 'dairy'];
  const logits = Float64Array.from({ length: count * classes.length }, () => 1.5 * random.normal());
  const probabilities = asProbabilities(logits, kind);
  const labels = new Uint8Array(logits.length);
  for (let picture = 0; picture < count; picture++) {
    const [first, end] = [picture * classes.length, (picture + 1) * classes.length];
    if (kind === 'multiclass') labels[first + drawClass(probabilities.subarray(first, end), random)] = 1;
    else for (let cell = first; cell < end; cell++) labels[cell] = random.chance(probabilities[cell]!) ? 1 : 0;
  }
  return {
    classes,
    count,
    labels,
    probabilities: asProbabilities(
      logits.map((logit) => sureness * logit),
      kind,
    ),
  };
}

function drawClass(shares: Float32Array, random: Random): number {
  const at = random.uniform();
  const upTo = shares.map((_, index) => shares.subarray(0, index + 1).reduce((sum, share) => sum + share, 0));
  return Math.max(
    0,
    upTo.findIndex((share) => at < share),
  );
}

function asProbabilities(logits: Float64Array, kind: DecisionKind): Float32Array {
  if (kind !== 'multiclass') return Float32Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
  const exponentials = logits.map(Math.exp);
  return Float32Array.from(exponentials, (value, cell) => {
    const first = cell - (cell % 3);
    return value / (exponentials[first]! + exponentials[first + 1]! + exponentials[first + 2]!);
  });
}

function calibrated(predictions: Predictions, temperature: number, kind: DecisionKind): Predictions {
  return { ...predictions, probabilities: atTemperature(predictions.probabilities, temperature, predictions.classes.length, kind) };
}

describe.each<DecisionKind>(['multilabel', 'multiclass'])('the temperature of a %s model', (kind) => {
  const lossOf = (predictions: Predictions): number => judgePredictions(predictions, kind === 'multiclass' ? { kind } : plainLoss).loss;

  test.each([0.4, 1, 2.5])('is how much surer than right it is: %d times', (sureness) => {
    const temperature = fitTemperature(simulate(kind, { sureness }), kind)!;
    expect(temperature / sureness).toBeGreaterThan(0.93);
    expect(temperature / sureness).toBeLessThan(1.07);
  });

  test('is where the loss is lowest', () => {
    const predictions = simulate(kind, { count: 200 });
    const temperature = fitTemperature(predictions, kind)!;
    const lowest = lossOf(calibrated(predictions, temperature, kind));
    for (const factor of [0.97, 1.03]) expect(lossOf(calibrated(predictions, temperature * factor, kind))).toBeGreaterThan(lowest);
  });

  test('brings the calibration error down on other pictures', () => {
    const temperature = fitTemperature(simulate(kind), kind)!;
    const other = simulate(kind, { seed: 'other' });
    const judging = kind === 'multiclass' ? ({ kind } as const) : plainLoss;
    const [before, after] = [judgePredictions(other, judging), judgePredictions(calibrated(other, temperature, kind), judging)];
    expect(before.ece).toBeGreaterThan(0.05);
    expect(after.ece).toBeLessThan(0.03);
  });

  test('is none where every label is on its right side, and where the model is no better than chance', () => {
    const predictions = simulate(kind);
    const right = { ...predictions, labels: asLabels(predictions, kind) };
    expect(fitTemperature(right, kind)).toBeNull();
    const wrong = { ...right, labels: kind === 'multiclass' ? turned(right.labels) : right.labels.map((label) => 1 - label) };
    expect(fitTemperature(wrong, kind)).toBeNull();
  });

  test('is found among probabilities that 32 bits round to 0 and 1', () => {
    const temperature = fitTemperature(simulate(kind, { sureness: 15 }), kind)!;
    expect(temperature).toBeGreaterThan(8);
    expect(temperature).toBeLessThan(16);
  });
});

/** The labels that predictions would be wholly right with. */
function asLabels({ probabilities, count }: Predictions, kind: DecisionKind): Uint8Array {
  if (kind !== 'multiclass') return Uint8Array.from(probabilities, (probability) => (probability >= 0.5 ? 1 : 0));
  const labels = new Uint8Array(probabilities.length);
  for (let picture = 0; picture < count; picture++) {
    const row = probabilities.subarray(3 * picture, 3 * picture + 3);
    labels[3 * picture + row.indexOf(Math.max(...row))] = 1;
  }
  return labels;
}

/** Each picture's class instead of the one before it: one that is less probable. */
function turned(labels: Uint8Array): Uint8Array {
  return labels.map((_, cell) => labels[cell - (cell % 3) + ((cell + 1) % 3)]!);
}

describe('probabilities at a temperature', () => {
  test('are the ones that were given, at 1, and sum to 1 where a picture has one class', () => {
    for (const kind of ['multilabel', 'multiclass'] as const) {
      const { probabilities } = simulate(kind);
      const same = atTemperature(probabilities, 1, 3, kind);
      for (const [cell, probability] of probabilities.entries()) expect(Math.abs(same[cell]! - probability)).toBeLessThan(2e-7);
    }
    const { probabilities } = calibrated(simulate('multiclass'), 3, 'multiclass');
    expect(probabilities[0]! + probabilities[1]! + probabilities[2]!).toBeCloseTo(1, 6);
  });

  test('keep their order, at 0 and 1 too, and their side of one half', () => {
    const given = Float32Array.of(0, 1e-45, 1e-30, 0.2, 0.5, 0.7, 0.9999999, 0.99999994, 1);
    const warmer = atTemperature(given, 2.5, 1);
    expect([...warmer]).toEqual([...warmer].sort((one, other) => one - other));
    expect(new Set(warmer).size).toBe(given.length);
    expect(warmer[4]).toBe(0.5);
    expect([...logitsOf(given, 'multilabel')].every(Number.isFinite)).toBe(true);
  });
});

describe('the thresholds', () => {
  const f1: Goal = { kind: 'f1' };
  const choose = (labels: readonly number[], probabilities: readonly number[], goal: Goal): ChosenThreshold =>
    chooseThresholds(
      { classes: ['rice'], count: labels.length, labels: Uint8Array.from(labels), probabilities: Float32Array.from(probabilities) },
      goal,
      0.5,
    )[0]!;

  test.each<[string, Goal, number[], number[], Partial<ChosenThreshold>]>([
    ['are lower where F1 is highest there', f1, [1, 1, 1, 0, 0], [0.9, 0.4, 0.3, 0.2, 0.1], { threshold: 0.25, f1: 1 }],
    ['are higher where F1 is highest there', f1, [1, 1, 0, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.1], { threshold: 0.75, f1: 1 }],
    ['stay as they are where that is as good', f1, [1, 1, 0, 0], [0.9, 0.6, 0.2, 0.1], { threshold: 0.5, f1: 1 }],
    ['let tied pictures stay together', f1, [1, 0, 1, 0], [0.4, 0.4, 0.4, 0.1], { threshold: 0.25, recall: 1, precision: 2 / 3 }],
    [
      'give the highest recall at a precision',
      { kind: 'precision', atLeast: 0.75 },
      [1, 1, 0, 1, 0, 0, 1],
      [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3],
      { threshold: 0.55, precision: 0.75, recall: 0.75 },
    ],
    [
      'are such that nothing else comes in',
      { kind: 'precision', atLeast: 1 },
      [1, 1, 0, 1],
      [0.9, 0.8, 0.7, 0.6],
      { threshold: 0.75, precision: 1, recall: 2 / 3 },
    ],
    ['part probabilities that are next to each other', f1, [1, 0], [0.7000001, 0.7], { f1: 1 }],
    ['can call every picture present', f1, [1, 1], [0.3, 0.2], { threshold: 0.1, recall: 1 }],
  ])('%s', (_, goal, labels, probabilities, expected) => {
    const { problem, ...found } = choose(labels, probabilities, goal);
    expect(problem).toBeUndefined();
    for (const [name, value] of Object.entries(expected)) expect(found[name as keyof typeof found]).toBeCloseTo(value as number, 10);
  });

  test('stay as they are where the goal cannot be reached, and it is said why', () => {
    expect(choose([0, 1, 0], [0.9, 0.8, 0.1], { kind: 'precision', atLeast: 0.6 })).toMatchObject({
      threshold: 0.5,
      problem: 'no threshold has more precision than 0.500',
    });
    expect(choose([0, 0], [0.9, 0.1], f1)).toMatchObject({ threshold: 0.5, problem: 'no picture shows it' });
  });

  test('are at least as good as the usual ones on the pictures that they were chosen on, for every class', () => {
    const predictions = simulate('multilabel', { count: 300 });
    const usual = multilabelMetrics(predictions, plainLoss).perClass;
    const chosen = chooseThresholds(predictions, f1, 0.5);
    for (const [index, { f1: best }] of chosen.entries()) expect(best).toBeGreaterThanOrEqual(usual[index]!.f1);
    const thresholds = chosen.map(({ threshold }) => threshold);
    expect(multilabelMetrics(predictions, { ...plainLoss, thresholds }).perClass.map(({ f1: of }) => of)).toEqual(
      chosen.map(({ f1: of }) => of),
    );
  });
});

describe('a goal', () => {
  test('is f1, or a precision', () => {
    expect(parseGoal('f1')).toEqual({ kind: 'f1' });
    expect(parseGoal('precision=0.95')).toEqual({ kind: 'precision', atLeast: 0.95 });
  });

  test.each(['', 'F1', 'recall=0.9', 'precision', 'precision=', 'precision=0', 'precision=95', 'precision=high'])('is not "%s"', (text) => {
    expect(() => parseGoal(text)).toThrow(/is no goal: write f1, or precision=0.95/);
  });
});
