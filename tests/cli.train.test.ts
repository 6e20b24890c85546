import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../lib/engine';
import { type RunRecord, readPredictions, readRun, readRuns } from '../lib/experiments';
import { buildClassifier, findModel, kerasArchive } from '../lib/models';
import { openPredictor, predictFiles } from '../lib/prediction';
import { food } from '../lib/tasks';
import { runCommand, runThat, startCommand } from './cli.fixture';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';

/** A training that goes on until it is stopped. */
const endless = {
  VISIONBOOK_SETTINGS: JSON.stringify({
    ...tinySettings,
    patience: 5000,
    stages: [
      { name: 'head', trainableLayers: 0, learningRate: 1e-4, epochs: 5000 },
      { name: 'finetune', trainableLayers: 6, learningRate: 1e-5, epochs: 5000 },
    ],
  }),
};
const oneEpoch = '--set=stages=[{"name":"head","trainableLayers":0,"learningRate":1e-3,"epochs":1}]';

let home: TestHome;
let known: string[];
let current: string;

beforeAll(async () => {
  home = await copyOfTrained();
});
beforeEach(async () => {
  known = (await readRuns(home.workspace)).runs.map(({ id }) => id);
  current = await currentModel();
});

async function currentModel(): Promise<string> {
  return (await findModel(home.workspace, 'food')).card.runId;
}

/** That the task's current model can be used. */
async function expectUsableModel(run?: string): Promise<void> {
  const predictor = await openPredictor(home.workspace, 'food', run ? { run } : {});
  const [prediction] = await predictFiles(predictor, [path.join(home.workspace.datasetImages, 'test_0000001.jpg')]);
  await predictor.release();
  expect(prediction).toHaveProperty('decision');
}

const hasLearnt = ({ epochs, bestEpoch }: RunRecord): boolean => epochs.length >= 2 && bestEpoch !== undefined;

describe('train', () => {
  it('names the layer that weights of another shape do not fit', async () => {
    const file = path.join(home.home, 'narrow.keras');
    const { tf } = await loadTensorFlow();
    const narrow = buildClassifier(tf, { ...food, backbone: { name: 'mobilenet_v2', alpha: 0.35 }, dropout: 0 }, 1);
    await writeFile(file, await kerasArchive(narrow));
    narrow.model.dispose();
    const [wrong, none] = await Promise.all([
      runCommand(home, 'train', 'food', '--weights', file),
      runCommand(home, 'train', 'food', '--weights', home.workspace.labelsCsv),
    ]);
    expect([wrong.code, none.code]).toEqual([1, 1]);
    expect(wrong.stderr).toMatch(
      /narrow\.keras does not fit this model: layer Conv1 has shapes 3×3×3×16 there and 3×3×3×32 here.*\(WEIGHTS_MISMATCH\)/,
    );
    expect(none.stderr).toMatch(/labels\.csv cannot be read as Keras weights.*\(WEIGHTS_UNREADABLE\)/);
    expect((await readRuns(home.workspace)).runs).toHaveLength(known.length);
  });

  it('that is stopped by Ctrl-C saves the best so far and ends well', async () => {
    const command = startCommand(home, ['train', 'food'], endless);
    const { id } = await runThat(home, command, known, hasLearnt);
    command.child.kill('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('stopping after this step; the best so far is kept');
    expect(stdout).toContain(`interrupted: the best so far is saved\nthe current food model is ${id}\n`);
    const record = await readRun(home.workspace, id);
    expect(record).toMatchObject({ status: 'interrupted', stage: 'head', metrics: { test: { count: 36 } } });
    expect(record.artifacts).toHaveLength(4);
    expect((await readPredictions(home.workspace, id)).test.count).toBe(36);
    expect((await readRuns(home.workspace)).runs).toHaveLength(known.length + 1);
    await expectUsableModel();
  });

  it('that is killed counts as interrupted, and its half-done work harms nothing', async () => {
    const command = startCommand(home, ['train', 'food'], endless);
    const { id } = await runThat(home, command, known, hasLearnt);
    command.child.kill('SIGKILL');
    await command.ended;
    const record = await readRun(home.workspace, id);
    expect(record.status).toBe('interrupted');
    expect(record.epochs.length).toBeGreaterThanOrEqual(2);
    expect(await currentModel()).toBe(current);
    await expectUsableModel();
    await expectUsableModel(id);
  });

  it('may run twice at once, after all this', async () => {
    const both = await Promise.all([runCommand(home, 'train', 'food', oneEpoch), runCommand(home, 'train', 'food', oneEpoch)]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const { runs, problems } = await readRuns(home.workspace);
    const added = runs.filter(({ id }) => !known.includes(id));
    expect(problems).toEqual([]);
    expect(added.map(({ status, stage }) => [status, stage])).toEqual([
      ['finished', 'head'],
      ['finished', 'head'],
    ]);
    expect(added.map(({ id }) => id)).toContain(await currentModel());
    for (const { id } of added) await expectUsableModel(id);
    // The same seed and data: both learn the same.
    expect(added[0]!.metrics.test!.auc).toBeCloseTo(added[1]!.metrics.test!.auc!, 2);
  });

  it('that is stopped before it learns says that nothing was saved', async () => {
    await rm(home.workspace.activations, { recursive: true });
    const command = startCommand(home, ['train', 'food'], endless);
    const { id } = await runThat(home, command, known, () => true);
    command.child.kill('SIGINT');
    const { code, stdout, stderr } = await command.ended;
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toMatch(/stopped before anything was learnt: no model was saved, and the current one stays\n$/);
    expect(await readRun(home.workspace, id)).toMatchObject({ status: 'interrupted', epochs: [] });
    expect(await currentModel()).toBe(current);
    await expectUsableModel();
  });
});
