import { describe, expect, test } from 'vitest';
import { type CompareOptions, compareRuns, type RunComparison, readPredictions } from '../lib/experiments';
import { judgePredictions, metricNames } from '../lib/metrics';
import type { Workspace } from '../lib/workspace';
import { numbers, putSimulated, type Simulated } from './compare.fixture';
import { putRun, runRecord, start, temporaryWorkspace } from './experiments.helpers';

async function compared(
  workspace: Workspace,
  simulated: readonly Simulated[],
  options: Partial<CompareOptions> = {},
): Promise<RunComparison> {
  const runs = [];
  for (const one of simulated) runs.push(await putSimulated(workspace, one));
  return compareRuns({ workspace, runs, resamples: 500, ...options });
}

describe('a comparison of runs', () => {
  test('gives what both models are worth on the pictures, as their metrics say, and the difference', async () => {
    const workspace = temporaryWorkspace();
    const comparison = await compared(workspace, [{ id: 'a' }, { id: 'b', skill: 2 }]);
    expect(comparison).toMatchObject({
      task: 'food',
      kind: 'multilabel',
      split: 'test',
      reference: { id: 'a', stage: 'head' },
      pictures: 200,
    });
    const [{ run, differences }] = comparison.others as [RunComparison['others'][number]];
    expect(run).toEqual({ id: 'b', stage: 'head' });
    const rule = { threshold: 0.5, negativeWeight: 4 };
    const [before, after] = await Promise.all(
      ['a', 'b'].map(async (id) => judgePredictions((await readPredictions(workspace, id)).test, rule)),
    );
    for (const metric of metricNames) {
      const found = differences[metric]!;
      expect([found.before, found.after]).toEqual([before![metric], after![metric]]);
      expect(found.difference).toBe(found.after - found.before);
    }
  });

  test('shows a difference that is there, and none where there is none', async () => {
    const { others } = await compared(temporaryWorkspace(), [{ id: 'a' }, { id: 'better', skill: 2.2 }, { id: 'alike', skill: 1.5 }]);
    const [better, alike] = others.map(({ differences }) => differences.exactMatch!.interval);
    expect(better!.low).toBeGreaterThan(0);
    expect(alike!.low).toBeLessThan(0);
    expect(alike!.high).toBeGreaterThan(0);
    expect(others[0]!.mcnemar.pValue).toBeLessThan(0.01);
    expect(others[1]!.mcnemar.pValue).toBeGreaterThan(0.05);
  });

  test('counts for McNemar the pictures that only one model gets wholly right, in accord with exact match', async () => {
    const { others, pictures } = await compared(temporaryWorkspace(), [{ id: 'a' }, { id: 'b', skill: 2 }]);
    const { mcnemar, differences } = others[0]!;
    expect((mcnemar.onlyAfter - mcnemar.onlyBefore) / pictures).toBeCloseTo(differences.exactMatch!.difference, 12);
    expect(mcnemar.adjusted).toBe(mcnemar.pValue);
  });

  test('is the same each time', async () => {
    const workspace = temporaryWorkspace();
    const runs = [{ id: 'a' }, { id: 'b' }];
    expect(await compared(workspace, runs)).toEqual(await compared(workspace, runs));
  });

  test('raises the p-values of several runs by Holm, the smallest by their number', async () => {
    const { others } = await compared(temporaryWorkspace(), [{ id: 'a' }, { id: 'b', skill: 1.8 }, { id: 'c' }, { id: 'd' }]);
    const smallest = others.reduce((least, other) => (other.mcnemar.pValue < least.mcnemar.pValue ? other : least));
    expect(smallest.mcnemar.adjusted).toBeCloseTo(3 * smallest.mcnemar.pValue, 12);
    for (const { mcnemar } of others) expect(mcnemar.adjusted).toBeGreaterThanOrEqual(mcnemar.pValue);
  });

  test('of a multi-class task has its metrics, and accuracy for McNemar', async () => {
    const record = { kind: 'multiclass', task: 'galaxy', config: {} } as const;
    const { kind, others, pictures } = await compared(temporaryWorkspace(), [
      { id: 'a', record },
      { id: 'b', skill: 2, record },
    ]);
    expect(kind).toBe('multiclass');
    const { differences, mcnemar } = others[0]!;
    expect(differences.kappa!.difference).toBeGreaterThan(0);
    expect((mcnemar.onlyAfter - mcnemar.onlyBefore) / pictures).toBeCloseTo(differences.accuracy!.difference, 12);
  });

  test('is on the test pictures unless validation is asked for', async () => {
    const workspace = temporaryWorkspace();
    const runs = [{ id: 'a' }, { id: 'b' }];
    const validation = await compared(workspace, runs, { split: 'validation' });
    expect(validation.split).toBe('validation');
    expect(validation.others[0]!.differences.auc!.before).not.toBe((await compared(workspace, runs)).others[0]!.differences.auc!.before);
  });

  test('takes less than two seconds of a core for 10,000 resamples of 600 pictures', async () => {
    const workspace = temporaryWorkspace();
    const runs = [
      { id: 'a', numbers: numbers(0, 600) },
      { id: 'b', numbers: numbers(0, 600) },
    ];
    await compared(workspace, runs);
    const begun = process.cpuUsage();
    await compared(workspace, runs, { resamples: 10_000 });
    expect(process.cpuUsage(begun).user / 1e6).toBeLessThan(2);
  });
});

