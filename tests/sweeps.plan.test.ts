import { describe, expect, it } from 'vitest';
import { candidatesOf, planSweep, readyTrials, type Sweep, settingArguments, sizeOf, type TrialResult } from '../lib/sweeps';
import { checkSpace, parseGrid, parseRange, type Space } from '../lib/sweeps/space';
import { food, galaxy, settingsFor } from '../lib/tasks';

const settings = settingsFor(food, { isSample: true }, {}, {});

function sweepOf(space: Space, more: Partial<Sweep> = {}): Sweep {
  return {
    schemaVersion: 1,
    id: '20260301T090507Z-food-head-abc123',
    createdAt: '2026-03-01T09:05:07.000Z',
    task: 'food',
    stage: 'head',
    settings,
    weights: {},
    data: { name: 'sample', isSample: true, fingerprint: 'f' },
    ...checkSpace(space, food, settings, 0),
    seeds: 1,
    metric: 'auc',
    ...more,
  };
}

/** Runs a sweep in the head: a candidate is the better the higher its number. */
function play(sweep: Sweep, { isAsynchronous = false, diverging = [] as number[] } = {}): string[] {
  const plan = planSweep(sweep);
  const results = new Map<string, TrialResult>();
  for (;;) {
    const [next] = readyTrials(plan, results, { isAsynchronous });
    if (!next) return [...results.keys()];
    results.set(next.id, { value: diverging.includes(next.candidate.number) ? null : next.candidate.number });
  }
}

const nine = { grid: { dropout: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] } };

describe('what is tried', () => {
  it('is read as values, words and JSON', () => {
    expect(parseGrid('lr=1e-3,3e-4')).toEqual({ name: 'lr', values: [1e-3, 3e-4] });
    expect(parseGrid('backbone=auto,mobilenet_v2').values).toEqual(['auto', 'mobilenet_v2']);
    expect(parseGrid('hiddenLayers=[],[{"units":8,"dropout":0}]').values).toEqual([[], [{ units: 8, dropout: 0 }]]);
    expect(parseRange('lr=1e-5..1e-3:log')).toEqual({ name: 'lr', ends: { low: 1e-5, high: 1e-3, isLog: true } });
    expect(parseRange('dropout=0..0.5')).toEqual({ name: 'dropout', ends: { low: 0, high: 0.5 } });
  });

  it.each([
    ['lr', 'is not written as'],
    ['lr=', 'is not written as'],
    ['=1..2', 'is not written as'],
    ['lr=1', 'has no two ends'],
    ['lr=1..', 'has no two ends'],
    ['lr=a..b', 'has no two ends'],
    ['lr=1..2..3', 'has no two ends'],
    ['lr=1..2:cubic', 'has no two ends'],
  ])('cannot be a range written "%s"', (text, problem) => {
    expect(() => parseRange(text)).toThrow(problem);
  });

  it.each<[Space, string]>([
    [{}, 'there is nothing to try'],
    [{ grid: { learnRate: [1] } }, 'there is no setting learnRate'],
    [{ grid: { lr: [] } }, 'lr has no value to try'],
    [{ grid: { lr: ['fast'] } }, 'stages.0.learningRate'],
    [{ grid: { lr: [-1] } }, 'stages.0.learningRate'],
    [{ grid: { dropout: [2] } }, 'dropout'],
    [{ grid: { seed: [1, 2] } }, '--seeds'],
    [{ grid: { 'collages.train': [10, 20] } }, 'collages is no setting of a training'],
    [{ grid: { 'stages.finetune.epochs': [1, 2] } }, 'of a stage after the one that is swept'],
    [{ grid: { stages: [[]] } }, 'stages cannot be swept whole'],
    [{ grid: { 'stages.warmup.epochs': [1] } }, 'there is no setting stages.warmup'],
    [{ grid: { lr: [1e-3], learningRate: [1e-4] } }, 'stages.head.learningRate is named twice'],
    [{ grid: { lr: [1e-3] }, ranges: { 'stages.0.learningRate': { low: 1e-5, high: 1e-3 } }, random: 2 }, 'is named twice'],
    [{ ranges: { lr: { low: 1e-3, high: 1e-3 } }, random: 2 }, 'is empty'],
    [{ ranges: { lr: { low: 1e-3, high: 1e-4 } }, random: 2 }, 'is empty'],
    [{ ranges: { dropout: { low: 0, high: 0.5, isLog: true } }, random: 2 }, 'numbers above 0'],
    [{ ranges: { dropout: { low: 0, high: 1.5 } }, random: 2 }, 'dropout'],
    [{ ranges: { dropout: { low: 0, high: 0.5 } } }, '--random'],
    [{ grid: { lr: [1e-3] }, random: -1 }, '-1 random draws'],
  ])('is refused where it makes no sense: %j', (space, problem) => {
    expect(() => checkSpace(space, food, settings, 0)).toThrow(problem);
  });

  it('may be a setting of any depth', () => {
    const galaxies = settingsFor(galaxy, { isSample: true }, {}, {});
    const { grid } = checkSpace({ grid: { 'hiddenLayers.0.units': [64, 128], layers: [50, 100] } }, galaxy, galaxies, 1);
    expect(grid.map(({ path }) => path)).toEqual(['hiddenLayers.0.units', 'stages.finetune.trainableLayers']);
  });
});

