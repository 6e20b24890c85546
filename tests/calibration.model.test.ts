import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { calibrateModel, parseGoal, readCalibration, readCalibrations, resetCalibration } from '../lib/calibration';
import { predictionsFile, type RunRecord, readPredictions } from '../lib/experiments';
import { calibrationReportFile, findModel, modelFiles, promote } from '../lib/models';
import { atTemperature, openPredictor } from '../lib/prediction';
import { calibrationFigures, calibrationRows, describeCalibration, thresholdRows } from '../lib/report';
import { food, galaxy } from '../lib/tasks';
import type { Workspace } from '../lib/workspace';
import { numbers, putSimulated } from './compare.fixture';
import { blobs } from './data.fixtures';
import { temporaryWorkspace } from './experiments.helpers';
import { foodModel, galaxyClasses, galaxyModel, saveRun } from './served.fixture';

const foodRun = '20260301T090507Z-food-head-abc123';
const galaxyRun = '20260301T090507Z-galaxy-head-abc123';
const resamples = 200;
let model: Uint8Array;
let picture: Buffer;
let workspace: Workspace;
let run: RunRecord;

beforeAll(async () => {
  [model, picture] = await Promise.all([foodModel(1), blobs('a picture', 320, 240)]);
});
beforeEach(async () => {
  workspace = temporaryWorkspace();
  await saveRun(workspace, 'food', foodRun, model);
  await promote(workspace, 'food', foodRun, 'test');
  run = await putSimulated(workspace, { id: foodRun, skill: 3 });
});

async function everyFile(): Promise<Record<string, string>> {
  const folder = workspace.model('food', foodRun);
  const names = (await readdir(folder)).filter((name) => name !== 'CARD.md');
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(path.join(folder, name), 'base64')] as const)),
  );
}

async function predictionOf(options: { calibrated?: boolean } = {}) {
  const predictor = await openPredictor(workspace, 'food', options);
  const [prediction] = await predictor.predict([picture]);
  await predictor.release();
  return prediction!;
}

describe('a calibration', () => {
  it('is written to the card, and nothing else of the model or its run changes', async () => {
    const before = await everyFile();
    const record = await readFile(path.join(workspace.experiment(foodRun), 'run.json'), 'utf8');
    const { decision } = await calibrateModel({ workspace, task: food, goal: { kind: 'f1' }, resamples });
    const after = await everyFile();
    expect(Object.keys(after).sort()).toEqual(['calibration.json', 'card.json', 'model.onnx']);
    expect(after['model.onnx']).toBe(before['model.onnx']);
    const card = (name: typeof before): object => JSON.parse(Buffer.from(name['card.json']!, 'base64').toString());
    expect(card(after)).toEqual({ ...card(before), decision });
    expect((await findModel(workspace, 'food')).card.decision).toEqual(decision);
    expect(decision).toMatchObject({ threshold: 0.5, noneBelow: 0.45, temperature: expect.any(Number) });
    expect(decision.thresholds).toHaveLength(3);
    expect(await readFile(path.join(workspace.experiment(foodRun), 'run.json'), 'utf8')).toBe(record);
  });

  it('is what predictions follow from then on, unless they are asked not to', async () => {
    const trained = await predictionOf();
    const { decision } = await calibrateModel({ workspace, task: food, resamples });
    const { probabilities } = await predictionOf();
    expect(decision.temperature).not.toBe(1);
    expect(probabilities).toEqual([...atTemperature(Float32Array.from(trained.probabilities), decision.temperature!, 3)]);
    expect(await predictionOf({ calibrated: false })).toEqual(trained);
  });

  it('has thresholds only for a goal', async () => {
    const { decision, thresholds } = await calibrateModel({ workspace, task: food, resamples });
    expect([decision.thresholds, thresholds]).toEqual([undefined, undefined]);
  });

  it('changes nothing as a dry run', async () => {
    const before = await everyFile();
    await calibrateModel({ workspace, task: food, goal: { kind: 'f1' }, dryRun: true, resamples });
    expect(await everyFile()).toEqual(before);
  });

  it('can be taken back: every byte is then as before', async () => {
    const before = await everyFile();
    const trained = await predictionOf();
    await calibrateModel({ workspace, task: food, goal: { kind: 'f1' }, resamples });
    await calibrateModel({ workspace, task: food, goal: { kind: 'precision', atLeast: 0.9 }, resamples });
    expect(await resetCalibration(workspace, food)).toBe(foodRun);
    expect(await everyFile()).toEqual(before);
    expect(await predictionOf()).toEqual(trained);
    await expect(resetCalibration(workspace, food)).rejects.toMatchObject({ code: 'NOT_CALIBRATED' });
  });

  it('begins with the model as it was trained, also where it was calibrated before', async () => {
    const first = await calibrateModel({ workspace, task: food, resamples });
    const again = await calibrateModel({ workspace, task: food, resamples });
    expect({ ...again, createdAt: first.createdAt }).toEqual(first);
  });

  it('leaves what it does not know of in a card', async () => {
    const { card } = modelFiles(workspace, 'food', foodRun);
    await writeFile(card, JSON.stringify({ ...JSON.parse(await readFile(card, 'utf8')), comment: 'mine' }));
    await calibrateModel({ workspace, task: food, resamples });
    expect(JSON.parse(await readFile(card, 'utf8'))).toMatchObject({ comment: 'mine', decision: { temperature: expect.any(Number) } });
  });

  it('of galaxies is a temperature, after which the answers are the same', async () => {
    await saveRun(workspace, 'galaxy', galaxyRun, await galaxyModel(1));
    await putSimulated(workspace, { id: galaxyRun, classes: galaxyClasses, record: { kind: 'multiclass', task: 'galaxy' } });
    const { decision, splits } = await calibrateModel({ workspace, task: galaxy, run: galaxyRun, resamples });
    expect(Object.keys(decision)).toEqual(['threshold', 'noneBelow', 'temperature']);
    expect(splits.test.after.accuracy).toBe(splits.test.before.accuracy);
    expect(splits.validation.after.loss).toBeLessThan(splits.validation.before.loss);
    await expect(calibrateModel({ workspace, task: galaxy, run: galaxyRun, goal: { kind: 'f1' } })).rejects.toMatchObject({
      code: 'NO_THRESHOLDS',
    });
  });
});

