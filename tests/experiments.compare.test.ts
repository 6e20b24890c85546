import { describe, expect, test } from 'vitest';
import { bestRun, differingParameters, flattenRun, type RunRecord } from '../lib/experiments';
import { runRecord, splitResult, start } from './experiments.helpers';

describe('flattenRun', () => {
  test('gives one flat row', () => {
    expect(flattenRun(runRecord())).toMatchObject({
      id: '20260301T090507Z-food-head-abc123',
      task: 'food',
      stage: 'head',
      status: 'finished',
      data: 'sample',
      isSample: true,
      seconds: 60,
      epochs: 2,
      bestEpoch: 2,
      learningRate: 1e-3,
      'validation.loss': 0.4,
      'test.auc': 0.95,
    });
  });

  test('gives the same columns for every run, null where there is no value', () => {
    const empty = runRecord({ status: 'failed', epochs: [], bestEpoch: undefined, metrics: {}, config: {}, finishedAt: undefined });
    expect(Object.keys(flattenRun(empty))).toEqual(Object.keys(flattenRun(runRecord())));
    expect(flattenRun(empty)).toMatchObject({ bestEpoch: null, learningRate: null, 'test.auc': null, seconds: 60 });
  });
});

describe('differingParameters', () => {
  test('lists what differs, at any depth, and nothing else', () => {
    const configs = [
      { learningRate: 1e-3, dropout: 0.2, stages: [{ epochs: 10 }], decision: { threshold: 0.5 } },
      { learningRate: 1e-4, dropout: 0.2, stages: [{ epochs: 10 }, { epochs: 5 }], decision: { threshold: 0.4 } },
    ];
    expect(differingParameters(configs.map((config) => runRecord({ config })))).toEqual([
      { parameter: 'decision.threshold', values: [0.5, 0.4] },
      { parameter: 'learningRate', values: [1e-3, 1e-4] },
      { parameter: 'stages.1.epochs', values: [null, 5] },
    ]);
  });

  test('finds nothing in one run, or in none', () => {
    expect(differingParameters([runRecord()])).toEqual([]);
    expect(differingParameters([])).toEqual([]);
  });
});

describe('bestRun', () => {
  let day = 0;
  function run(id: string, metrics: { auc?: number | null; loss?: number }, changes: Partial<RunRecord> = {}): RunRecord {
    const startedAt = new Date(Date.UTC(2026, 0, ++day)).toISOString();
    return runRecord({ id, startedAt, metrics: { test: splitResult(metrics) }, ...changes });
  }
  const food11 = { ...start.data, name: 'food11', isSample: false, fingerprint: 'f2' };
  const byAuc = { metric: 'auc', split: 'test' } as const;

  test.each([
    ['auc', 'more is better', 'b'],
    ['loss', 'less is better', 'a'],
  ] as const)('by %s takes the best, where %s', (metric, _, expected) => {
    const runs = [run('a', { auc: 0.9, loss: 0.1 }), run('b', { auc: 0.95, loss: 0.2 }), run('c', { auc: 0.92, loss: 0.3 })];
    expect(bestRun(runs, { metric, split: 'test' })?.id).toBe(expected);
  });

  test('takes the earliest of equals, in whatever order they come', () => {
    const [first, second] = [run('first', { auc: 0.9 }), run('second', { auc: 0.9 })];
    expect(bestRun([second, first], byAuc)?.id).toBe('first');
  });

  test('never holds the sample against real photographs', () => {
    const runs = [run('sample', { auc: 0.99 }), run('real', { auc: 0.9 }, { data: food11 })];
    expect(bestRun(runs, byAuc)?.id).toBe('real');
    expect(bestRun(runs, { ...byAuc, data: 'sample' })?.id).toBe('sample');
    expect(bestRun(runs, { ...byAuc, data: 'f2' })?.id).toBe('real');
    expect(bestRun([...runs].reverse(), byAuc)?.id).toBe('real');
  });

  test('compares only runs on the very same data, the latest', () => {
    const runs = [run('before', { auc: 0.99 }, { data: { ...start.data, fingerprint: 'f0' } }), run('after', { auc: 0.9 })];
    expect(bestRun(runs, { ...byAuc, data: 'sample' })?.id).toBe('after');
  });

  test('compares only runs of one task', () => {
    const runs = [run('galaxy', { auc: 0.99 }, { task: 'galaxy' }), run('food', { auc: 0.9 })];
    expect(bestRun(runs, byAuc)?.id).toBe('food');
  });

  test("passes over a sweep's trials, which keep no model", () => {
    const metrics = { validation: splitResult({ auc: 0.99 }) };
    const trial = runRecord({ id: 'trial', sweep: { id: 'sweep', trial: '1' }, metrics });
    const best = runRecord({ id: 'best', sweep: { id: 'sweep', trial: 'best' }, metrics: { ...metrics, test: splitResult() } });
    expect(bestRun([trial, best], { metric: 'auc', split: 'validation' })?.id).toBe('best');
  });

  test('passes over runs that did not finish, lack the metric or have none', () => {
    const runs = [
      run('good', { auc: 0.8 }),
      run('failed', { auc: 0.9 }, { status: 'failed' }),
      run('running', { auc: 0.9 }, { status: 'running' }),
      run('without test', {}, { metrics: { validation: splitResult({ auc: 0.99 }) } }),
      run('of one kind of label', { auc: null }),
    ];
    expect(bestRun(runs, byAuc)?.id).toBe('good');
    expect(bestRun(runs.slice(1), byAuc)).toBeUndefined();
  });
});
