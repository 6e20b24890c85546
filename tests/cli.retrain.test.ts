import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Journal,
  type RetrainingStage,
  readPending,
  readRetraining,
  recordCorrection,
  resumeRetraining,
  retrainingStages,
} from '../lib/corrections';
import { picturesBySplit, readDataset } from '../lib/data';
import { readRun } from '../lib/experiments';
import { findModel, readServed } from '../lib/models';
import { openPredictor } from '../lib/prediction';
import { food } from '../lib/tasks';
import { type Command, runCommand, startCommand } from './cli.fixture';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';

const settings = (retraining: object) => ({ ...tinySettings, retraining: { ...tinySettings.retraining, ...retraining } });
/** Learns the corrections whatever the test split says. */
const learning = settings({ boost: 10, epochs: 2, learningRate: 1e-3, tolerance: 1 });
const wrecking = settings({ originals: 0, boost: 10, learningRate: 1e-2, tolerance: 0 });

// What makes way for everything else may wait for long on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

let home: TestHome;
let pictures: string[];
let next = 0;

beforeAll(async () => {
  home = await copyOfTrained();
  const { train } = picturesBySplit(await readDataset(home.workspace, food));
  pictures = [...new Map(train.map((picture) => [picture.sha256, picture.path])).values()]; // some negatives are the same picture
});

/** Corrects training pictures that were not corrected before; returns their hashes. */
async function correct(count: number): Promise<string[]> {
  const hashes: string[] = [];
  for (const file of pictures.slice(next, next + count)) {
    const { correction } = await recordCorrection(home.workspace, food, { content: await readFile(file), labels: [0, 1, 0] });
    hashes.push(correction.sha256);
  }
  next += count;
  return hashes;
}

function start(overrides: object, ...args: string[]): Command {
  return startCommand(home, ['retrain', 'food', ...args], { VISIONBOOK_SETTINGS: JSON.stringify(overrides) });
}

/** Waits until the command's journal says that a stage has begun. */
async function untilStage({ child, ended }: Command, stage: RetrainingStage): Promise<void> {
  const file = home.workspace.retrainingJournal;
  while (child.exitCode === null) {
    try {
      const { attempt } = JSON.parse(readFileSync(file, 'utf8')) as Journal;
      if (attempt?.process?.pid === child.pid && attempt?.stage === stage) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await turn();
  }
  throw new Error(`the command ended before ${stage}: ${(await ended).stderr}`);
}

async function historyRows(): Promise<Record<string, string>[]> {
  const names = await readdir(home.workspace.correctionHistory).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(path.join(home.workspace.correctionHistory, name), 'utf8')));
  return texts.flatMap((text) => parse(text, { columns: true }) as Record<string, string>[]);
}

async function hashesInHistory(): Promise<string[]> {
  return (await historyRows()).map((row) => path.parse(row.image_path!).name);
}

async function expectUsableModel(): Promise<string> {
  const predictor = await openPredictor(home.workspace, 'food');
  const [prediction] = await predictor.predict([pictures[0]!]);
  await predictor.release();
  expect(prediction).toHaveProperty('decision');
  return predictor.card.runId;
}