describe('the report of a calibration', () => {
  it('says what test makes of it, and reads back as it was written', async () => {
    const report = await calibrateModel({ workspace, task: food, goal: { kind: 'f1' }, resamples });
    expect(await readCalibration(workspace, run)).toEqual(report);
    const { test, validation } = report.splits;
    expect(validation.differences.loss!.difference).toBeLessThan(0);
    expect(test.differences.ece!.interval.low).toBeLessThan(test.differences.ece!.interval.high);
    const { labels } = (await readPredictions(workspace, foodRun)).test;
    expect(test.before.reliability!.reduce((sum, { count }) => sum + count, 0)).toBe(labels.length);
    const text = describeCalibration(report);
    expect(text).toContain(`${foodRun}\ntemperature ${report.decision.temperature}, thresholds for the highest F1 of each class\n`);
    expect(text).toMatch(/\ntest +Calibration error ↓ +0\.\d+ +0\.\d+ +[+−]0\.\d{4} +.* (better|worse|not shown)\n/);
    expect(text).toContain('note: thresholds are chosen on validation');
    expect(calibrationRows(report)).toHaveLength(8);
    expect(thresholdRows(report).map((row) => row.class)).toEqual(report.classes);
    expect(calibrationFigures(report).map(({ layout }) => JSON.stringify(layout.title))).toEqual([
      expect.stringContaining('Before calibration, test'),
      expect.stringContaining('Calibrated, test'),
    ]);
  });

  it('says where a goal cannot be reached, and the class keeps its threshold', async () => {
    const impossible = await putSimulated(workspace, { id: foodRun, skill: 0, numbers: numbers(0, 80) });
    const report = await calibrateModel({ workspace, task: food, goal: parseGoal('precision=1'), dryRun: true, resamples });
    const missed = report.thresholds!.filter(({ problem }) => problem);
    expect(missed.length).toBeGreaterThan(0);
    for (const { name, threshold } of missed) {
      expect(threshold).toBe(0.5);
      expect(describeCalibration(report)).toContain(
        `cannot be reached for ${name}, as on validation no threshold has more precision than 0.`,
      );
    }
    expect(impossible.id).toBe(report.run);
  });

  it('is listed by run, and one that is damaged is a problem that says what to do', async () => {
    expect((await readCalibrations(workspace, [run])).calibrations.size).toBe(0);
    await calibrateModel({ workspace, task: food, resamples });
    expect([...(await readCalibrations(workspace, [run])).calibrations.keys()]).toEqual([foodRun]);
    await writeFile(calibrationReportFile(workspace, 'food', foodRun), '{"schemaVersion":1}');
    const { calibrations, problems } = await readCalibrations(workspace, [run]);
    expect(calibrations.size).toBe(0);
    expect(problems).toEqual([
      { path: expect.stringContaining('calibration.json'), reason: expect.stringContaining('npm run calibrate -- food') },
    ]);
  });
});

describe('what cannot be calibrated', () => {
  it('is a run that kept no predictions', async () => {
    await rm(predictionsFile(workspace, foodRun));
    await expect(calibrateModel({ workspace, task: food })).rejects.toMatchObject({ code: 'NO_PREDICTIONS' });
  });

  it('is a run without a model', async () => {
    await expect(calibrateModel({ workspace, task: food, run: 'gone' })).rejects.toMatchObject({ code: 'NO_MODEL' });
    await expect(resetCalibration(workspace, food, { run: 'gone' })).rejects.toMatchObject({ code: 'NO_MODEL' });
  });
});

describe('a card', () => {
  it.each<[string, object, string]>([
    ['a threshold too few', { thresholds: [0.5, 0.5] }, 'decision.thresholds: there must be one for each class'],
    ['a threshold that is no share', { thresholds: [0.5, 0.5, 50] }, 'decision.thresholds.2'],
    ['a temperature of 0', { temperature: 0 }, 'decision.temperature'],
  ])('with %s is refused', async (_, changes, where) => {
    const { card } = modelFiles(workspace, 'food', foodRun);
    const before = JSON.parse(await readFile(card, 'utf8'));
    await writeFile(card, JSON.stringify({ ...before, decision: { ...before.decision, ...changes } }));
    await expect(findModel(workspace, 'food')).rejects.toMatchObject({ code: 'UNREADABLE_MODEL', message: expect.stringContaining(where) });
  });
});
