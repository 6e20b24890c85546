import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { comparisonRows, describePlan, pendingOrExamples, planRetraining, type RetrainOutcome, retrain } from '../lib/corrections';
import { type LabelledPicture, picturesBySplit, readDataset } from '../lib/data';
import { readRun, readRuns } from '../lib/experiments';
import { findModel, readServed } from '../lib/models';
import { openPredictor } from '../lib/prediction';
import type { Progress } from '../lib/progress';
import { food } from '../lib/tasks';
import type { Workspace } from '../lib/workspace';
import { copyOfTrained, pendingHeader, type TestHome, tinySettings, writePending } from './pipeline.fixture';

const overrides = tinySettings;
let home: TestHome;
let workspace: Workspace;
let train: LabelledPicture[];

beforeAll(async () => {
  home = await copyOfTrained();
  workspace = home.workspace;
  train = picturesBySplit(await readDataset(workspace, food)).train;
});

/** Two pictures, corrected. */
async function correctTwo(): Promise<void> {
  await mkdir(workspace.correctionImages, { recursive: true });
  for (const [index, name] of ['one.jpg', 'two.jpg'].entries())
    await copyFile(train[index]!.path, path.join(workspace.correctionImages, name));
  await writePending(home, ['2026-03-01,images/one.jpg,0,1,0,pending', '2026-03-02,images/two.jpg,1,0,1,pending']);
}

/** Every file of the workspace with its size and the time of its last change. */
async function snapshot(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const states = await Promise.all(files.map(async (file) => ({ file, state: await stat(file) })));
  return states.map(({ file, state }) => `${file} ${state.size} ${state.mtimeMs}`).sort();
}

describe('without corrections', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['there is no file', () => rm(workspace.pendingCsv, { force: true })],
    ['the file has only its header', () => writePending(home, [])],
    ['all of them are done', () => writePending(home, ['2026-03-01,images/one.jpg,0,1,0,done'], pendingHeader)],
  ])('nothing can be planned or retrained: %s', async (_, arrange) => {
    await arrange();
    await expect(planRetraining({ workspace, task: food, overrides })).rejects.toMatchObject({ code: 'NO_CORRECTIONS' });
    await expect(retrain({ workspace, task: food, overrides })).rejects.toMatchObject({ code: 'NO_CORRECTIONS' });
  });

  it('examples are the training pictures that the model gets most wrong, and nothing is written', async () => {
    await rm(workspace.pendingCsv, { force: true });
    const before = await snapshot(home.home);
    const { corrections, areExamples } = await pendingOrExamples(workspace, food, 5);
    expect(areExamples).toBe(true);
    expect(corrections).toHaveLength(5);
    expect(await snapshot(home.home)).toEqual(before);

    const labels = new Map(train.map((picture) => [picture.path, picture.labels]));
    for (const correction of corrections) expect(correction.labels).toEqual(labels.get(correction.path));
    const predictor = await openPredictor(workspace, 'food');
    const errorOf = async (files: readonly string[]): Promise<number[]> => {
      const predictions = await predictor.predict(files);
      return predictions.map(({ probabilities }, row) =>
        Math.max(...labels.get(files[row]!)!.map((label, index) => Math.abs(label - probabilities[index]!))),
      );
    };
    const shown = corrections.map((one) => one.path);
    const others = train.map((picture) => picture.path).filter((file) => !shown.includes(file));
    const [worst, rest] = [await errorOf(shown), await errorOf(others)];
    await predictor.release();
    // Numbers differ in the last digits with the batch that a picture is in.
    expect(Math.min(...worst)).toBeGreaterThan(Math.max(...rest) - 1e-4);
  });
});

describe('a plan', () => {
  beforeAll(correctTwo);

  it('shows the pending corrections where there are any', async () => {
    const { corrections, areExamples } = await pendingOrExamples(workspace, food);
    expect(areExamples).toBe(false);
    expect(corrections.map(({ path: file, labels }) => [path.basename(file), labels])).toEqual([
      ['one.jpg', [0, 1, 0]],
      ['two.jpg', [1, 0, 1]],
    ]);
  });

  it('changes nothing', async () => {
    const before = await snapshot(home.home);
    await planRetraining({ workspace, task: food, overrides });
    expect(await snapshot(home.home)).toEqual(before);
  });

  it('counts every correction as often as the boost says, beside a sample of the training pictures', async () => {
    const plan = await planRetraining({ workspace, task: food, overrides });
    expect(plan.originals).toHaveLength(20);
    expect(plan.picturesPerEpoch).toBe(20 + 5 * 2);
    expect(new Set(plan.originals.map(({ filename }) => filename)).size).toBe(20);
    for (const { split } of plan.originals) expect(split).toBe('train');
    expect(describePlan(plan)).toMatch(
      /starts from .*-food-\w+-\w{6} .*\nlearns from {4}2 corrections × 5 and 20 pictures of the training split: 30 an epoch\n/,
    );
  });

  it('draws the same originals for the same seed, and others for another', async () => {
    const names = async (seed: number): Promise<string[]> => {
      const plan = await planRetraining({ workspace, task: food, overrides: { ...overrides, seed } });
      return plan.originals.map(({ filename }) => filename);
    };
    expect(await names(42)).toEqual(await names(42));
    expect(await names(43)).not.toEqual(await names(42));
  });

  it('takes all training pictures where there are fewer than it wants', async () => {
    const plan = await planRetraining({ workspace, task: food, overrides: { ...overrides, retraining: { originals: 10_000 } } });
    expect(plan.originals).toHaveLength(train.length);
  });

  it('has the recipe of the task by default', async () => {
    const { stage, picturesPerEpoch, originals } = await planRetraining({ workspace, task: food });
    expect(stage).toEqual({ name: 'retrain', trainableLayers: 15, learningRate: 1e-5, epochs: 3 });
    expect(picturesPerEpoch).toBe(originals.length + 25 * 2);
  });
});

