import { describe, expect, test } from 'vitest';
import { holm, mcnemar, verdictOf } from '../lib/experiments';

/** Two models' right pictures: so many that only the one, only the other, and both or neither get right. */
function right(onlyBefore: number, onlyAfter: number): [Uint8Array, Uint8Array] {
  const both = [1, 1, 1, 0, 0];
  const before = [...both, ...new Array(onlyBefore).fill(1), ...new Array(onlyAfter).fill(0)];
  return [Uint8Array.from(before), Uint8Array.from(before, (value, picture) => (picture < both.length ? value : 1 - value))];
}

describe("McNemar's test", () => {
  // By exact fractions: 2·ΣC(n,k)/2ⁿ up to the smaller count, less C(n,k)/2ⁿ for mid-p.
  test.each([
    [1, 8, 'exact', 0.0390625],
    [8, 1, 'exact', 0.0390625],
    [0, 5, 'exact', 0.0625],
    [3, 3, 'exact', 1],
    [0, 0, 'exact', 1],
    [1, 7, 'exact', 0.0703125],
    [10, 20, 'mid-p', 0.0707555],
    [20, 20, 'mid-p', 0.9373146],
    [700, 600, 'mid-p', 0.0055436],
  ] as const)('of %i against %i pictures is %s and gives %f', (onlyBefore, onlyAfter, method, expected) => {
    const result = mcnemar(...right(onlyBefore, onlyAfter));
    expect(result).toMatchObject({ onlyBefore, onlyAfter, method });
    expect(result.pValue).toBeCloseTo(expected, 6);
  });
});

describe("Holm's correction", () => {
  test("gives what R's p.adjust gives, in the order of the p-values", () => {
    const adjusted = [0.03, 0.06, 0.06, 0.02];
    holm([0.01, 0.04, 0.03, 0.005]).forEach((pValue, index) => {
      expect(pValue).toBeCloseTo(adjusted[index]!, 12);
    });
  });

  test('leaves one p-value alone, and never exceeds 1', () => {
    expect(holm([0.04])).toEqual([0.04]);
    expect(holm([0.7, 0.8, 0.9])).toEqual([1, 1, 1]);
    expect(holm([])).toEqual([]);
  });
});

describe('a verdict', () => {
  const differing = (difference: number, low: number, high: number) => ({
    before: 0.8,
    after: 0.8 + difference,
    difference,
    interval: { low, high },
  });

  test.each([
    ['f1Macro', 0.012, 0.004, 0.021, 'better'],
    ['f1Macro', -0.012, -0.021, -0.004, 'worse'],
    ['loss', 0.012, 0.004, 0.021, 'worse'],
    ['loss', -0.012, -0.021, -0.004, 'better'],
    ['f1Macro', 0.012, 0, 0.021, 'undecided'],
    ['loss', -0.012, -0.021, 0.001, 'undecided'],
  ] as const)('by %s of %f (%f to %f) is "%s"', (metric, difference, low, high, outcome) => {
    expect(verdictOf(metric, differing(difference, low, high), 600).outcome).toBe(outcome);
  });

  test('needs no more pictures where it is decided', () => {
    expect(verdictOf('auc', differing(0.01, 0.001, 0.02), 600).picturesNeeded).toBeNull();
  });

  test('says that no number of pictures shows a difference of nothing', () => {
    expect(verdictOf('auc', differing(0, -0.01, 0.01), 600)).toMatchObject({ outcome: 'undecided', picturesNeeded: null });
  });

  test.each([
    [0.003, -0.005, 0.011],
    [-0.003, -0.02, 0.004],
    [0.01, -0.0001, 0.02],
    [0.001, -0.03, 0.03],
  ])('names the number of pictures at which the interval of %f (%f to %f) would end at 0', (difference, low, high) => {
    const needed = verdictOf('auc', differing(difference, low, high), 600).picturesNeeded!;
    const shrunk = (pictures: number) => {
      const scale = Math.sqrt(600 / pictures);
      return verdictOf('auc', differing(difference, difference + scale * (low - difference), difference + scale * (high - difference)), 600)
        .outcome;
    };
    expect(shrunk(needed)).not.toBe('undecided');
    expect(shrunk(0.89 * needed)).toBe('undecided');
    expect(Number(needed.toPrecision(2))).toBe(needed);
  });
});
