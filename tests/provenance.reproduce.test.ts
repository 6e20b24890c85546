import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { retrainTask } from '../lib/corrections';
import { picturesBySplit, readDataset } from '../lib/data';
import { type RunRecord, readRun, readRuns } from '../lib/experiments';
import { readServed } from '../lib/models';
import { checkReproduction, describeCheck, describeReproduction, matchRuns, reproduceRun } from '../lib/provenance';
import { food } from '../lib/tasks';
import { runCommand } from './cli.fixture';
import { copyOfTrained, type TestHome, tinySettings, writePending } from './pipeline.fixture';
import { makeRun } from './report.fixtures';

let home: TestHome;
let head: RunRecord;
let finetune: RunRecord;

beforeAll(async () => {
  home = await copyOfTrained();
  [head, finetune] = (await readRuns(home.workspace)).runs as [RunRecord, RunRecord];
});

/** A record that says something else than what happened. */
const claiming = (changes: Partial<RunRecord>): RunRecord => ({ ...head, ...changes });
const check = (run: RunRecord) => checkReproduction({ workspace: home.workspace, run });

/** Every file of the home with the time of its last change. */
async function snapshot(): Promise<string[]> {
  const entries = await readdir(home.home, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return (await Promise.all(files.map(async (file) => `${file} ${(await stat(file)).mtimeMs}`))).sort();
}

describe('a check', () => {
  it('finds data, weights, versions and the machine unchanged, and writes nothing', async () => {
    const before = await snapshot();
    const { lineage, conditions, obstacles } = await check(finetune);
    expect(lineage.map(({ id }) => id)).toEqual([head.id, finetune.id]);
    expect(obstacles).toEqual([]);
    const unchanged = conditions.filter(({ now }) => now === 'the same').map(({ what }) => what);
    expect(unchanged).toEqual(['data set', 'weights', 'versions', 'machine']);
    expect(await snapshot()).toEqual(before);
  });

  it.each<[string, Partial<RunRecord>, string[]]>([
    ['a package', { versions: { node: '18.0.0' } }, ['node']],
    [
      'the machine',
      { hardware: { cpu: 'a slow one', cores: 64, memoryGiB: 8, platform: 'linux x64', backend: 'wasm' } },
      ['processor', 'cores', 'backend'],
    ],
    ['the code', { git: { commit: '0'.repeat(40), dirty: false } }, ['code']],
  ])('names %s that differs, and lets the run be repeated', async (_, changes, names) => {
    const { conditions, obstacles, isExact } = await check(claiming(changes));
    const differing = conditions.filter(({ effect }) => effect === 'expected').map(({ what }) => what);
    expect(differing).toEqual(expect.arrayContaining(names));
    expect({ obstacles, isExact }).toEqual({ obstacles: [], isExact: false });
  });

  it.each<[string, () => Partial<RunRecord>, RegExp]>([
    [
      'another data set',
      () => ({ data: { ...head.data, fingerprint: 'f'.repeat(64), counts: { train: 90, validation: 36, test: 36 } } }),
      /its data set was sample f{12} \(90 \+ 36 \+ 36 pictures\), and is now sample [\da-f]{12} \(88 \+ 36 \+ 36 pictures\): npm run prepare -- food/,
    ],
    [
      'weights that are not here',
      () => ({ weights: { source: 'own.h5', sha256: 'e'.repeat(64), isStandIn: false } }),
      /its weights, own\.h5 .*--weights/,
    ],
    ['an end without numbers', () => ({ status: 'failed', metrics: {} }), /is failed, and its model was never measured/],
    ['no end', () => ({ status: 'running' }), /goes on: wait for its end/],
    [
      'a parent whose record is gone',
      () => ({ parent: '20200101T000000Z-food-head-aaaaaa' }),
      /it continues 2020.*nothing is known of that any more/,
    ],
    [
      'a trial of a sweep',
      () => ({ sweep: { id: 's1', trial: '3' }, metrics: { validation: head.metrics.validation } }),
      /is a trial of the sweep s1/,
    ],
  ])('says that a run cannot be repeated, and why: %s', async (_, changes, words) => {
    const run = claiming(changes());
    const found = await check(run);
    expect(found.obstacles).toHaveLength(1);
    expect(found.obstacles[0]).toMatch(words);
    expect(describeCheck(found)).toContain(`it cannot be run again as it was:\n  ${found.obstacles[0]}`);
    await expect(reproduceRun({ workspace: home.workspace, run })).rejects.toMatchObject({
      code: 'CANNOT_REPRODUCE',
      message: expect.stringMatching(words),
    });
  });

  it('says that the data set is gone', async () => {
    const labels = await readFile(home.workspace.labelsCsv);
    await rm(home.workspace.labelsCsv);
    const { obstacles } = await check(head);
    const { code, stdout, stderr } = await runCommand(home, 'reproduce', head.id.slice(-6));
    await writeFile(home.workspace.labelsCsv, labels);
    expect(obstacles).toEqual([expect.stringMatching(/its data set sample .* is gone \(there is no data set/)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('(CANNOT_REPRODUCE)');
  });

  it('is the command with --check, which names the run by its end', async () => {
    const { code, stdout } = await runCommand(home, 'reproduce', finetune.id.slice(-6), '--check');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${finetune.id}: head with seed 42, then finetune with seed 42\n`));
    expect(stdout).toMatch(/weights +nsfwjs MobileNetV2 .* the same/);
  });
});

describe('a reproduction', () => {
  it('of a stage runs those before it too, comes out the same to the last bit, and serves nobody', async () => {
    const served = await readServed(home.workspace, 'food');
    const reproduction = await reproduceRun({ workspace: home.workspace, run: finetune });
    const [first, second] = reproduction.runs;
    expect(reproduction.runs.map(({ match }) => match?.outcome)).toEqual(['identical', 'identical']);
    expect(reproduction.isAsExpected).toBe(true);
    expect(await readRun(home.workspace, second!.again.id)).toMatchObject({
      reproduces: finetune.id,
      parent: first!.again.id,
      config: finetune.config,
      status: 'finished',
    });
    expect(first!.again.reproduces).toBe(head.id);
    expect(await readServed(home.workspace, 'food')).toEqual(served);
    expect(describeReproduction(reproduction)).toContain('identical, every number and every prediction to the last bit');
    const card = await readFile(path.join(home.workspace.model('food', second!.again.id), 'CARD.md'), 'utf8');
    expect(card).toContain(`It is a reproduction of \`${finetune.id}\``);
  });

  it('goes by the record, whatever the settings of the day are', async () => {
    process.env.VISIONBOOK_SETTINGS = JSON.stringify({ dropout: 0.5, seed: 7, batchSize: 8 });
    const { runs } = await reproduceRun({ workspace: home.workspace, run: head }).finally(() => delete process.env.VISIONBOOK_SETTINGS);
    expect(runs.map(({ match }) => match?.outcome)).toEqual(['identical']);
  });

  it('that is stopped keeps what was repeated whole, and says that it was stopped', async () => {
    const controller = new AbortController();
    const reproduction = await reproduceRun({
      workspace: home.workspace,
      run: finetune,
      signal: controller.signal,
      onProgress: ({ label, done }) => {
        if (label === 'finetune' && done > 0) controller.abort(new DOMException('stopped', 'AbortError'));
      },
    });
    expect(reproduction.isAsExpected).toBeUndefined();
    expect(reproduction.runs[0]?.match?.outcome).toBe('identical');
    expect(reproduction.runs[1]?.match).toBeUndefined();
    expect(describeReproduction(reproduction)).toMatch(/interrupted: what was not repeated whole is not compared$/);
  });
});

describe('a reproduction of a retraining', () => {
  let retrained: RunRecord;

  beforeAll(async () => {
    const { workspace } = home;
    const { train } = picturesBySplit(await readDataset(workspace, food));
    await mkdir(workspace.correctionImages, { recursive: true });
    for (const [index, name] of ['one.jpg', 'two.jpg'].entries())
      await copyFile(train[index]!.path, path.join(workspace.correctionImages, name));
    await writePending(home, ['2026-03-01,images/one.jpg,0,1,0,pending', '2026-03-02,images/two.jpg,1,0,1,pending']);
    const retraining = { ...tinySettings.retraining, tolerance: 1, learningRate: 1e-3 };
    const { run, verdict } = await retrainTask({ workspace, task: food, overrides: { ...tinySettings, retraining } });
    expect(verdict).toBe('promoted'); // so that the corrections are in the history
    retrained = await readRun(workspace, run!);
  }, 60_000);

  it('learns the corrections in the history again, from the model that it began from', async () => {
    const { runs, isAsExpected, check: found } = await reproduceRun({ workspace: home.workspace, run: retrained });
    expect(found.conditions).toContainEqual(expect.objectContaining({ what: 'corrections', now: 'the same, from the history' }));
    expect(runs.map(({ run, again, match }) => [run.id, again.parent, match?.outcome])).toEqual([
      [retrained.id, retrained.parent, 'identical'],
    ]);
    expect(isAsExpected).toBe(true);
    expect(runs[0]!.again.extra?.gate).toEqual(retrained.extra?.gate);
    expect((await readServed(home.workspace, 'food'))!.run).toBe(retrained.id);
  });

  it('trains what it began from anew where that model is gone', async () => {
    const folder = home.workspace.model('food', retrained.parent!);
    await rm(path.join(folder, 'model.keras'));
    const { lineage, obstacles } = await check(retrained);
    expect(obstacles).toEqual([]);
    expect(lineage.at(-2)?.id).toBe(retrained.parent);
    expect(lineage[0]?.id).toBe(head.id);
    const { runs } = await reproduceRun({ workspace: home.workspace, run: retrained });
    expect(runs.map(({ match }) => match?.outcome)).toEqual(lineage.map(() => 'identical'));
    expect(runs.at(-1)!.again.parent).toBe(runs.at(-2)!.again.id);
  });

  it('says which picture is gone or has changed', async () => {
    await rm(path.join(home.workspace.correctionImages, 'two.jpg'));
    const { obstacles } = await check(retrained);
    expect(obstacles).toEqual([expect.stringMatching(/1 of the pictures that .*retrain.* learnt are gone or changed, such as .*two\.jpg/)]);
  });

  it('says that what a rejected model learnt is not known, unless it is pending still', async () => {
    const [history] = await readdir(home.workspace.correctionHistory);
    const file = path.join(home.workspace.correctionHistory, history!);
    const { train } = picturesBySplit(await readDataset(home.workspace, food));
    await copyFile(train[1]!.path, path.join(home.workspace.correctionImages, 'two.jpg'));
    await rm(file);
    expect((await check(retrained)).obstacles).toEqual([
      expect.stringMatching(/what .* learnt is not known any more: only corrections of a promoted model/),
    ]);
    await writePending(home, ['2026-03-01,images/one.jpg,0,1,0,pending', '2026-03-02,images/two.jpg,1,0,1,pending']);
    const { obstacles, conditions } = await check(retrained);
    expect(obstacles).toEqual([]);
    expect(conditions).toContainEqual(expect.objectContaining({ what: 'corrections', now: 'the same, still pending' }));
  });
});

describe('two runs', () => {
  const run = makeRun('a');
  const withAuc = (auc: number): RunRecord => ({ ...run, id: 'b', metrics: { ...run.metrics, test: { ...run.metrics.test!, auc } } });
  const auc = run.metrics.test!.auc!;

  it.each([
    ['every number is the same', run, 'identical'],
    [
      'they took other times',
      { ...run, timings: { training: 1 }, epochs: run.epochs.map((epoch) => ({ ...epoch, seconds: 9 })) },
      'identical',
    ],
    ['a metric differs in its last bit', withAuc(auc + Number.EPSILON), 'close'],
    ['a metric differs by as much as is allowed', withAuc(auc - 0.0099), 'close'],
    ['a metric differs by more', withAuc(auc - 0.0101), 'different'],
    ['another epoch was the best', { ...run, bestEpoch: 3 }, 'close'],
    [
      'one has a number that the other does not know yet',
      { ...run, metrics: { ...run.metrics, test: { ...run.metrics.test!, ece: 0.1 } } },
      'identical',
    ],
  ] as [string, RunRecord, string][])('match where %s', (_, other, outcome) => {
    expect(matchRuns(run, other).outcome).toBe(outcome);
    expect(matchRuns(other, run).outcome).toBe(outcome);
  });

  it('may differ by two pictures where a split is so small that these are more', () => {
    const ofForty = (exactMatch: number): RunRecord => ({ ...run, metrics: { test: { ...run.metrics.test!, count: 40, exactMatch } } });
    expect(matchRuns(ofForty(0.5), ofForty(0.55)).outcome).toBe('close');
    expect(matchRuns(ofForty(0.5), ofForty(0.575)).outcome).toBe('different');
  });

  it('do not match to the last bit where a prediction differs', () => {
    const withPredictions = (sha256: string): RunRecord => ({
      ...run,
      artifacts: [{ path: 'experiments/a/predictions.csv.gz', sha256, bytes: 1 }],
    });
    expect(matchRuns(withPredictions('a'), withPredictions('b')).outcome).toBe('close');
    expect(matchRuns(withPredictions('a'), run).outcome).toBe('identical');
  });
});
