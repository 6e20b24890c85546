import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Bucket, BucketAway, openBucket, openExchange } from '../lib/bucket';
import { readDataset } from '../lib/data';
import { type RunRecord, readRuns } from '../lib/experiments';
import { cancelBatch, openQueue, work } from '../lib/jobs';
import { findModel } from '../lib/models';
import { bestTrial } from '../lib/sweeps';
import { food } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { motoPython, type S3Server, startS3 } from './bucket.fixture';
import { type Command, runCommand, runThat, says, startCommand } from './cli.fixture';
import { temporaryFolder } from './data.fixtures';
import { copyOfTrained, type TestHome, tinyCounts } from './pipeline.fixture';
import { collectLog, postgresBackend } from './server.database.fixtures';

const postgres = postgresBackend();
/** Four processes that load TensorFlow take long where other tests run beside them. */
vi.setConfig({ testTimeout: 180_000 });

describe.skipIf(!motoPython || postgres.missing)('machines that share a database and a bucket, and no folder', () => {
  let server: S3Server;
  let home: TestHome;
  let shared: Record<string, string>;
  let bucket: Bucket;
  beforeAll(async () => {
    server = await startS3(motoPython!);
    home = await copyOfTrained();
    const { url } = (await postgres.create()).options;
    shared = { ...server.env('tests'), VISIONBOOK_JOB_LEASE: '8', VISIONBOOK_THREADS: '1', DATABASE_URL: url! };
    for (const [name, value] of Object.entries(shared)) vi.stubEnv(name, value);
    bucket = await openBucket();
    vi.unstubAllEnvs();
  });
  afterAll(() => server.close());

  const start = (...args: string[]): Command => startCommand(home, args, shared);

  /** A worker on a machine where there is nothing yet. */
  function startWorker(...args: string[]): Command & { readonly workspace: Workspace; readonly desk: Workspace } {
    const folder = temporaryFolder();
    const env = { VISIONBOOK_HOME: folder, VISIONBOOK_RAW: path.join(folder, 'raw') };
    const workspace = openWorkspace({ env });
    return { ...startCommand({ env }, ['worker', ...args], shared), workspace, desk: openExchange(bucket, workspace).desk };
  }

  /** Waits until a worker is in the middle of a trial. @returns which */
  async function trialOf(worker: ReturnType<typeof startWorker>): Promise<string> {
    const inTheMiddle = ({ status, epochs }: RunRecord): boolean => status === 'running' && epochs.length > 0;
    return (await runThat({ workspace: worker.desk }, worker, [], inTheMiddle)).sweep!.trial;
  }

  async function trialsIn(workspace: Workspace): Promise<RunRecord[]> {
    const { runs } = await readRuns(workspace);
    return runs.filter(({ sweep }) => sweep).sort((one, other) => (one.sweep!.trial < other.sweep!.trial ? -1 : 1));
  }

  it('end a sweep of which one is killed, do nothing twice, and come to what one machine alone does', async () => {
    const sweep = ['sweep', 'food', '--grid', 'lr=1e-3,1e-2', '--grid', 'dropout=0.1,0.2,0.3', '--set', 'stages.head.epochs=6'];
    const sweeping = start(...sweep, '--jobs');
    const workers = [startWorker(), startWorker()] as const;
    const doomed = await Promise.race(workers.map(async (worker) => ({ worker, trial: await trialOf(worker) })));
    doomed.worker.child.kill('SIGKILL');
    const other = workers.find((worker) => worker !== doomed.worker)!;
    expect(await sweeping.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('the best setting') });
    other.child.kill('SIGTERM');
    const { stdout } = await other.ended;

    const trials = await trialsIn(home.workspace);
    expect(trials.map((run) => run.sweep!.trial)).toEqual(['1', '2', '3', '4', '5', '6', bestTrial]);
    expect(trials.find((run) => run.sweep!.trial === doomed.trial)!.process.pid).toBe(other.child.pid);
    const done = [...`${(await doomed.worker.ended).stdout}${stdout}`.matchAll(/trial (\S+) of \S+: done/g)].map(([, trial]) => trial!);
    expect(done.sort()).toEqual(['1', '2', '3', '4', '5', '6', bestTrial]);
    expect((await findModel(home.workspace, 'food', trials.at(-1)!.id)).card.runId).toBe(trials.at(-1)!.id);

    const alone = await copyOfTrained();
    expect(await startCommand(alone, sweep, { VISIONBOOK_THREADS: '1' }).ended).toMatchObject({ code: 0 });
    expect(trials.map(({ metrics }) => metrics)).toEqual((await trialsIn(alone.workspace)).map(({ metrics }) => metrics));

    const { pictures } = await readDataset(home.workspace, food);
    const indices = (await bucket.list('activations/')).filter(({ key }) => key.endsWith('.json'));
    const rows = await Promise.all(indices.map(async ({ key }) => JSON.parse((await bucket.read(key))!.toString()).rows as string[]));
    expect(rows.flat().sort()).toEqual([...new Set(pictures.map(({ sha256 }) => sha256))].sort());
    expect(readdirSync(path.dirname(other.workspace.outputs))).toEqual(['outputs']);
    expect(readdirSync(other.workspace.outputs).sort()).toEqual(['activations', 'bucket']);
  });

  it('train and predict for one that brings it home, also later', async () => {
    const { workspace } = home;
    const { runId } = (await findModel(workspace, 'food')).card;
    const pictures = ['food', `${workspace.datasetImages}/test_*.jpg`, path.join(workspace.datasetImages, 'none.jpg'), '--json'];
    const training = start('train', 'food', '--set', 'dropout=0.15', '--jobs');
    await says(training, 'stderr', /sent to the workers/);
    training.child.kill('SIGINT');
    const { code, stderr } = await training.ended;
    expect(code).toBe(130);
    const [, batch] = /npm run jobs -- fetch (\S+)/.exec(stderr)!;
    const predicting = start('predict', ...pictures, '--model', runId, '--jobs');
    await says(predicting, 'stderr', /sent to the workers/);
    const worker = startWorker('--drain');
    const there = await predicting.ended;
    const here = await runCommand(home, 'predict', ...pictures, '--model', runId);
    expect([here.code, there.code]).toEqual([1, 1]);
    expect(there.stdout).toBe(here.stdout);
    expect(there.stderr).toContain(`1 of ${tinyCounts.test + 1} files could not be read`);
    expect(await worker.ended).toMatchObject({ code: 0, stdout: expect.stringContaining(`their files in ${bucket.url}`) });
    expect(existsSync(worker.workspace.currentModel('food'))).toBe(false);

    expect((await findModel(workspace, 'food')).card.runId).toBe(runId);
    expect(await start('jobs', 'fetch', batch!).ended).toMatchObject({ code: 0, stdout: expect.stringContaining(workspace.experiments) });
    const runs = (await readRuns(workspace)).runs.filter(({ config, sweep }) => config.dropout === 0.15 && !sweep);
    expect(runs.map(({ status }) => status)).toEqual(['finished', 'finished']);
    const { card, onnx } = await findModel(workspace, 'food');
    expect(runs.map(({ id }) => id)).toContain(card.runId);
    expect(readFileSync(onnx).length).toBe(
      runs.find(({ id }) => id === card.runId)!.artifacts.find(({ path: name }) => name.endsWith('.onnx'))!.bytes,
    );
  });

  it('give a job back while the bucket is away, as if it had not been begun', async () => {
    const { DATABASE_URL, VISIONBOOK_JOB_LEASE } = shared;
    const queue = await openQueue({ workspace: home.workspace, log: collectLog(), env: { DATABASE_URL, VISIONBOOK_JOB_LEASE } });
    onTestFinished(() => queue.close());
    await queue.send([{ job: { kind: 'trial', batch: 'away', trial: '1' } }]);
    const log = collectLog();
    const stop = new AbortController();
    const away: Bucket = { ...bucket, read: async () => Promise.reject(BucketAway(bucket.url, server.url, 'ECONNREFUSED')) };
    const working = work({ workspace: home.workspace, queue, bucket: away, signal: stop.signal, log });
    await vi.waitUntil(() => log.lines.length > 5);
    stop.abort();
    await working;
    expect(log.lines[0]).toMatchObject({ level: 'error', message: 'trial 1 of away: given back' });
    expect(await queue.list('away')).toMatchObject([{ state: 'created', retries: 0 }]);
    await cancelBatch(queue, 'away');
  });

  it('say at once where the bucket cannot be used, and doctor does', async () => {
    const denied = { ...shared, AWS_SECRET_ACCESS_KEY: 'wrong' };
    const [worker, doctor] = await Promise.all([
      startCommand(home, ['worker'], denied).ended,
      startCommand(home, ['doctor'], { ...shared, VISIONBOOK_BUCKET: 's3://elsewhere' }).ended,
    ]);
    expect(worker).toMatchObject({ code: 1, stderr: expect.stringContaining('(BUCKET_DENIED)') });
    expect(doctor.stdout).toMatch(/bucket +not usable.*there is no bucket "elsewhere"/s);
  });
});
