import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../lib/experiments';
import type { ExportReport } from '../lib/prediction';
import { classChanges, groupRuns, parallelCoordinates } from '../lib/report';
import { frontOf } from '../lib/report/figures/pareto';
import { viewGroup } from '../lib/report/groupView';
import { varyingParameters } from '../lib/report/parameters';
import { compareWithRivals } from '../lib/report/rivals';
import { differInCost, weighModels } from '../lib/report/weighedModels';
import { putSimulated } from './compare.fixture';
import { temporaryWorkspace } from './experiments.helpers';
import { makeGalaxyRun, makeRun } from './report.fixtures';

const metric = 'auc';

/** A run with a validation AUC of its own. */
function runWith(id: string, auc: number, changes: Partial<RunRecord> = {}): RunRecord {
  const run = makeRun(`20260301T100000Z-food-head-${id}`);
  return { ...run, metrics: { ...run.metrics, validation: { ...run.metrics.validation!, auc } }, ...changes } as RunRecord;
}

describe('the best run beside its rivals', () => {
  const config = { decision: { threshold: 0.5 }, negativeWeight: 4 };

  it('is compared with the next best on validation, no more than asked for', async () => {
    const workspace = temporaryWorkspace();
    const runs = [runWith('aaaaaa', 0.8), runWith('bbbbbb', 0.95), runWith('cccccc', 0.9), runWith('dddddd', 0.85)];
    for (const run of runs) await putSimulated(workspace, { id: run.id, record: { ...run, config } });
    const [group] = groupRuns(runs.map((run) => ({ ...run, config })));
    const { comparison, notes } = await compareWithRivals(group!, { workspace, metric, atMost: 2, resamples: 50 });
    expect(comparison!.reference.id).toBe(runs[1]!.id);
    expect(comparison!.others.map(({ run }) => run.id)).toEqual([runs[2]!.id, runs[3]!.id]);
    expect(notes.join(' ')).toContain('1 runs that did worse on validation');
  });

  it('leaves runs out that kept no predictions, and names them; trials of a sweep are no rivals', async () => {
    const workspace = temporaryWorkspace();
    const [without, first, second] = [runWith('aaaaaa', 0.95), runWith('bbbbbb', 0.9), runWith('cccccc', 0.85)];
    const trial = runWith('tttttt', 0.99, { sweep: { id: 's', trial: '3' } });
    for (const run of [first, second]) await putSimulated(workspace, { id: run.id, record: { ...run, config } });
    const [group] = groupRuns([without, first, second, trial].map((run) => ({ ...run, config })));
    const { comparison, notes } = await compareWithRivals(group!, { workspace, metric, resamples: 50 });
    expect([comparison!.reference.id, ...comparison!.others.map(({ run }) => run.id)]).toEqual([first.id, second.id]);
    expect(notes).toContain(`Left out, as they kept no predictions: ${without.id}.`);
    expect(notes.join()).not.toContain(trial.id);
    expect(viewGroup(group!).best?.id).toBe(without.id);
  });

  it('says why there is no comparison', async () => {
    const workspace = temporaryWorkspace();
    const runs = [runWith('aaaaaa', 0.95), runWith('bbbbbb', 0.9)];
    expect((await compareWithRivals({ runs: runs.slice(0, 1) }, { workspace, metric })).notes).toEqual([
      'It takes two finished runs to compare.',
    ]);
    expect((await compareWithRivals({ runs }, { workspace, metric })).notes[0]).toMatch(/^Left out.*aaaaaa.*bbbbbb/);
    for (const run of runs) await putSimulated(workspace, { id: run.id, record: { ...run, config: {} } });
    const { comparison, notes } = await compareWithRivals({ runs: runs.map((run) => ({ ...run, config: {} })) }, { workspace, metric });
    expect(comparison).toBeUndefined();
    expect(notes.join()).toMatch(/They cannot be compared: .*lacks decision\.threshold/);
  });
});

