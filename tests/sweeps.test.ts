import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRun, readRuns } from '../lib/experiments';
import { sha256File } from '../lib/files';
import { withLock } from '../lib/lock';
import { findModel, modelFiles } from '../lib/models';
import { beginSweep, bestTrial, planSweep, readOutcome, readSweep, runSweep, runTrial, type Sweep, settingArguments } from '../lib/sweeps';
import { food } from '../lib/tasks';
import { trainTask } from '../lib/training';
import { runCommand, runThat, startCommand } from './cli.fixture';
import { temporaryFolder } from './data.fixtures';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';

let home: TestHome;
let current: string;
const overrides = tinySettings;

beforeAll(async () => {
  home = await copyOfTrained();
  current = (await findModel(home.workspace, 'food')).card.runId;
});

/** Ids of a sweep's runs, without the sweep's own. */
async function trialsOf({ id }: Sweep): Promise<string[]> {
  const { runs } = await readRuns(home.workspace);
  return runs.filter((run) => run.sweep?.id === id).map((run) => run.sweep!.trial);
}

describe('a sweep', () => {
  it('keeps a record a trial, and a model and test metrics of the best alone, which does not serve', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { lr: [1e-9, 1e-2], dropout: [0.1, 0.5] } });
    const { plan, ranked, best, isThrough } = await runSweep(workspace, sweep);
    expect(isThrough).toBe(true);
    expect((await trialsOf(sweep)).sort()).toEqual(['1', '2', '3', '4', bestTrial]);
    expect(ranked.map(({ mean }) => mean)).toEqual(ranked.map(({ mean }) => mean!).sort((one, other) => other - one));
    expect(ranked[0]!.candidate.values['stages.head.learningRate']).toBe(1e-2);
    const trial = await readRun(workspace, ranked[0]!.runs[0]!);
    expect(trial).toMatchObject({ status: 'finished', artifacts: [], sweep: { id: sweep.id } });
    expect(trial.metrics.validation?.intervals).toBeUndefined();
    expect(trial.metrics.test).toBeUndefined();
    expect(existsSync(modelFiles(workspace, 'food', trial.id).onnx)).toBe(false);
    expect(best!.metrics.validation?.auc).toBe(ranked[0]!.mean);
    expect(best!.metrics.test?.intervals?.auc).toBeDefined();
    expect((await findModel(workspace, 'food', best!.id)).card.runId).toBe(best!.id);
    expect((await findModel(workspace, 'food')).card.runId).toBe(current);

    const stages = [{ name: 'head' as const, trainableLayers: 0, learningRate: 1e-2, epochs: 2 }];
    const dropout = best!.config.dropout as number;
    const { runs } = await trainTask({ workspace, task: food, overrides: { ...overrides, dropout, stages }, promotes: false });
    expect(runs[0]!.metrics).toEqual(best!.metrics);
    expect(settingArguments(plan, ranked[0]!.candidate)).toContain('--set stages.head.learningRate=0.01');
  });

  it('that was stopped goes on where it was, also when the same is asked for again', async () => {
    const { workspace } = home;
    const options = { workspace, task: food, overrides, ranges: { lr: { low: 1e-4, high: 1e-2 } }, random: 3, seeds: 2 };
    const sweep = await beginSweep(options);
    const controller = new AbortController();
    const stopped = await runSweep(workspace, sweep, {
      signal: controller.signal,
      onProgress: ({ note }) => {
        if (note?.startsWith('trial 3 of 6')) controller.abort();
      },
    });
    expect(stopped).toMatchObject({ isThrough: false });
    expect(stopped.best).toBeUndefined();
    const first = await readRun(workspace, `${sweep.id}.1.s1`);
    expect(await beginSweep(options)).toEqual(sweep);
    const { best, ranked, isThrough } = await runSweep(workspace, await readSweep(workspace, sweep.id.slice(-6)));
    expect(isThrough).toBe(true);
    expect((await trialsOf(sweep)).sort()).toEqual(['1.s1', '1.s2', '2.s1', '2.s2', '3.s1', '3.s2', bestTrial]);
    expect(await readRun(workspace, first.id)).toEqual(first);
    for (const { values, mean, deviation } of ranked) {
      expect(mean).toBeCloseTo((values[0]! + values[1]!) / 2);
      expect(deviation).toBeCloseTo(Math.abs(values[0]! - values[1]!) / Math.SQRT2);
    }
    expect(best!.seed).toBe(42);
    expect((await beginSweep(options)).id).not.toBe(sweep.id);
  });

  it('ends, with trials that diverged marked as failed and last', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { lr: [1e38, 1e-3] } });
    const { ranked, best } = await runSweep(workspace, sweep);
    expect(ranked.map(({ candidate, mean }) => [candidate.number, mean === null])).toEqual([
      [2, false],
      [1, true],
    ]);
    expect(await readRun(workspace, `${sweep.id}.1`)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('TRAINING_DIVERGED'),
    });
    expect(best!.config.learningRate).toBe(1e-3);
  });

  it('has no best where all diverged, and is through', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { lr: [1e38] } });
    const outcome = await runSweep(workspace, sweep);
    expect([outcome.best, outcome.isThrough]).toEqual([undefined, true]);
  });

  it('of a later stage trains what comes before once for all that share it', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, stage: 'finetune', grid: { layers: [6, 3] } });
    const { best, ranked } = await runSweep(workspace, sweep);
    const trials = await trialsOf(sweep);
    const starts = trials.filter((trial) => trial.startsWith('start.'));
    expect([starts.length, trials.length, ranked.length]).toEqual([1, 4, 2]);
    expect(best).toMatchObject({ stage: 'finetune', parent: `${sweep.id}.${starts[0]}` });
    const usual = (await readRuns(workspace)).runs.find(({ stage }) => stage === 'finetune')!;
    expect(ranked.find(({ candidate }) => candidate.number === 1)!.mean).toBeCloseTo(usual.metrics.validation!.auc!, 6);
  });

  it.each([
    [{ stage: 'warmup', grid: { lr: [1] } }, /no stage "warmup": it is head or finetune/],
    [{ seeds: 0, grid: { lr: [1e-3] } }, /cannot be trained on 0 seeds/],
    [{ halving: 1, grid: { lr: [1e-3] } }, /one of 1 cannot go on/],
    [{ halving: 3, grid: { epochs: [1, 2] } }, /halving decides the epochs/],
    [{ metric: 'loss', grid: { negativeWeight: [1, 4] } }, /do not compare/],
    [{ metric: 'kappa', grid: { lr: [1e-3] } }, /food is not measured by "kappa"/],
  ] as const)('is refused where it makes no sense: %j', async (options, problem) => {
    await expect(beginSweep({ workspace: home.workspace, task: food, overrides, ...options } as never)).rejects.toThrow(problem);
  });

  it('is not run by two processes at once', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { dropout: [0.3] } });
    const folder = path.dirname(workspace.sweep(sweep.id, 'json'));
    const busy = (): Error => new Error('busy');
    await withLock(folder, {
      lockFile: path.join(folder, '.lock'),
      busy,
      work: () => expect(runSweep(workspace, sweep)).rejects.toThrow(/another process works on the sweep/),
    });
  });

  it('of backbones begins each with its own weights, and with those of its record where an earlier version wrote it', async () => {
    const { workspace } = home;
    const file = path.join(temporaryFolder(), 'mine.keras');
    await copyFile((await findModel(workspace, 'food')).keras, file);
    const named = await beginSweep({ workspace, task: food, overrides, weightsFile: file, grid: { backbone: ['auto', 'mobilenet_v2'] } });
    const mine = { source: 'mine.keras', sha256: await sha256File(file) };
    expect(named.weights).toEqual({ auto: mine, mobilenet_v2: mine });
    const content = JSON.parse(await readFile(workspace.sweep(named.id, 'json'), 'utf8'));
    await writeFile(workspace.sweep(named.id, 'json'), JSON.stringify({ ...content, weights: 'ab' }));
    const earlier = await readSweep(workspace, named.id);
    expect(earlier.weights).toEqual({ mobilenet_v2: { source: `of the sweep ${named.id}`, sha256: 'ab' } });
    await expect(runTrial(workspace, earlier, '2')).rejects.toMatchObject({ code: 'WEIGHTS_ELSEWHERE' });
    await expect(beginSweep({ workspace, task: food, overrides, grid: { backbone: ['mobilenet_v2', 'efficientnet_b0'] } })).rejects.toThrow(
      /no weights of efficientnet_b0/,
    );
  });

  it('whose record was cut short is named, and is not in the way of others', async () => {
    const { workspace } = home;
    const options = { workspace, task: food, overrides, grid: { dropout: [0.35] } };
    const sweep = await beginSweep(options);
    const file = workspace.sweep(sweep.id, 'json');
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 100));
    await expect(readSweep(workspace, sweep.id)).rejects.toThrow(/sweep\.json cannot be used/);
    await expect(readSweep(workspace, 'nothing')).rejects.toThrow(/there is no sweep "nothing"/);
    expect((await beginSweep(options)).id).not.toBe(sweep.id);
  });
});

