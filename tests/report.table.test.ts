import { describe, expect, it, vi } from 'vitest';
import { formatNumber, formatSeconds, parameterRows, runsTable, textTable } from '../lib/report';
import { makeRun, onFood11 } from './report.fixtures';

const runs = [
  makeRun('sample-a', { seed: 1 }),
  makeRun('sample-b', { seed: 2 }),
  makeRun('sample-c', { seed: 3, metrics: {}, status: 'interrupted' }),
  makeRun('real', { seed: 4, ...onFood11 }),
];

describe('runsTable', () => {
  it('ranks within one data set, real data before the sample, runs without the metric last', async () => {
    const { rows } = await runsTable(runs, { metric: 'exactMatch', split: 'test' });
    const value = (id: string): number => runs.find((run) => run.id === id)?.metrics.test?.exactMatch ?? 0;
    const sampleOrder = value('sample-a') > value('sample-b') ? ['sample-a', 'sample-b'] : ['sample-b', 'sample-a'];
    expect(rows.map((row) => row.id)).toEqual(['real', ...sampleOrder, 'sample-c']);
  });

  it('gives the same rows as a danfojs frame', async () => {
    const { frame, rows } = await runsTable(runs);
    if (!frame) return expect(await nativeTensorFlow()).toBe(false);
    expect(frame.shape).toEqual([4, Object.keys(rows[0] ?? {}).length]);
    expect(frame.columns).toEqual(Object.keys(rows[0] ?? {}));
  });

  it('has rows without a frame where danfojs cannot be loaded', async () => {
    vi.doMock('danfojs-node', () => {
      throw new Error('no native TensorFlow');
    });
    const { frame, rows } = await runsTable(runs);
    vi.doUnmock('danfojs-node');
    expect(frame).toBeUndefined();
    expect(rows).toHaveLength(4);
  });

  it('is empty without runs', async () => {
    expect(await runsTable([])).toEqual({ rows: [], frame: undefined });
  });
});

async function nativeTensorFlow(): Promise<boolean> {
  return import('@tensorflow/tfjs-node').then(
    () => true,
    () => false,
  );
}

describe('parameterRows', () => {
  it('lists what differs, unrounded, one column a run', () => {
    const [one, other] = [makeRun('x-head-aaaaaa', { config: { rate: 1e-5, same: 1 } }), makeRun('x-head-bbbbbb', { config: { same: 1 } })];
    expect(parameterRows([one, other])).toEqual([{ parameter: 'rate', 'head · aaaaaa': '0.00001', 'head · bbbbbb': null }]);
  });
});

describe('numbers for readers', () => {
  it.each([
    [0.91234, '0.912'],
    [12, '12'],
    [1234.5678, '1234.6'],
    [0.00001, '1.0e−5'],
    [-0.5, '−0.500'],
    [0, '0'],
    [Number.NaN, '–'],
    [null, '–'],
    [undefined, '–'],
  ])('%s is written %s', (value, expected) => {
    expect(formatNumber(value)).toBe(expected);
  });

  it.each([
    [0, '0.0 s'],
    [8.44, '8.4 s'],
    [9.97, '10 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [7800, '2 h 10 min'],
    [Number.POSITIVE_INFINITY, '–'],
  ])('%s seconds are written %s', (seconds, expected) => {
    expect(formatSeconds(seconds)).toBe(expected);
  });

  it('rows become aligned text, with the columns of all rows', () => {
    expect(
      textTable([
        { name: 'a', n: 1 },
        { name: 'long', n: 22, extra: [1] },
      ]),
    ).toBe('name   n  extra\na      1  –\nlong  22  [1]');
  });
});