describe('candidates', () => {
  it('are all combinations of a grid, each once', () => {
    const candidates = candidatesOf(sweepOf({ grid: { lr: [1e-3, 3e-4, 1e-3], dropout: [0.1, 0.2] } }));
    expect(candidates.map(({ values }) => Object.values(values))).toEqual([
      [1e-3, 0.1],
      [1e-3, 0.2],
      [3e-4, 0.1],
      [3e-4, 0.2],
    ]);
  });

  it('cross the grid with new draws of the ranges for each combination', () => {
    const sweep = sweepOf({ grid: { dropout: [0.1, 0.2] }, ranges: { lr: { low: 1e-5, high: 1e-3 } }, random: 50 });
    const rates = candidatesOf(sweep).map(({ values }) => values['stages.head.learningRate'] as number);
    expect(rates).toHaveLength(100);
    expect(new Set(rates).size).toBeGreaterThan(90);
    expect(rates.every((rate) => rate >= 1e-5 && rate <= 1e-3)).toBe(true);
    // Magnitudes are even: half of the draws are below the geometric mean of the ends.
    expect(rates.filter((rate) => rate < 1e-4).length).toBeGreaterThan(35);
    expect(rates.filter((rate) => rate < 1e-4).length).toBeLessThan(65);
  });

  it('are drawn between the ends of the grid where there is no range', () => {
    const candidates = candidatesOf(sweepOf({ grid: { lr: [1e-3, 3e-4], dropout: [0.1, 0.2] }, random: 20 }));
    expect(candidates).toHaveLength(24);
    for (const { values } of candidates.slice(4)) {
      expect(values.dropout).toBeGreaterThanOrEqual(0.1);
      expect(values.dropout).toBeLessThanOrEqual(0.2);
      expect(values['stages.head.learningRate']).toBeGreaterThanOrEqual(3e-4);
      expect(values['stages.head.learningRate']).toBeLessThanOrEqual(1e-3);
    }
  });

  it('have whole numbers where a setting takes no others, both ends included', () => {
    const candidates = candidatesOf(sweepOf({ ranges: { batchSize: { low: 8, high: 10 } }, random: 40 }));
    expect(candidates.map(({ values }) => values.batchSize).sort()).toEqual([10, 8, 9]);
  });

  it('are the same every time, and stay when there are more draws', () => {
    const space = { ranges: { dropout: { low: 0, high: 0.5 } } };
    const few = candidatesOf(sweepOf({ ...space, random: 5 }));
    expect(candidatesOf(sweepOf({ ...space, random: 5 }))).toEqual(few);
    expect(candidatesOf(sweepOf({ ...space, random: 8 })).slice(0, 5)).toEqual(few);
  });

  it('have a command line that gives their settings', () => {
    const plan = planSweep(sweepOf({ grid: { lr: [3e-4], hiddenLayers: [[{ units: 8, dropout: 0 }]] } }));
    expect(settingArguments(plan, plan.candidates[0]!)).toBe(
      `--set stages.head.learningRate=0.0003 --set 'hiddenLayers=[{"units":8,"dropout":0}]'`,
    );
  });
});