describe('models by what they cost', () => {
  const run = makeRun('20260301T100000Z-food-head-aaaaaa', {
    artifacts: [{ path: 'outputs/food/a/model.onnx', sha256: 'ab', bytes: 13_000_000 }],
  });
  const test = run.metrics.test!;
  const exported: ExportReport = {
    schemaVersion: 1,
    run: run.id,
    task: 'food',
    classes: [],
    createdAt: '2026-03-02T10:00:00.000Z',
    machine: 'CPU, 2 threads',
    data: { name: 'sample', isSample: true, fingerprint: run.data.fingerprint, test: 320 },
    files: [
      { variant: 'float32', file: 'model.onnx', bytes: 13_000_000, sha256: 'ab', latencyMs: 4 },
      {
        variant: 'int8',
        file: 'model.int8.onnx',
        bytes: 3_500_000,
        sha256: 'cd',
        latencyMs: 2,
        loss: { before: test, after: { ...test, auc: 0.91 }, agreement: 1, agreementByClass: [], meanDifference: 0, largestDifference: 0 },
      },
    ],
    notes: [],
  };

  it('have the size of the model file, and with an export every form, its loss and its latency', () => {
    expect(weighModels([run], new Map(), { metric })).toEqual([{ run, form: 'float32', bytes: 13_000_000, value: test.auc }]);
    expect(weighModels([run], new Map([[run.id, exported]]), { metric })).toEqual([
      { run, form: 'float32', bytes: 13_000_000, value: test.auc, latencyMs: 4 },
      { run, form: 'int8', bytes: 3_500_000, value: 0.91, latencyMs: 2 },
    ]);
  });

  it('do not take losses of other data, nor times of another machine than the latest', () => {
    const otherData = { ...exported, data: { ...exported.data!, fingerprint: 'other' } };
    expect(weighModels([run], new Map([[run.id, otherData]]), { metric }).map(({ form }) => form)).toEqual(['float32']);
    const later = { ...run, id: '20260301T110000Z-food-head-bbbbbb' };
    const elsewhere = { ...exported, run: later.id, createdAt: '2026-03-03T10:00:00.000Z', machine: 'Another CPU, 8 threads' };
    const exports = new Map([exported, elsewhere].map((report) => [report.run, report]));
    const weighed = weighModels([run, later], exports, { metric });
    expect(weighed.map(({ latencyMs }) => latencyMs)).toEqual([undefined, undefined, 4, 2]);
  });

  it('are worth a figure where sizes differ by more than a hundredth, or latency is known', () => {
    const model = { run, form: 'float32', bytes: 13_432_237, value: 0.9 } as const;
    expect(differInCost([model, { ...model, bytes: 13_432_245 }])).toBe(false);
    expect(differInCost([model, { ...model, bytes: 9_000_000 }])).toBe(true);
    expect(differInCost([{ ...model, latencyMs: 3 }])).toBe(true);
    expect(differInCost([])).toBe(false);
  });

  it.each([
    ['more', false, [0.9, 0.95, 0.99]],
    ['less', true, [0.9, 0.5]],
  ])('stand on the front where no other is lighter and has %s of the metric', (_, isLowerBetter, expected) => {
    const sizes = [5, 1, 4, 9, 9, 5];
    const models = [0.95, 0.9, 0.5, 0.99, 0.97, 0.93].map(
      (value, index) => ({ run, form: 'float32', bytes: sizes[index]!, value }) as const,
    );
    expect(frontOf(models, ({ bytes }) => bytes, isLowerBetter).map(({ value }) => value)).toEqual(expected);
  });
});

describe('parameters', () => {
  it('are shown where they differ: the stage first, then what most runs have, then what is changed most often', () => {
    const runs = [
      makeRun('a-head-aaaaaa', { config: { zoom: 1, learningRate: 1e-3, dropout: 0.1, rare: 1, same: 5 } }),
      makeRun('b-finetune-bbbbbb', { config: { zoom: 2, learningRate: 1e-4, dropout: 0.2, same: 5 } }),
    ];
    expect(varyingParameters(runs, { atMost: 9 }).map(({ name }) => name)).toEqual(['stage', 'learningRate', 'dropout', 'zoom', 'rare']);
    expect(varyingParameters(runs, { atMost: 2 })).toHaveLength(2);
  });

  it('become axes: few values listed in order, many as a scale, none below it', () => {
    const runs = Array.from({ length: 12 }, (_, index) =>
      runWith(`r${index}`, 0.8 + index / 100, {
        config: { dropout: index % 2 ? 0.3 : 0.1, negativeWeight: 10 ** (index / 4), ...(index > 2 && { optimizer: 'adam' }) },
      }),
    );
    const { data, layout } = parallelCoordinates([...runs, runWith('zzzzzz', Number.NaN)], { metric })!;
    const texts = layout.annotations as { text: string; x: number; y: number }[];
    const heights = (name: string): Map<string, number> => {
      const at = texts.find(({ text }) => text === `<b>${name}</b>`)!.x;
      return new Map(texts.filter(({ text, x }) => x === at && !text.startsWith('<b>')).map(({ text, y }) => [text, y]));
    };
    expect(Object.fromEntries(heights('dropout'))).toEqual({ 0.1: 0, 0.3: 1 });
    expect([...heights('negativeWeight').keys()]).toEqual(['1', '10', '100']);
    expect(heights('optimizer').get('none')).toBeLessThan(0);
    const lines = data.filter(({ meta }) => (meta as { runs?: string[] })?.runs);
    expect(lines.flatMap(({ meta }) => (meta as { runs: string[] }).runs)).toEqual(runs.map(({ id }) => id));
    expect((lines.at(-1) as { line: { color: string } }).line.color).toBe('#D55E00');
  });

  it('make no figure of one run, or of runs that do not differ', () => {
    expect(parallelCoordinates([runWith('aaaaaa', 0.9)], { metric })).toBeUndefined();
    expect(parallelCoordinates([runWith('aaaaaa', 0.9), runWith('bbbbbb', 0.8)], { metric })).toBeUndefined();
  });
});

describe('changes by class', () => {
  it('are in points of F1 from the reference, signed', () => {
    const [before, after] = [makeRun('a-head-aaaaaa', { seed: 1 }), makeRun('b-head-bbbbbb', { seed: 2 })];
    const [trace] = classChanges(before, [before, after])!.data as { z: number[][]; text: string[][] }[];
    const change = 100 * (after.metrics.test!.perClass[0]!.f1 - before.metrics.test!.perClass[0]!.f1);
    expect(trace!.z).toHaveLength(1);
    expect(trace!.z[0]![0]).toBeCloseTo(change);
    expect(trace!.text[0]![0]).toMatch(change > 0 ? /^\+/ : /^−/);
  });

  it('need a run with the same classes', () => {
    const galaxies = makeGalaxyRun('c-head-cccccc');
    expect(classChanges(makeRun('a-head-aaaaaa'), [galaxies])).toBeUndefined();
    expect(classChanges(makeRun('a-head-aaaaaa'), [])).toBeUndefined();
  });
});
