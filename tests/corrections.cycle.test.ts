import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type CycleOutcome,
  planRetraining,
  readPending,
  readRetraining,
  recordCorrection,
  resumeRetraining,
  retrainTask,
  shouldRetrain,
  undoCorrection,
} from '../lib/corrections';
import { picturesBySplit, readDataset } from '../lib/data';
import { thisProcess } from '../lib/experiments';
import { findModel, promote, readServed, rollback } from '../lib/models';
import type { Progress } from '../lib/progress';
import { food, type SettingsOverrides } from '../lib/tasks';
import type { Workspace } from '../lib/workspace';
import { copyOfTrained, tinySettings } from './pipeline.fixture';

/** Learns the corrections whatever the test split says. */
const learning = { ...tinySettings.retraining, boost: 10, epochs: 2, learningRate: 1e-3, tolerance: 1 };
/** Learns nothing but the corrections, and wrecks the rest; nothing may be lost. */
const wrecking = { ...tinySettings.retraining, originals: 0, boost: 10, learningRate: 1e-2, tolerance: 0 };

vi.setConfig({ testTimeout: 180_000 });

let workspace: Workspace;
let base: string;
let pictures: string[];

beforeEach(async () => {
  workspace = (await copyOfTrained()).workspace;
  base = (await findModel(workspace, 'food')).card.runId;
  pictures = picturesBySplit(await readDataset(workspace, food)).train.map((picture) => picture.path);
});

/** Says of a training picture that it shows rice alone. */
async function correct(index: number, labels: readonly number[] = [0, 1, 0]) {
  return recordCorrection(workspace, food, { content: await readFile(pictures[index]!), labels });
}
const cycle = (retraining: SettingsOverrides['retraining'], more: object = {}): Promise<CycleOutcome> =>
  retrainTask({ workspace, task: food, overrides: { ...tinySettings, retraining }, ...more });
const state = () => readRetraining(workspace, food);
const status = (): Promise<string> => readFile(workspace.retrainingStatus, 'utf8');
const served = async (): Promise<string> => (await findModel(workspace, 'food')).card.runId;
const readCsv = async (file: string): Promise<Record<string, string>[]> => parse(await readFile(file, 'utf8'), { columns: true });
/** Calls `work` when training makes its first step. */
function onFirstStep(work: () => unknown): (progress: Progress) => void {
  let isFirst = true;
  return ({ label }) => {
    if (label === 'retrain' && isFirst) {
      isFirst = false;
      work();
    }
  };
}