describe('a trial', () => {
  it('that has its result is not trained again, and one that was cut short is', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { dropout: [0.4, 0.45] } });
    const run = await runTrial(workspace, sweep, '1');
    expect(await runTrial(workspace, sweep, '1')).toEqual(run);
    const file = path.join(workspace.experiment(run.id), 'run.json');
    await writeFile(file, JSON.stringify({ ...run, status: 'running', process: { ...run.process, pid: 2 ** 22 + 1 }, metrics: {} }));
    expect((await runTrial(workspace, sweep, '1')).metrics).toEqual(run.metrics);
    expect(await trialsOf(sweep)).toEqual(['1']);
    await expect(runTrial(workspace, sweep, '3')).rejects.toThrow(/has no trial "3"/);
    expect((await readOutcome(workspace, sweep)).ranked).toHaveLength(1);
  });

  it('is refused when the pictures or weights are others than those that the sweep began with', async () => {
    const { workspace } = home;
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { dropout: [0.25] } });
    await expect(runTrial(workspace, { ...sweep, data: { ...sweep.data, fingerprint: 'other' } }, '1')).rejects.toThrow(/other pictures/);
    const weights = { mobilenet_v2: { source: 'other.h5', sha256: 'other' } };
    await expect(runTrial(workspace, { ...sweep, weights }, '1')).rejects.toThrow(/begins with the weights other\.h5/);
    expect(planSweep(sweep).rungs.flat()).toHaveLength(1);
  });
});

