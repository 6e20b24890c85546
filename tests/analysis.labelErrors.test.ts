import { describe, expect, it } from 'vitest';
import { confidentJoint, findLabelErrors, suspectRows } from '../lib/analysis';
import type { Predictions } from '../lib/metrics';
import { Random } from '../lib/random';

/** Predictions of a fair model whose labels were right, and then 5 % of them were not. */
interface Noisy {
  readonly predictions: Predictions;
  /** Rows whose labels were changed, with what they were. */
  readonly changed: ReadonlyMap<number, readonly number[]>;
}

function noisy(count: number, kind: 'multilabel' | 'multiclass', seed = 1): Noisy {
  const random = new Random(seed);
  const classes = ['a', 'b', 'c', 'd'];
  const changed = new Map<number, readonly number[]>();
  const rows = Array.from({ length: count }, (_, row) => {
    const only = random.integer(4);
    const truth = classes.map((__, index) => (kind === 'multiclass' ? Number(index === only) : random.integer(2)));
    const scores = truth.map((label) => Math.exp(2 * (2 * label - 1) + random.normal()));
    const sum = scores.reduce((total, score) => total + score, 0);
    const probabilities = scores.map((score) => (kind === 'multiclass' ? score / sum : score / (1 + score)));
    const labels = [...truth];
    if (row % 20 === 0) {
      changed.set(row, truth);
      const other = (only + 1 + random.integer(3)) % 4;
      labels[other] = 1 - labels[other]!;
      if (kind === 'multiclass') labels[only] = 0;
    }
    return { labels, probabilities };
  });
  const labels = Uint8Array.from(rows.flatMap((row) => row.labels));
  const probabilities = Float32Array.from(rows.flatMap((row) => row.probabilities));
  return { predictions: { classes, count, labels, probabilities }, changed };
}

describe('the confident joint', () => {
  const given = [0, 0, 0, 1, 1];
  const probabilities = Float32Array.of(0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8, 0.4, 0.6);

  it('counts pictures by the class given and the one whose own threshold they reach', () => {
    const { thresholds, counts, suggested } = confidentJoint(given, probabilities, 2);
    expect(thresholds[0]).toBeCloseTo(0.6); // (0.9 + 0.8 + 0.1) / 3
    expect(thresholds[1]).toBeCloseTo(0.7); // (0.8 + 0.6) / 2
    expect(counts).toEqual([
      [2, 1],
      [0, 1], // that of 0.4 and 0.6 reaches neither
    ]);
    expect(suggested).toEqual([0, 0, 1, 1, 1]);
  });

  it('never suggests a class that no picture was given', () => {
    const { thresholds, suggested } = confidentJoint([0, 0], Float32Array.of(0.1, 0.9, 0.2, 0.8), 2);
    expect(thresholds[1]).toBe(Number.POSITIVE_INFINITY);
    expect(suggested).toEqual([0, 0]);
  });

  it('keeps the given class where it is the most probable one, however low the threshold of another', () => {
    // Of class 1 the model is never sure: its threshold is 0.3.
    const { suggested } = confidentJoint([0, 0, 1], Float32Array.of(0.95, 0.05, 0.6, 0.4, 0.7, 0.3), 2);
    expect(suggested[1]).toBe(0);
  });
});

describe('likely label errors', () => {
  it('are ranked by the normalised margin, as in the example of the documentation', () => {
    const labels = Uint8Array.of(1, 0, 1, 0, 0, 1, 0, 1, 1, 0);
    const probabilities = Float32Array.of(0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8, 0.1, 0.9);
    const [suspect, ...others] = findLabelErrors({ classes: ['cat', 'dog'], count: 5, labels, probabilities }, 'multiclass');
    expect(others).toEqual([]);
    expect(suspect).toMatchObject({ row: 4, given: [1, 0], proposed: [0, 1] });
    expect(suspect!.quality).toBeCloseTo(0.1);
  });

  it.each([
    ['multiclass', 0.65],
    ['multilabel', 0.55],
  ] as const)('of a %s task are found where one picture in twenty was labelled wrongly', (kind, recall) => {
    const { predictions, changed } = noisy(2000, kind);
    const suspects = findLabelErrors(predictions, kind);
    const found = suspects.filter(({ row }) => changed.has(row));
    expect(found.length / changed.size).toBeGreaterThan(recall);
    const first = suspects.slice(0, changed.size / 2).filter(({ row }) => changed.has(row));
    expect(first.length / (changed.size / 2)).toBeGreaterThan(0.9);
    const repaired = found.filter(({ row, proposed }) => String(proposed) === String(changed.get(row)));
    expect(repaired.length / found.length).toBeGreaterThan(0.8);
  });

  it.each(['multiclass', 'multilabel'] as const)('of a %s task come likeliest first, with other labels than were given', (kind) => {
    const { predictions } = noisy(400, kind);
    const suspects = findLabelErrors(predictions, kind);
    const qualities = suspects.map(({ quality }) => quality);
    expect(qualities).toEqual([...qualities].sort((one, other) => one - other));
    expect(qualities.every((quality) => quality >= 0 && quality <= 1)).toBe(true);
    for (const { row, given, proposed } of suspects) {
      expect(given).toEqual(Array.from(predictions.labels.subarray(4 * row, 4 * row + 4)));
      expect(proposed).not.toEqual(given);
    }
  });

  it('of several labels weigh the worst most: 0.8 of it, and 0.2 of the average of the better ones', () => {
    const labels = Uint8Array.of(1, 1, 1, 0, 0, 0);
    const probabilities = Float32Array.of(0.9, 0.8, 0.1, 0.1, 0.2, 0.3);
    const [suspect] = findLabelErrors({ classes: ['a', 'b', 'c'], count: 2, labels, probabilities });
    expect(suspect).toMatchObject({ row: 0, given: [1, 1, 1], proposed: [1, 1, 0] });
    expect(suspect!.quality).toBeCloseTo(0.8 * 0.1 + 0.2 * (0.8 * 0.8 + 0.2 * 0.9));
  });

  it('are none where the model agrees with every label', () => {
    const labels = Uint8Array.of(1, 0, 0, 1);
    expect(findLabelErrors({ classes: ['a', 'b'], count: 2, labels, probabilities: Float32Array.of(0.9, 0.1, 0.1, 0.9) })).toEqual([]);
  });

  it('are counted by split', () => {
    const suspect = { row: 0, given: [1], proposed: [0], quality: 0 };
    const rows = suspectRows({ train: [suspect], validation: [], test: [] }, { train: [1, 2, 3, 4], validation: [1], test: [1] });
    expect(rows[0]).toEqual({ split: 'train', pictures: 4, suspects: 1, share: 0.25 });
  });
});