describe('a cycle', () => {
  it('promotes a better model, and moves its corrections to the history with what it reached', async () => {
    for (const index of [0, 1, 2]) await correct(index);
    const states: string[] = [];
    const onProgress = (): unknown => state().then(({ status: now, stage }) => states.push(`${now} ${stage}`));
    const outcome = await cycle(learning, { onProgress });
    expect(outcome).toMatchObject({ verdict: 'promoted', gate: { verdict: 'promoted', corrections: { count: 3 }, test: { count: 36 } } });
    expect(await served()).toBe(outcome.run);
    const now = await readServed(workspace, 'food');
    expect(now!.history.at(-1)).toMatchObject({ kind: 'promoted', run: outcome.run, previous: base, reason: outcome.reason });

    expect(await readPending(workspace, food)).toEqual([]);
    const rows = await readCsv(outcome.history!);
    expect(path.basename(outcome.history!)).toMatch(/^retrain_\d{8}T\d{6}Z\.csv$/);
    expect(rows).toHaveLength(3);
    const { gate } = outcome;
    for (const row of rows) {
      expect(row).toMatchObject({ arroz: '1', lacteos: '0', status: 'retrained', run: outcome.run, parent: base });
      expect(Number(row.right_after)).toBe(gate!.corrections.after);
      expect(Number(row.test_auc_after)).toBe(gate!.test.after);
      expect((await readFile(path.join(workspace.corrections, row.image_path!))).length).toBeGreaterThan(0);
    }
    expect(await state()).toMatchObject({ status: 'idle', pending: 0, fresh: 0, last: { verdict: 'promoted', run: outcome.run } });
    expect(await status()).toBe('STATUS:idle\nWaiting for corrections... (0/10)\n');
    for (const stage of ['planning', 'frozen layers', 'training', 'gate']) expect(states).toContain(`running ${stage}`);

    expect((await rollback(workspace, 'food')).run).toBe(base);
  });

  it('keeps a worse model as rejected with the reason, and its corrections pending', async () => {
    for (const index of [0, 1]) await correct(index);
    const before = await readFile(workspace.pendingCsv, 'utf8');
    const outcome = await cycle(wrecking);
    expect(outcome).toMatchObject({ verdict: 'rejected', reason: expect.stringContaining('it may be worse on the test split') });
    expect(outcome).not.toHaveProperty('history');
    expect(await served()).toBe(base);
    expect((await readServed(workspace, 'food'))!.history.at(-1)).toMatchObject({
      kind: 'rejected',
      run: outcome.run,
      reason: outcome.reason,
    });
    expect((await findModel(workspace, 'food', outcome.run)).card.stage).toBe('retrain');
    expect(await readFile(workspace.pendingCsv, 'utf8')).toBe(before);
    expect(await state()).toMatchObject({ status: 'idle', pending: 2, fresh: 0, last: { verdict: 'rejected', run: outcome.run } });
    expect(await status()).toBe('STATUS:idle\nWaiting for corrections... (0/10), and 2 that a retraining has tried\n');
  });

  it('leaves corrections pending that are made, replaced or undone while it runs', async () => {
    const corrected = [await correct(0), await correct(1), await correct(2)];
    let meanwhile: Promise<unknown> | undefined;
    const onProgress = onFirstStep(() => {
      meanwhile = Promise.all([correct(1, [1, 0, 0]), correct(3), undoCorrection(workspace, food, corrected[2]!.correction.sha256)]);
    });
    const outcome = await cycle(learning, { onProgress });
    await meanwhile;
    expect(outcome.verdict).toBe('promoted');
    const [second, fourth] = [corrected[1]!.correction.path, await readPending(workspace, food).then((all) => all.at(-1)!.path)];
    expect((await readPending(workspace, food)).map(({ path: file, labels }) => [file, labels])).toEqual([
      [second, [1, 0, 0]],
      [fourth, [0, 1, 0]],
    ]);
    const rows = await readCsv(outcome.history!);
    expect(rows.map((row) => path.join(workspace.corrections, row.image_path!))).toEqual(
      corrected.map(({ correction }) => correction.path),
    );
    for (const { correction } of corrected) await readFile(correction.path);
    expect(await state()).toMatchObject({ pending: 2, fresh: 2 });
  });

  it('runs once at a time', async () => {
    await correct(0);
    let refused: Promise<unknown> | undefined;
    const onProgress = onFirstStep(() => {
      refused = cycle(learning).catch((error) => error);
    });
    await cycle(learning, { onProgress });
    expect(await refused).toMatchObject({
      code: 'RETRAINING_RUNNING',
      status: 409,
      message: expect.stringContaining(`process ${process.pid}`),
    });
  });

  it('does not take the place of a model that came to serve meanwhile', async () => {
    await correct(0);
    const other = (await readdir(path.dirname(workspace.currentModel('food')))).find((name) => /food-/.test(name) && name !== base)!;
    let promoted: Promise<unknown> | undefined;
    const onProgress = onFirstStep(() => {
      promoted = promote(workspace, 'food', other, 'by hand');
    });
    const outcome = await cycle(learning, { onProgress });
    await promoted;
    expect(outcome).toMatchObject({ verdict: 'rejected', reason: expect.stringMatching(/another model came to serve meanwhile/) });
    expect(await served()).toBe(other);
    expect(await readPending(workspace, food)).toHaveLength(1);
  });

  it('that cannot be done says why, and is not tried again by itself', async () => {
    await correct(0);
    await rm(workspace.labelsCsv);
    await expect(cycle(learning)).rejects.toMatchObject({ code: 'DATASET_MISSING' });
    const now = await readRetraining(workspace, food);
    expect(now).toMatchObject({ status: 'failed', message: expect.stringContaining('labels.csv'), pending: 1, fresh: 0 });
    expect(await status()).toMatch(/^STATUS:failed\n.*labels\.csv.*\n$/);
    expect(shouldRetrain(now)).toBe(false);
    expect(await served()).toBe(base);
  });

  it('needs a correction', async () => {
    await expect(cycle(learning)).rejects.toMatchObject({ code: 'NO_CORRECTIONS' });
    expect(await state()).toMatchObject({ status: 'idle', pending: 0 });
  });

  it.each<[string, (stop: AbortController) => object]>([
    ['while it trains', (stop) => ({ onProgress: onFirstStep(() => stop.abort()) })],
    ['while it judges', (stop) => ({ onPhase: (phase: string) => phase === 'gate' && stop.abort() })],
  ])('that is stopped %s is taken up again', async (_, watch) => {
    await correct(0);
    const stop = new AbortController();
    const outcome = await cycle(learning, { ...watch(stop), signal: stop.signal });
    expect(outcome).not.toHaveProperty('verdict');
    const now = await state();
    expect(now).toMatchObject({ status: 'waiting', pending: 1, message: expect.stringContaining('cut short') });
    expect(shouldRetrain(now)).toBe(true);
    expect(await status()).toMatch(/^STATUS:idle\nA retraining was cut short/);
    expect(await served()).toBe(base);

    const resumed = await resumeRetraining({ workspace, task: food, overrides: { ...tinySettings, retraining: learning } });
    expect(resumed).toMatchObject({ verdict: 'promoted' });
    expect(await served()).toBe(resumed!.run);
    expect(await resumeRetraining({ workspace, task: food })).toBeUndefined();
  });
});

