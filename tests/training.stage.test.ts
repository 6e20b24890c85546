import { beforeEach, describe, expect, it } from 'vitest';
import { readRuns } from '../lib/experiments';
import { findModel } from '../lib/models';
import { food } from '../lib/tasks';
import { trainTask } from '../lib/training';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';

describe('a training that is stopped', () => {
  let home: TestHome;

  beforeEach(async () => {
    home = await copyOfTrained();
  });

  it('before it has learnt anything leaves the current model alone, and a record that says so', async () => {
    const before = await findModel(home.workspace, food.name);
    const training = trainTask({ workspace: home.workspace, task: food, overrides: tinySettings, signal: AbortSignal.abort() });
    await expect(training).rejects.toThrow(/abort/i);
    expect(await findModel(home.workspace, food.name)).toEqual(before);
    expect((await readRuns(home.workspace)).runs.at(-1)).toMatchObject({ stage: 'head', status: 'interrupted', epochs: [] });
  });

  it('after its first stage has a model of that stage', async () => {
    const controller = new AbortController();
    const { runs, current, interrupted } = await trainTask({
      workspace: home.workspace,
      task: food,
      overrides: tinySettings,
      signal: controller.signal,
      onEpoch: ({ stage, epochs }) => {
        if (stage === 'finetune' || epochs.length === 2) controller.abort();
      },
    });
    expect([runs.map(({ stage, status }) => [stage, status]), interrupted]).toEqual([[['head', 'finished']], true]);
    expect((await findModel(home.workspace, food.name)).card.runId).toBe(current);
  });
});

describe('a stage', () => {
  it('gives the same numbers in every epoch and at the end for the same seed', async () => {
    const home = await copyOfTrained();
    const [first] = (await readRuns(home.workspace)).runs;
    const { runs } = await trainTask({ workspace: home.workspace, task: food, overrides: tinySettings });
    expect(runs[0]!.metrics).toEqual(first!.metrics);
    expect(runs[0]!.epochs.map(({ train, validation }) => [train, validation])).toEqual(
      first!.epochs.map(({ train, validation }) => [train, validation]),
    );
  });
});
