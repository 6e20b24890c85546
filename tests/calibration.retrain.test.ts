import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readCalibration } from '../lib/calibration';
import { retrain } from '../lib/corrections';
import { picturesBySplit, readDataset } from '../lib/data';
import { findModel } from '../lib/models';
import { food } from '../lib/tasks';
import { runCommand } from './cli.fixture';
import { copyOfTrained, type TestHome, tinySettings, writePending } from './pipeline.fixture';

let home: TestHome;
beforeAll(async () => {
  home = await copyOfTrained();
});

describe('the command calibrate', () => {
  it('prints what changes and changes nothing as a dry run, writes it to the card, and takes it back', async () => {
    const trained = (await findModel(home.workspace, 'food')).card;
    const dry = await runCommand(home, 'calibrate', 'food', '--goal', 'precision=0.9', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(/\ntest +Calibration error.*\n[\s\S]*\nnothing was changed\n$/) });
    expect((await findModel(home.workspace, 'food')).card).toEqual(trained);
    const { stdout } = await runCommand(home, 'calibrate', 'food', '--run', trained.runId.slice(-6), '--goal', 'f1');
    expect(stdout).toContain('thresholds for the highest F1 of each class');
    expect((await findModel(home.workspace, 'food')).card.decision.thresholds).toHaveLength(3);
    const predicted = await runCommand(home, 'predict', 'food', `${home.workspace.datasetImages}/test_0000001.jpg`);
    expect(predicted.stdout).toMatch(/lacteos +\d+\.\d\d % {2}from +\d+\.\d\d %/);
    const reset = await runCommand(home, 'calibrate', 'food', '--reset');
    expect(reset.stdout).toBe(`the model of ${trained.runId} is as it was trained again\n`);
    expect((await findModel(home.workspace, 'food')).card).toEqual(trained);
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown goal', ['calibrate', 'food', '--goal', 'best'], /^"best" is no goal: write f1, or precision=0.95 .* \(BAD_GOAL\)/],
    ['an unknown run', ['calibrate', 'food', '--run', 'zzzzzz'], /^there is no run "zzzzzz"/],
    ['nothing to take back', ['calibrate', 'food', '--reset'], /is as it was trained: npm run calibrate .* \(NOT_CALIBRATED\)/],
    ['a goal to take back', ['calibrate', 'food', '--reset', '--goal', 'f1'], /cannot be used with option/],
  ])('says in a line what is wrong with %s', async (_, args, message) => {
    const { code, stderr } = await runCommand(home, ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

describe('retraining a calibrated model', () => {
  it('judges both models as they were trained, and calibrates the new one anew for the same goal', async () => {
    const { workspace } = home;
    await mkdir(workspace.correctionImages, { recursive: true });
    const [picture] = picturesBySplit(await readDataset(workspace, food)).train;
    await copyFile(picture!.path, path.join(workspace.correctionImages, 'one.jpg'));
    await writePending(home, ['2026-03-01,images/one.jpg,0,1,0,pending']);
    const plain = await retrain({ workspace, task: food, overrides: tinySettings });
    expect(plain.run.extra?.calibration).toBeUndefined();
    expect((await findModel(workspace, 'food', plain.run.id)).card.decision).toEqual(food.defaults.decision);

    await runCommand(home, 'calibrate', 'food', '--goal', 'f1');
    const { run, gate, comparison } = await retrain({ workspace, task: food, overrides: tinySettings });
    const { card } = await findModel(workspace, 'food', run.id);
    expect(card.decision.thresholds).toHaveLength(3);
    expect(run.extra?.calibration).toEqual(card.decision);
    expect(await readCalibration(workspace, run)).toMatchObject({ run: run.id, goal: { kind: 'f1' }, decision: card.decision });
    expect(comparison!.test.before).toEqual(plain.comparison!.test.before);
    expect(gate!.corrections.lossBefore).toBe(plain.gate!.corrections.lossBefore);
  });
});