describe('retrain', () => {
  it('rejects a worse model, with the reason, and says how to try it', async () => {
    const { card } = await findModel(home.workspace, 'food');
    const hashes = await correct(2);
    const { code, stdout } = await start(wrecking).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/learns from {4}2 corrections × 10 and 0 pictures/);
    expect(stdout).toMatch(/is measured on 36 test pictures and on the corrections\nmay lose {7}0 of the test AUC/);
    expect(stdout).toMatch(/test \(36\) +auc +0\.\d+ +0\.\d+ /);
    expect(stdout).toMatch(/corrections \(2\) +loss /);
    expect(stdout).toMatch(/^rejected: it may be worse on the test split: \d of 2 corrections are right/m);
    const [, id] = /--model (\S+)\n/.exec(stdout)!;
    expect(await readRun(home.workspace, id!)).toMatchObject({ stage: 'retrain', status: 'finished', parent: card.runId });
    expect((await findModel(home.workspace, 'food')).card.runId).toBe(card.runId);
    expect((await readPending(home.workspace, food)).map(({ sha256 }) => sha256)).toEqual(hashes);
  });

  it('promotes a better one in the background, at the lowest priority, and says where the corrections are', async () => {
    const { card } = await findModel(home.workspace, 'food');
    const command = start(learning, '--background');
    await untilStage(command, 'training');
    const tasks = `/proc/${command.child.pid}/task`;
    const nices = readdirSync(tasks).map(
      (task) =>
        readFileSync(`${tasks}/${task}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ')[19 - 3],
    );
    expect(nices.length).toBeGreaterThan(5);
    expect(new Set(nices)).toEqual(new Set(['19']));
    const { code, stdout } = await command.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^promoted: it does better on the corrections and no worse on the test split: /m);
    const current = await expectUsableModel();
    expect(stdout).toContain(`the new model is    ${current}, which serves from now on`);
    expect(stdout).toMatch(/the corrections are .*corrections\/history\/retrain_\d+T\d+Z\.csv\n/);
    expect(await readRun(home.workspace, current)).toMatchObject({ parent: card.runId });
    expect(await historyRows()).toHaveLength(2);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'stopped by %s keeps the model and the corrections, and can be taken up again',
    async (signal) => {
      const before = await expectUsableModel();
      const hashes = await correct(1);
      const command = start(settings({ epochs: 5000, boost: 10 }));
      await untilStage(command, 'training');
      command.child.kill(signal);
      const { code, stdout, stderr } = await command.ended;
      expect(code).toBe(130);
      expect(stderr).toContain('stopping after this step; the next retraining takes it up again');
      expect(stdout).toMatch(
        /stopped: the current model stays, and the corrections stay pending\nto take it up again npm run retrain -- food\n$/,
      );
      expect(await expectUsableModel()).toBe(before);
      const { status, stage } = await readRetraining(home.workspace, food);
      expect(status).toBe('waiting');
      expect(['training', 'evaluation']).toContain(stage); // the latter when an epoch had ended
      expect((await readPending(home.workspace, food)).map(({ sha256 }) => sha256)).toEqual(expect.arrayContaining(hashes));
    },
  );
});

describe('retrain that is killed', () => {
  it.each(retrainingStages)('in the stage "%s" leaves a model and every correction, and ends well the next time', async (stage) => {
    const before = await expectUsableModel();
    const learnt = await hashesInHistory();
    const corrected = [...(await readPending(home.workspace, food)).map(({ sha256 }) => sha256), ...(await correct(2))];

    const command = start(learning);
    await untilStage(command, stage);
    command.child.kill('SIGKILL');
    await command.ended;
    expect(command.child.signalCode).toBe('SIGKILL');

    const after = await expectUsableModel();
    const isJudged = ['promotion', 'archiving'].includes(stage);
    if (!isJudged) expect(after).toBe(before);
    if (stage === 'archiving') expect(after).not.toBe(before);
    const pending = (await readPending(home.workspace, food)).map(({ sha256 }) => sha256);
    expect([...pending, ...(await hashesInHistory())]).toEqual(expect.arrayContaining(corrected));
    if (!isJudged) expect(pending).toEqual(corrected);
    expect(await readRetraining(home.workspace, food)).toMatchObject({ status: 'waiting' });

    const outcome = await resumeRetraining({ workspace: home.workspace, task: food, overrides: learning });
    expect(outcome).toMatchObject({ verdict: 'promoted' });
    if (isJudged) expect(outcome).not.toHaveProperty('retrained');
    expect(await expectUsableModel()).toBe(outcome!.run);
    expect(await readPending(home.workspace, food)).toEqual([]);
    expect((await hashesInHistory()).sort()).toEqual([...learnt, ...corrected].sort());
    const { history } = (await readServed(home.workspace, 'food'))!;
    expect(history.filter(({ kind, run }) => kind === 'promoted' && run === outcome!.run)).toHaveLength(1);
    expect(await readRetraining(home.workspace, food)).toMatchObject({ status: 'idle', pending: 0, last: { run: outcome!.run } });
    expect(await readFile(home.workspace.retrainingStatus, 'utf8')).toBe('STATUS:idle\nWaiting for corrections... (0/10)\n');
  });

  it('after all this there is nothing left to do', async () => {
    const { code, stderr } = await runCommand(home, 'retrain', 'food');
    expect(code).toBe(1);
    expect(stderr).toMatch(/there is nothing to retrain on \(NO_CORRECTIONS\)\n$/);
  });
});