describe('the command', () => {
  const arguments_ = ['sweep', 'food', '--grid', 'lr=1e-3,1e-2', '--random', '2', '--halving', '2'];

  it('says how many trials there are, stops at Ctrl-C, and goes on when it is given again', async () => {
    const known = (await readRuns(home.workspace)).runs.map(({ id }) => id);
    const command = startCommand(home, arguments_);
    await runThat(home, command, known, ({ sweep }) => sweep?.trial === '2.e1');
    command.child.kill('SIGINT');
    const stopped = await command.ended;
    expect(stopped.stdout).toMatch(
      /^4 candidates: 6 trials, at most 8 epochs of the head stage \(successive halving: 4 for 1, then 2 for 2\)/,
    );
    expect(stopped.code).toBe(130);
    const id = /--resume (\S+)/.exec(stopped.stdout)![1]!;
    const ended = await runCommand(home, ...arguments_);
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.stdout).toContain(`${id}.best`);
    expect(ended.stdout).toMatch(/the best setting --set stages\.head\.learningRate=\S+/);
    expect(existsSync(home.workspace.sweep(id, 'png'))).toBe(true);
    expect((await findModel(home.workspace, 'food')).card.runId).toBe(current);
  });

  it('names what is wrong', async () => {
    const [unknown, both] = await Promise.all([
      runCommand(home, 'sweep', 'food', '--grid', 'learnRate=1'),
      runCommand(home, 'sweep', 'food', '--grid', 'lr=1', '--resume', 'abc'),
    ]);
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/there is no setting learnRate \(BAD_SETTINGS\)/);
    expect(both.code).toBe(1);
    expect(both.stderr).toMatch(/cannot be used with option/);
  });
});