describe('a retraining', () => {
  let outcome: RetrainOutcome;
  let base: string;
  let before: Buffer;
  const totals = new Set<number>();

  beforeAll(async () => {
    await correctTwo();
    const current = await findModel(workspace, 'food');
    base = current.card.runId;
    before = await readFile(current.onnx);
    // A rate at which two corrections show within one epoch.
    const retraining = { ...overrides.retraining, learningRate: 1e-3, boost: 10, epochs: 2 };
    const onProgress = (progress: Progress): unknown => progress.label === 'retrain' && totals.add(progress.total);
    outcome = await retrain({ workspace, task: food, overrides: { ...overrides, retraining }, onProgress });
  });

  it('learns from every correction as often as the boost says', () => {
    expect([...totals]).toEqual([2 * (20 + 10 * 2)]);
  });

  it('saves a new model beside the old one, which stays as it was and the current one', async () => {
    const current = await findModel(workspace, 'food');
    expect(current.card.runId).toBe(base);
    expect((await readFile(current.onnx)).equals(before)).toBe(true);
    const renewed = await findModel(workspace, 'food', outcome.run.id);
    expect(renewed.card).toMatchObject({ stage: 'retrain', classes: ['lacteos', 'arroz', 'frutas/verduras'] });
    expect((await readFile(renewed.onnx)).equals(before)).toBe(false);
  });

  it('leaves a record with what it came from, its recipe and the comparison', async () => {
    const record = await readRun(workspace, outcome.run.id);
    expect(record).toMatchObject({
      stage: 'retrain',
      status: 'finished',
      parent: base,
      config: { learningRate: 1e-3, trainableLayers: 6, epochs: 2 },
      extra: {
        corrections: 2,
        originals: 20,
        boost: 10,
        leftOut: { validation: 0, test: 0 },
        comparison: { test: {}, corrections: {} },
        gate: outcome.gate,
      },
    });
    expect(record.metrics.test?.count).toBe(36);
    const files = ['card.json', 'model.keras', 'model.onnx', 'predictions.csv.gz'];
    expect(record.artifacts.map(({ path: file }) => path.basename(file)).sort()).toEqual(files);
  });

  it('compares both models on the test split and on the corrections', async () => {
    const { test, corrections } = outcome.comparison!;
    expect([test.before.count, test.after.count, corrections.before.count, corrections.after.count]).toEqual([36, 36, 2, 2]);
    expect(corrections.after.loss).toBeLessThan(corrections.before.loss);
    const old = await readRun(workspace, base);
    expect(Math.abs(test.before.loss - old.metrics.test!.loss)).toBeLessThan(0.01);
    expect(Math.abs(test.after.loss - outcome.run.metrics.test!.loss)).toBeLessThan(0.02);

    const rows = comparisonRows(outcome.comparison!);
    expect(rows).toHaveLength(10);
    const loss = rows.find(({ pictures, metric }) => pictures === 'corrections (2)' && metric === 'loss')!;
    expect(loss.change).toBeCloseTo(corrections.after.loss - corrections.before.loss, 10);
  });

  it('judges the new model, and does not act on it', async () => {
    const { corrections, test } = outcome.comparison!;
    expect(outcome.gate).toMatchObject({
      corrections: { count: 2, after: Math.round(corrections.after.exactMatch * 2), lossAfter: corrections.after.loss },
      test: { metric: 'auc', count: 36, before: test.before.auc, after: test.after.auc, tolerance: 0.01 },
    });
    expect((await readServed(workspace, 'food'))!.history.map(({ run }) => run)).not.toContain(outcome.run.id);
  });

  it('leaves the corrections pending', async () => {
    expect(await readFile(workspace.pendingCsv, 'utf8')).toMatch(/pending\n.*pending\n/);
  });

  it('that is stopped at once keeps the current model, and its record says so', async () => {
    const runsBefore = (await readRuns(workspace)).runs.length;
    const { run, comparison } = await retrain({ workspace, task: food, overrides, signal: AbortSignal.abort() }).catch(async (error) => {
      expect(error.name).toBe('AbortError');
      return { run: (await readRuns(workspace)).runs.at(-1)!, comparison: undefined };
    });
    expect(run.status).toBe('interrupted');
    expect(comparison).toBeUndefined();
    expect((await readRuns(workspace)).runs).toHaveLength(runsBefore + 1);
    expect((await findModel(workspace, 'food')).card.runId).toBe(base);
  });

  it('refuses a correction that is no picture by its name, before anything is computed', async () => {
    const runsBefore = (await readRuns(workspace)).runs.length;
    await writeFile(path.join(workspace.correctionImages, 'bad.jpg'), 'no picture');
    await writePending(home, ['2026-03-01,images/bad.jpg,0,1,0,pending']);
    await expect(retrain({ workspace, task: food, overrides })).rejects.toMatchObject({
      code: 'UNREADABLE_PICTURE',
      message: expect.stringContaining('bad.jpg'),
    });
    expect((await readRuns(workspace)).runs).toHaveLength(runsBefore);
    expect((await findModel(workspace, 'food')).card.runId).toBe(base);
  });
});
