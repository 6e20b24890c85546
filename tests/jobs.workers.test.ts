import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunRecord, readRuns } from '../lib/experiments';
import { openQueue } from '../lib/jobs';
import { findModel } from '../lib/models';
import { bestTrial, readOutcome, readSweeps } from '../lib/sweeps';
import { type Command, runCommand, runThat, says, startCommand } from './cli.fixture';
import { copyOfTrained, type TestHome, tinyCounts } from './pipeline.fixture';
import { collectLog, postgresBackend } from './server.database.fixtures';

const postgres = postgresBackend();
/** Three processes that load TensorFlow take long where other tests run beside them. */
vi.setConfig({ testTimeout: 180_000 });
let home: TestHome;
/** Where the jobs are; without PostgreSQL, in the home's folder. */
let database: Record<string, string>;

beforeAll(async () => {
  home = await copyOfTrained();
  const url = postgres.missing ? undefined : (await postgres.create()).options.url;
  database = { VISIONBOOK_JOB_LEASE: '8', VISIONBOOK_THREADS: '1', ...(url && { DATABASE_URL: url }) };
});

const start = (...args: string[]): Command => startCommand(home, args, database);

/** Two workers that have begun to ask for jobs: one that starts late on a busy machine would find all of them done. */
async function startWorkers(): Promise<readonly [Command, Command]> {
  const workers = [start('worker'), start('worker')] as const;
  await Promise.all(workers.map((worker) => says(worker, 'stdout', /waiting for jobs/)));
  return workers;
}

/** Waits until a worker is in the middle of a trial. @returns which */
async function trialOf(worker: Command): Promise<string> {
  const isIts = ({ status, process, epochs }: RunRecord): boolean =>
    status === 'running' && process.pid === worker.child.pid && epochs.length > 0;
  return (await runThat(home, worker, [], isIts)).sweep!.trial;
}

describe('two workers', () => {
  it('of which one is killed in the middle of a sweep end it, and do nothing twice', async () => {
    const [doomed, other] = await startWorkers();
    const sweep = start(
      'sweep',
      'food',
      '--grid',
      'lr=1e-3,1e-2',
      '--grid',
      'dropout=0.1,0.2,0.3',
      '--set',
      'stages.head.epochs=6',
      '--jobs',
    );
    const killed = await trialOf(doomed);
    doomed.child.kill('SIGKILL');
    expect(await sweep.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('the best setting') });
    other.child.kill('SIGTERM');
    const { code, stdout } = await other.ended;
    expect(code).toBe(0);

    const { id } = (await readSweeps(home.workspace))[0]!;
    const trials = (await readRuns(home.workspace)).runs.filter((run) => run.sweep?.id === id);
    expect(trials.map((run) => run.sweep!.trial).sort()).toEqual(['1', '2', '3', '4', '5', '6', bestTrial]);
    expect(new Set(trials.map(({ status }) => status))).toEqual(new Set(['finished']));
    expect(trials.find((run) => run.sweep!.trial === killed)!.process.pid).toBe(other.child.pid);
    const done = [...`${(await doomed.ended).stdout}${stdout}`.matchAll(/trial (\S+) of \S+: done/g)].map(([, trial]) => trial!);
    expect(done.sort()).toEqual(['1', '2', '3', '4', '5', '6', bestTrial]);

    const queue = await openQueue({ workspace: home.workspace, log: collectLog(), env: database });
    const jobs = await queue.list(id);
    await queue.close();
    expect(jobs.map(({ state }) => state)).toEqual(Array(7).fill('completed'));
    expect(jobs.reduce((sum, { retries }) => sum + retries, 0)).toBe(1);
  });
});

