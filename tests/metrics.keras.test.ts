import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { multilabelMetrics, type Predictions } from '../lib/metrics';
import { Random } from '../lib/random';
import { openWorkspace } from '../lib/workspace';

interface Case {
  readonly title: string;
  readonly predictions: Predictions;
  readonly weights: readonly number[];
  readonly threshold: number;
  readonly negativeWeight: number;
}

type Answer = Readonly<Record<string, number | null>> & {
  readonly perClass: readonly { readonly precision: number; readonly recall: number; readonly auc: number | null }[];
};

const random = new Random('metrics');

function makeCase(
  title: string,
  count: number,
  width: number,
  draw: (label: number) => number,
  { prevalence = 0.4, threshold = 0.5, negativeWeight = 4, weigh = (): number => 1 } = {},
): Case {
  const labels = Uint8Array.from({ length: count * width }, () => (random.chance(prevalence) ? 1 : 0));
  const classes = Array.from({ length: width }, (_, index) => `class ${index}`);
  const probabilities = Float32Array.from(labels, (label) => Math.min(1, Math.max(0, draw(label))));
  const weights = Array.from({ length: count }, weigh);
  return { title, predictions: { classes, count, labels, probabilities }, weights, threshold, negativeWeight };
}

const informed = (label: number): number => 1 / (1 + Math.exp(-(2 * label - 1 + 1.5 * random.normal())));
const cases: readonly Case[] = [
  makeCase('pictures of three classes', 600, 3, informed),
  makeCase('one class', 50, 1, informed),
  makeCase('ten classes, few positives', 200, 10, informed, { prevalence: 0.05 }),
  makeCase('probabilities that are mostly ties', 300, 3, (label) => Math.round(4 * informed(label)) / 4, { threshold: 0.4 }),
  makeCase('probabilities on the thresholds of the AUC', 400, 3, (label) => Math.round(199 * informed(label)) / 199),
  makeCase('probabilities of exactly 0 and 1, right and wrong', 100, 3, (label) => (random.chance(0.9) ? label : 1 - label)),
  makeCase('probabilities exactly at a threshold that 32 bits cannot hold', 100, 3, () => random.pick([0.4, 0.45, 0.5]), {
    threshold: 0.45,
  }),
  makeCase('all labels absent', 40, 3, informed, { prevalence: 0 }),
  makeCase('all labels present', 40, 3, informed, { prevalence: 1 }),
  makeCase('nothing called present', 60, 3, () => 0.1),
  makeCase('one picture', 1, 3, informed),
  makeCase('every picture alike', 80, 3, () => 0.5),
  makeCase('pictures that count 0 to 3 times', 300, 3, informed, { weigh: () => random.integer(4) }),
  makeCase('no extra weight on negatives', 120, 2, informed, { negativeWeight: 1, threshold: 0.3 }),
];

describe('multilabelMetrics agrees with Keras and with counting every pair', () => {
  let answers: readonly Answer[];

  beforeAll(() => {
    const input = cases.map(({ predictions, ...rest }) => ({
      ...rest,
      ...predictions,
      labels: [...predictions.labels],
      probabilities: [...predictions.probabilities],
    }));
    const python = path.join(openWorkspace().venvBin, 'python');
    const { stdout, stderr, status } = spawnSync(python, [path.join('tests', 'metrics.oracle.py')], {
      cwd: openWorkspace().root,
      input: JSON.stringify(input),
      env: { ...process.env, KERAS_BACKEND: 'tensorflow', TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' },
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    if (status !== 0) throw new Error(stderr);
    answers = JSON.parse(stdout.slice(stdout.indexOf('[{')));
  }, 60_000);

  test.each(cases.map((one, index) => ({ ...one, index })))('for $title', ({ predictions, weights, threshold, negativeWeight, index }) => {
    const { perClass, count, reliability, ...metrics } = multilabelMetrics(predictions, { threshold, negativeWeight, weights });
    const { perClass: expectedClasses, ...expected } = answers[index]!;
    expect(count).toBe(weights.reduce((sum, weight) => sum + weight, 0));
    expect(reliability.reduce((sum, bin) => sum + bin.count, 0)).toBe(count * predictions.classes.length);
    expect(Object.keys(metrics).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) expectNear(name, metrics[name as keyof typeof metrics], value);
    for (const [place, one] of expectedClasses.entries()) {
      for (const [name, value] of Object.entries(one)) {
        expectNear(`${name} of class ${place}`, perClass[place]![name as keyof typeof one], value);
      }
    }
  });
});

/** Keras computes in 32 bits. */
function expectNear(name: string, value: number | null, expected: number | null): void {
  if (expected === null || value === null) expect(value, name).toBe(expected);
  else expect(Math.abs(value - expected), `${name}: ${value} and ${expected}`).toBeLessThan(2e-6 * Math.max(1, Math.abs(expected)));
}