describe('runs whose pictures differ', () => {
  test('are compared on those that all have, matched by content, and it says so', async () => {
    const shuffled = numbers(60, 230).reverse();
    const differ = await compared(temporaryWorkspace(), [
      { id: 'a', numbers: numbers(0, 200) },
      { id: 'b', numbers: shuffled },
    ]);
    expect(differ.pictures).toBe(140);
    expect(differ.notes[0]).toBe('their test pictures differ: 200 of a, 170 of b; the 140 that all have are compared');
    const [a, b] = ['a', 'b'].map((id) => ({ id, numbers: numbers(60, 200) }));
    expect((await compared(temporaryWorkspace(), [a!, b!])).others).toEqual(differ.others);
  });

  test('leave out pictures whose labels have changed in between, and it says so', async () => {
    const { pictures, notes } = await compared(temporaryWorkspace(), [{ id: 'a' }, { id: 'b', relabelled: [3, 5] }]);
    expect(pictures).toBe(198);
    expect(notes[0]).toBe('2 pictures that all have were left out, as their labels have changed in between');
  });

  test('match a picture as often as it stands in all of them', async () => {
    const twice = { numbers: [...numbers(0, 50), 7, 7] };
    const once = { numbers: numbers(0, 50) };
    expect(
      (
        await compared(temporaryWorkspace(), [
          { id: 'a', ...twice },
          { id: 'b', ...twice },
        ])
      ).pictures,
    ).toBe(52);
    expect(
      (
        await compared(temporaryWorkspace(), [
          { id: 'a', ...twice },
          { id: 'b', ...once },
        ])
      ).pictures,
    ).toBe(50);
  });
});

describe('what a reader has to know', () => {
  test('is said: the sample, shared photographs, an interrupted run, a rule that is not the run’s own', async () => {
    const { notes } = await compared(temporaryWorkspace(), [
      { id: 'a' },
      { id: 'b', record: { status: 'interrupted', config: { decision: { threshold: 0.4 }, negativeWeight: 4 } } },
    ]);
    expect(notes).toEqual([
      'b was trained to be judged by another rule; here it is judged by that of a',
      'b is interrupted: it is compared as it was when it ended',
      expect.stringMatching(/^pictures share photographs, so McNemar's test/),
      'the pictures are of the generated sample: this says nothing of real photographs',
    ]);
  });

  test('is nothing where runs on real photographs, each in one picture, differ in nothing', async () => {
    const onReal = { record: { data: { ...start.data, name: 'food11', isSample: false } }, numbers: numbers(0, 100) };
    const { notes } = await compared(temporaryWorkspace(), [
      { id: 'a', ...onReal },
      { id: 'b', ...onReal },
    ]);
    expect(notes).toEqual([]);
  });
});

describe('runs that cannot be compared are refused with the reason:', () => {
  const food11 = { ...start.data, name: 'food11', isSample: false };
  test.each<[string, readonly Simulated[], RegExp]>([
    ['one run', [{ id: 'a' }], /two runs or more/],
    ['no run', [], /two runs or more/],
    ['a run twice', [{ id: 'a' }, { id: 'b' }, { id: 'b' }], /run b was named twice/],
    ['other tasks', [{ id: 'a' }, { id: 'b', record: { task: 'galaxy' } }], /a is of the task food, and b of galaxy/],
    ['other classes', [{ id: 'a' }, { id: 'b', classes: ['x', 'y'] }], /a tells apart lacteos, arroz, frutas\/verduras, and b x, y/],
    [
      'other data',
      [{ id: 'a' }, { id: 'b', numbers: numbers(300, 400), record: { data: food11 } }],
      /no test picture is common to them: a is on the sample, b is on food11 \(version f1\)/,
    ],
    [
      'other labels',
      [
        { id: 'a', numbers: [1, 2] },
        { id: 'b', numbers: [1, 2], relabelled: [1, 2] },
      ],
      /all 2 test pictures that they share have other labels/,
    ],
    ['no rule', [{ id: 'a', record: { config: {} } }, { id: 'b' }], /record of a lacks decision\.threshold/],
  ])('%s', async (_, runs, reason) => {
    const refused = expect.objectContaining({ code: 'NOT_COMPARABLE', message: expect.stringMatching(reason) });
    await expect(compared(temporaryWorkspace(), runs)).rejects.toThrow(refused);
  });

  test('no predictions', async () => {
    const workspace = temporaryWorkspace();
    const kept = await putSimulated(workspace, { id: 'a' });
    const early = runRecord({ id: 'early' });
    putRun(workspace, early.id, early);
    await expect(compareRuns({ workspace, runs: [kept, early] })).rejects.toThrow(expect.objectContaining({ code: 'NO_PREDICTIONS' }));
  });
});