describe('the trials of a sweep', () => {
  it('are one a candidate and seed', () => {
    const sweep = sweepOf({ grid: { dropout: [0.1, 0.2] } }, { seeds: 2 });
    expect(play(sweep)).toEqual(['1.s1', '1.s2', '2.s1', '2.s2']);
    expect(sizeOf(planSweep(sweep))).toEqual({ trials: 4, epochs: 40 });
    expect(
      planSweep(sweep)
        .rungs.flat()
        .map(({ seed }) => seed),
    ).toEqual([42, 43, 42, 43]);
  });

  it('have the epochs of their candidate', () => {
    const { rungs } = planSweep(sweepOf({ grid: { epochs: [2, 5] } }));
    expect(rungs.flat().map(({ epochs }) => epochs)).toEqual([2, 5]);
  });

  it('give the best third three times the epochs by successive halving', () => {
    const sweep = sweepOf(nine, { halving: 3 });
    const played = play(sweep);
    expect(played.slice(9)).toEqual(['7.e3', '8.e3', '9.e3', '9.e10'].sort((a, b) => played.indexOf(a) - played.indexOf(b)));
    expect(played).toHaveLength(13);
    expect(sizeOf(planSweep(sweep))).toEqual({ trials: 13, epochs: 9 * 1 + 3 * 3 + 10 });
  });

  it('rank losses the other way round', () => {
    expect(
      play(sweepOf(nine, { halving: 3, metric: 'loss' }))
        .slice(9)
        .sort(),
    ).toEqual(['1.e10', '1.e3', '2.e3', '3.e3']);
  });

  it('rank candidates by the mean over their seeds', () => {
    const sweep = sweepOf({ grid: { dropout: [0.1, 0.2, 0.3] } }, { halving: 3, seeds: 2 });
    const plan = planSweep(sweep);
    const values = [0.9, 0.1, 0.6, 0.6, 0.5, 0.5];
    const results = new Map(plan.rungs[0]!.map(({ id }, index) => [id, { value: values[index]! }]));
    expect(readyTrials(plan, results).map(({ id }) => id)).toEqual(['2.s1.e10', '2.s2.e10']);
  });

  it('wait for the whole rung, unless workers are not to', () => {
    const plan = planSweep(sweepOf(nine, { halving: 3 }));
    const three = new Map(plan.rungs[0]!.slice(0, 3).map(({ id }, index) => [id, { value: index }]));
    expect(readyTrials(plan, three).map(({ rung }) => rung)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(readyTrials(plan, three, { isAsynchronous: true })[0]).toMatchObject({ id: '3.e3', rung: 1 });
    const asynchronous = play(sweepOf(nine, { halving: 3 }), { isAsynchronous: true });
    expect(asynchronous).toContain('9.e10');
    expect(new Set(asynchronous).size).toBe(asynchronous.length);
  });

  it('go on without those that diverged, and end where all did', () => {
    expect(
      play(sweepOf(nine, { halving: 3 }), { diverging: [8, 9] })
        .slice(9)
        .sort(),
    ).toEqual(['5.e3', '6.e3', '7.e10', '7.e3']);
    expect(play(sweepOf(nine, { halving: 3 }), { diverging: [1, 2, 3, 4, 5, 6, 7, 8, 9] })).toHaveLength(9);
  });

  it('are planned for a thousand candidates at once', () => {
    const sweep = sweepOf({ ranges: { dropout: { low: 0, high: 0.5 }, lr: { low: 1e-5, high: 1e-2 } }, random: 1000 }, { halving: 3 });
    const start = performance.now();
    const plan = planSweep(sweep);
    for (let round = 0; round < 20; round++) readyTrials(plan, new Map());
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