describe('two workers of a sweep that halves', () => {
  it('end it, do nothing twice, and stop what is bad early', async () => {
    const workers = await startWorkers();
    const sweeping = start(
      'sweep',
      'food',
      '--grid',
      'lr=1e-9,1e-8,1e-3,1e-2',
      '--set',
      'stages.head.epochs=4',
      '--halving',
      '2',
      '--jobs',
    );
    expect(await sweeping.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('the best setting') });
    for (const { child } of workers) child.kill('SIGTERM');
    const said = await Promise.all(workers.map(async ({ ended }) => (await ended).stdout));

    const { plan, ranked, best, isThrough } = await readOutcome(home.workspace, (await readSweeps(home.workspace)).at(-1)!);
    expect([isThrough, plan.rungs.map(([first]) => first!.epochs)]).toEqual([true, [1, 2, 4]]);
    const runs = (await readRuns(home.workspace)).runs.filter((run) => run.sweep?.id === plan.sweep.id);
    const trials = runs.map((run) => run.sweep!.trial).sort();
    expect(new Set(trials).size).toBe(trials.length);
    const done = said.flatMap((text) => [...text.matchAll(/trial (\S+) of \S+: done/g)].map(([, trial]) => trial!));
    expect(done.sort()).toEqual(trials);
    expect(said.every((text) => /: done/.test(text))).toBe(true);

    // All begin. Of those that went on before all were through, one may hardly learn; it comes no further.
    const inRung = (epochs: number): string[] => trials.filter((trial) => trial.endsWith(`.e${epochs}`));
    expect(inRung(1)).toEqual(['1.e1', '2.e1', '3.e1', '4.e1']);
    expect(inRung(2)).toEqual(expect.arrayContaining(['3.e2', '4.e2']));
    expect(inRung(2).length).toBeLessThanOrEqual(3);
    expect(inRung(4)).toEqual(['4.e4']);
    expect(ranked[0]).toMatchObject({ epochs: 4, candidate: { values: { 'stages.head.learningRate': 1e-2 } } });
    expect(best!.config.learningRate).toBe(1e-2);
  });
});

describe('jobs without a server', () => {
  const env = { VISIONBOOK_JOB_LEASE: '8', VISIONBOOK_THREADS: '1' };

  it('of a sweep are not done by the same command without --jobs as well, until they are taken back', async () => {
    const arguments_ = ['sweep', 'food', '--grid', 'dropout=0.35,0.45'];
    const sending = startCommand(home, [...arguments_, '--jobs'], env);
    await says(sending, 'stdout', /2 candidates/);
    sending.child.kill('SIGINT');
    const { stderr } = await sending.ended;
    const [, end] = /npm run jobs -- cancel (\S+)/.exec(stderr)!;
    const refused = await runCommand(home, ...arguments_);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/of whom 2 trials are awaited.*\(SWEEP_QUEUED\)/s) });
    expect(refused.stderr).toContain(`npm run jobs -- cancel ${end}`);
    expect((await readRuns(home.workspace)).runs.filter(({ sweep }) => sweep?.id.endsWith(end!))).toEqual([]);
    expect(await runCommand(home, 'jobs', 'cancel', end!)).toMatchObject({ code: 0 });
    expect(await runCommand(home, ...arguments_)).toMatchObject({ code: 0, stdout: expect.stringContaining(`${end}.best`) });
  });

  it('wait in a folder for a worker, who predicts and trains as the commands would', async () => {
    const { workspace } = home;
    const { runId } = (await findModel(workspace, 'food')).card;
    const pictures = ['food', `${workspace.datasetImages}/test_*.jpg`, path.join(workspace.datasetImages, 'none.jpg'), '--json'];
    const training = startCommand(home, ['train', 'food', '--set', 'dropout=0.15', '--jobs'], env);
    await says(training, 'stderr', /sent to the workers/);
    training.child.kill('SIGINT');
    expect(await training.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('the workers go on with') });
    const predicting = startCommand(home, ['predict', ...pictures, '--model', runId, '--jobs'], env);
    await says(predicting, 'stderr', /sent to the workers/);
    const worker = startCommand(home, ['worker', '--drain'], env);
    const there = await predicting.ended;
    const here = await runCommand(home, 'predict', ...pictures, '--model', runId);
    expect([here.code, there.code]).toEqual([1, 1]);
    expect(there.stdout).toBe(here.stdout);
    expect(there.stderr).toContain(`1 of ${tinyCounts.test + 1} files could not be read`);
    expect(await worker.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/training-\w+: done.*predictions-\w+: done/s) });
    const runs = (await readRuns(workspace)).runs.filter(({ config, sweep }) => config.dropout === 0.15 && !sweep);
    expect(runs.map(({ status }) => status)).toEqual(['finished', 'finished']);
    expect(runs.map(({ id }) => id)).toContain((await findModel(workspace, 'food')).card.runId);
  });
});