describe('what is measured', () => {
  it('is no picture that was corrected, nor a copy of one', async () => {
    const { validation, test } = picturesBySplit(await readDataset(workspace, food));
    await mkdir(workspace.correctionImages, { recursive: true });
    const { default: sharp } = await import('sharp');
    await copyFile(test[0]!.path, path.join(workspace.correctionImages, 'same.jpg'));
    await writeFile(
      path.join(workspace.correctionImages, 'smaller.jpg'),
      await sharp(validation[1]!.path).resize(150, 150).jpeg({ quality: 60 }).toBuffer(),
    );
    await copyFile(pictures[0]!, path.join(workspace.correctionImages, 'training.jpg'));
    const rows = ['same', 'smaller', 'training'].map((name) => `2026-03-01,images/${name}.jpg,0,1,0,pending`);
    await writeFile(workspace.pendingCsv, ['timestamp,image_path,lacteos,arroz,frutas/verduras,status', ...rows, ''].join('\n'));

    const plan = await planRetraining({ workspace, task: food, overrides: tinySettings });
    expect(plan.leftOut).toEqual({ validation: 1, test: 1 });
    expect(plan.test.map(({ filename }) => filename)).toEqual(test.slice(1).map(({ filename }) => filename));
    expect(plan.validation.map(({ filename }) => filename)).not.toContain(validation[1]!.filename);

    const { retrained, gate } = await cycle(learning);
    expect(retrained!.run.metrics.test!.count).toBe(35);
    expect(retrained!.run.metrics.validation!.count).toBe(35);
    expect(retrained!.run.extra).toMatchObject({ leftOut: { validation: 1, test: 1 }, gate: { test: { count: 35 } } });
    expect(gate!.test.count).toBe(35);
  });
});

describe('a retraining is due', () => {
  const minimumOf = (count: string) => {
    process.env.MIN_CORRECTIONS = count;
  };
  beforeEach(() => {
    delete process.env.MIN_CORRECTIONS;
  });

  it('from MIN_CORRECTIONS on', async () => {
    minimumOf('2');
    await correct(0);
    expect(await state()).toMatchObject({ status: 'idle', pending: 1, minimum: 2 });
    await correct(1);
    const now = await state();
    expect(now).toMatchObject({ status: 'waiting', pending: 2, minimum: 2, message: 'Enough corrections to retrain (2/2)' });
    expect(shouldRetrain(now)).toBe(true);
  });

  it('after a rejection when there are as many new ones, of the same pictures too', async () => {
    minimumOf('2');
    for (const index of [0, 1]) await correct(index);
    await cycle(wrecking);
    expect(shouldRetrain(await state())).toBe(false);
    await correct(0, [0, 0, 1]);
    expect(await state()).toMatchObject({ status: 'idle', pending: 2, fresh: 1 });
    await correct(2);
    expect(await state()).toMatchObject({ status: 'waiting', pending: 3, fresh: 2 });
    minimumOf('3');
    expect((await state()).status).toBe('idle');
  });

  it('not while one runs', async () => {
    minimumOf('1');
    await correct(0);
    const now = new Date().toISOString();
    const attempt = {
      startedAt: now,
      updatedAt: now,
      process: thisProcess(),
      corrections: [],
      stage: 'training',
      progress: 0.5,
      epoch: 2,
      epochs: 3,
      etaSeconds: 20,
    };
    await writeFile(workspace.retrainingJournal, JSON.stringify({ schemaVersion: 1, attempt }));
    const running = await state();
    expect(running).toMatchObject({
      status: 'running',
      stage: 'training',
      progress: 0.5,
      epoch: 2,
      epochs: 3,
      pid: process.pid,
      message: 'Retraining: training, epoch 2/3 (50 %, about 20 s left)',
    });
    expect(shouldRetrain(running)).toBe(false);
  });

  it('not where files cannot be used, which the state says', async () => {
    await correct(0);
    await writeFile(workspace.retrainingJournal, '{');
    expect(await state()).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/retraining\.json cannot be used: .*Remove it/),
    });
    await expect(cycle(learning)).rejects.toMatchObject({ code: 'BAD_JOURNAL' });
    await rm(workspace.retrainingJournal);
    await writeFile(workspace.pendingCsv, 'nonsense');
    expect(await state()).toMatchObject({ status: 'failed', message: expect.stringContaining('pending.csv cannot be used') });
  });
});
