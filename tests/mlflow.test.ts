import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Run, startRun } from '../lib/experiments';
import { followRuns, mlflowSettled, pushRuns } from '../lib/mlflow';
import { promote, rollback } from '../lib/models';
import { food } from '../lib/tasks';
import { trainTask } from '../lib/training';
import type { Workspace } from '../lib/workspace';
import { runCommand } from './cli.fixture';
import { epoch, putRun, runRecord, splitResult, start, temporaryWorkspace } from './experiments.helpers';
import { type MlflowServer, mlflowCommand, startMlflow, type Way } from './mlflow.fixture';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** What makes a call change something. */
const writes = /create|log-batch|update|alias$|^PUT/;

interface RemoteRun {
  readonly info: { readonly run_id: string; readonly status: string; readonly start_time: number; readonly end_time?: number };
  readonly data: {
    readonly params?: readonly { key: string; value: string }[];
    readonly metrics?: readonly { key: string; value: number; step: number }[];
    readonly tags: readonly { key: string; value: string }[];
  };
}

describe.skipIf(!mlflowCommand)('with an MLflow server', () => {
  let server: MlflowServer;
  let trainedHome: TestHome;
  let warn: ReturnType<typeof vi.spyOn>;
  beforeAll(async () => {
    server = await startMlflow(mlflowCommand!);
    trainedHome = await copyOfTrained();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.way = 'open';
    server.requests.length = 0;
    warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  });

  /** An environment with an experiment of its own. */
  const environment = (experiment: string, more: Record<string, string> = {}): Record<string, string> => ({
    MLFLOW_TRACKING_URI: server.url,
    MLFLOW_EXPERIMENT_NAME: experiment,
    ...more,
  });

  const follow = (workspace: Workspace, env: Record<string, string>, more: object = {}): Promise<Run> =>
    startRun({ ...start, ...more, workspace, onRecord: followRuns(workspace, env)! });

  async function runsIn(experiment: string): Promise<RemoteRun[]> {
    const { experiment: found } = await server.ask<{ experiment?: { experiment_id: string } }>(
      `experiments/get-by-name?experiment_name=${experiment}`,
    );
    if (!found) return [];
    return (
      (await server.ask<{ runs?: RemoteRun[] }>('runs/search', { experiment_ids: [found.experiment_id], run_view_type: 'ALL' })).runs ?? []
    );
  }

  async function history({ info }: RemoteRun, metric: string): Promise<[step: number, value: number][]> {
    const { metrics } = await server.ask<{ metrics: { step: number; value: number }[] }>(
      `metrics/get-history?run_id=${info.run_id}&metric_key=${metric}`,
    );
    return metrics.map(({ step, value }) => [step, value]);
  }

  const tagOf = ({ data }: RemoteRun, key: string): string | undefined => data.tags.find((tag) => tag.key === key)?.value;

  test('a run is there while it goes on, and whole when it has ended', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('live');
    const run = await follow(workspace, env);
    await run.epoch(epoch(1));
    await mlflowSettled(workspace, env);
    const [early] = await runsIn('live');
    expect(early).toMatchObject({ info: { status: 'RUNNING' } });
    expect(await history(early!, 'epoch/validation.loss')).toEqual([[1, 1.2]]);

    await run.epoch(epoch(2));
    const model = path.join(workspace.model('food', run.id), 'model.onnx');
    mkdirSync(path.dirname(model), { recursive: true });
    writeFileSync(model, 'a model');
    await run.artifact(model);
    await run.finish({ metrics: { test: splitResult({ auc: 0.75 }) }, bestEpoch: 2 });
    await mlflowSettled(workspace, env);
    const [ended, ...others] = await runsIn('live');
    expect(others).toEqual([]);
    expect(ended).toMatchObject({
      info: { status: 'FINISHED', start_time: Date.parse(run.record.startedAt), end_time: Date.parse(run.record.finishedAt!) },
      data: {
        params: expect.arrayContaining([
          { key: 'decision.threshold', value: '0.5' },
          { key: 'learningRate', value: '0.001' },
        ]),
        metrics: expect.arrayContaining([expect.objectContaining({ key: 'test.auc', value: 0.75, step: 2 })]),
      },
    });
    expect(tagOf(ended!, 'visionbook.run')).toBe(run.id);
    expect(tagOf(ended!, 'mlflow.runName')).toBe(run.id);
    expect(tagOf(ended!, 'mlflow.source.git.commit')).toBe(run.record.git?.commit);
    expect(await history(ended!, 'epoch/validation.loss')).toEqual([
      [1, 1.2],
      [2, 0.6],
    ]);
    const { files } = await server.ask<{ files: { path: string }[] }>(`artifacts/list?run_id=${ended!.info.run_id}`);
    expect(files.map((file) => file.path).sort()).toEqual(['model', 'run.json']);
    expect(warn).not.toHaveBeenCalled();
  });

  test('a stage that continues another is its child, and Python reads both', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('stages');
    const head = await follow(workspace, env);
    await head.finish({ metrics: { test: splitResult({ auc: Number.NaN }) } });
    const finetune = await follow(workspace, env, { stage: 'finetune', parent: head.id });
    await finetune.fail(new Error('diverged'));
    await mlflowSettled(workspace, env);
    const rows = await server.python<Record<string, unknown>[]>(
      `import mlflow; print(mlflow.search_runs(experiment_names=['stages'], order_by=['start_time ASC']).to_json(orient='records'))`,
    );
    expect(rows.map((row) => [row['tags.visionbook.stage'], row.status])).toEqual([
      ['head', 'FINISHED'],
      ['finetune', 'FAILED'],
    ]);
    expect(rows[1]).toMatchObject({
      'tags.mlflow.parentRunId': rows[0]!.run_id,
      'tags.visionbook.error': 'Error: diverged',
      'params.learningRate': '0.001',
    });
    expect(rows[0]!['metrics.test.f1Macro']).toBe(0.8);
    expect(rows[0]!['metrics.test.auc']).toBeNull(); // NaN in pandas
  });

  test('a push sends what is missing, and a second one nothing', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('pushed');
    const ids = ['20260301T090507Z-food-head-aaaaaa', '20260301T090508Z-food-head-bbbbbb'];
    const growing = runRecord({ id: ids[1]!, status: 'interrupted', epochs: [epoch(1)], updatedAt: '2026-03-01T09:05:30.000Z' });
    putRun(workspace, ids[0]!, runRecord({ id: ids[0]! }));
    putRun(workspace, ids[1]!, growing);
    expect((await pushRuns(workspace, { env })).runs).toEqual({ new: ids, completed: [], unchanged: [], deleted: [] });
    server.requests.length = 0;
    expect((await pushRuns(workspace, { env })).runs).toMatchObject({ new: [], completed: [], unchanged: ids });
    expect(server.requests.filter((request) => writes.test(request))).toEqual([]);

    putRun(workspace, ids[1]!, { ...growing, status: 'finished', epochs: [1, 2, 3].map(epoch), updatedAt: '2026-03-01T09:07:00.000Z' });
    rmSync(path.join(workspace.experiment(ids[0]!), 'mlflow.json')); // as on another computer
    expect((await pushRuns(workspace, { env })).runs).toMatchObject({ new: [], completed: [ids[1]], unchanged: [ids[0]] });
    const remote = await runsIn('pushed');
    expect(remote).toHaveLength(2);
    const grown = remote.find((run) => tagOf(run, 'visionbook.run') === ids[1])!;
    expect(grown.info.status).toBe('FINISHED');
    expect((await history(grown, 'epoch/train.loss')).map(([step]) => step)).toEqual([1, 2, 3]);
  });

  test('what somebody deleted in MLflow is not sent again', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('deleted');
    const record = runRecord({ id: '20260301T090507Z-food-head-dddddd' });
    putRun(workspace, record.id, record);
    await pushRuns(workspace, { env });
    const [remote] = await runsIn('deleted');
    await server.ask('runs/delete', { run_id: remote!.info.run_id });
    putRun(workspace, record.id, { ...record, updatedAt: '2026-03-02T00:00:00.000Z' });
    expect((await pushRuns(workspace, { env })).runs).toMatchObject({ new: [], completed: [], deleted: [record.id] });
    expect(await runsIn('deleted')).toHaveLength(1);
  });

  test('a run of more entries than a call may have arrives whole, strange names too', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('large');
    const config = Object.fromEntries(Array.from({ length: 230 }, (_, index) => [`option${index}`, 'x'.repeat(index === 0 ? 9000 : 1)]));
    const epochs = Array.from({ length: 400 }, (_, index) => epoch(index + 1));
    const scores = {
      precision: 1,
      recall: 1,
      f1: 0.5,
      auc: null,
      support: 1,
      truePositives: 1,
      falsePositives: 0,
      falseNegatives: 0,
      trueNegatives: 0,
    };
    const metrics = { test: splitResult({ perClass: [{ name: 'frutas/verduras (ñ & 果?)', ...scores }] }) };
    const record = runRecord({ id: '20260301T090507Z-food-head-eeeeee', config, epochs, metrics });
    putRun(workspace, record.id, record);
    expect((await pushRuns(workspace, { env })).problems).toEqual([]);
    const [remote] = await runsIn('large');
    expect(remote!.data.params).toHaveLength(231);
    expect(await history(remote!, 'epoch/train.auc')).toHaveLength(400);
    expect(remote!.data.metrics!.find(({ key }) => key.includes('frutas'))).toMatchObject({
      key: 'test/frutas/verduras _28ñ _26 果_3F_29.precision',
    });
  });

  const disturbed: readonly Way[] = ['closed', 'out of order', 'garbage', 'silent'];
  test.each(disturbed)('a server that is %s delays no run, and gets it with the next push', async (way) => {
    const workspace = temporaryWorkspace();
    const name = `away-${way.replaceAll(' ', '-')}`;
    const env = environment(name, { MLFLOW_HTTP_REQUEST_TIMEOUT: '2' });
    server.way = way;
    const begun = performance.now();
    const run = await follow(workspace, env);
    for (const number of [1, 2, 3]) await run.epoch(epoch(number));
    await run.finish({ metrics: { test: splitResult() } });
    expect(performance.now() - begun).toBeLessThan(2000);
    expect(run.record.status).toBe('finished');
    await mlflowSettled(workspace, env);
    expect(warn.mock.calls.flat().join()).toMatch(/MLflow.*(push|MLFLOW_TRACKING_URI)/s);
    expect(await runsIn(name)).toEqual([]);
    server.way = 'open';
    expect((await pushRuns(workspace, { env })).runs.new).toEqual([run.id]);
    const [remote, ...others] = await runsIn(name);
    expect(others).toEqual([]);
    expect((await history(remote!, 'epoch/train.loss')).map(([step]) => step)).toEqual([1, 2, 3]);
  });

  test('nothing is there twice when answers get lost', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('lost', { MLFLOW_HTTP_REQUEST_TIMEOUT: '2' });
    server.way = 'loses answers';
    const record = runRecord({ id: '20260301T090507Z-food-head-ffffff' });
    putRun(workspace, record.id, record);
    await server.ask('experiments/create', { name: 'lost' });
    await expect(pushRuns(workspace, { env })).rejects.toMatchObject({ code: 'MLFLOW_UNREACHABLE' });
    const run = await follow(workspace, env);
    await run.finish({ metrics: {} });
    await mlflowSettled(workspace, env);
    server.way = 'open';
    await pushRuns(workspace, { env });
    const remote = await runsIn('lost');
    expect(remote.map((one) => tagOf(one, 'visionbook.run')).sort()).toEqual([record.id, run.id].sort());
    expect((await history(remote.find((one) => tagOf(one, 'visionbook.run') === record.id)!, 'epoch/train.loss')).length).toBe(2);
  });

  test('a server that is killed in the middle gets the rest when the next run begins', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('killed');
    const run = await follow(workspace, env);
    await run.epoch(epoch(1));
    await mlflowSettled(workspace, env);
    await server.kill();
    await run.epoch(epoch(2));
    await mlflowSettled(workspace, env);
    await run.epoch(epoch(3));
    await run.finish({ metrics: { test: splitResult() } });
    await mlflowSettled(workspace, env);
    await server.start();
    // What another process would do: it knows only what is on disk.
    const later = { ...env, MLFLOW_HTTP_REQUEST_TIMEOUT: '9' };
    const next = await follow(workspace, later);
    await next.finish({ metrics: {} });
    await mlflowSettled(workspace, later);
    const remote = await runsIn('killed');
    expect(remote.map((one) => [tagOf(one, 'visionbook.run'), one.info.status]).sort()).toEqual(
      [
        [run.id, 'FINISHED'],
        [next.id, 'FINISHED'],
      ].sort(),
    );
    const first = remote.find((one) => tagOf(one, 'visionbook.run') === run.id)!;
    expect((await history(first, 'epoch/train.loss')).map(([step]) => step)).toEqual([1, 2, 3]);
  });

  test('a run whose process died is sent by the next run, as killed', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('died');
    const id = '20260301T090507Z-food-head-999999';
    const gone = { pid: 2 ** 22 + 1, host: os.hostname() }; // above what Linux gives
    putRun(workspace, id, runRecord({ id, status: 'running', process: gone, finishedAt: undefined, metrics: {} }));
    writeFileSync(path.join(workspace.experiment(id), 'mlflow.json'), JSON.stringify({ server: server.url, complete: false }));
    const next = await follow(workspace, env);
    await next.finish({ metrics: {} });
    await mlflowSettled(workspace, env);
    expect((await runsIn('died')).map((run) => [tagOf(run, 'visionbook.run'), run.info.status])).toEqual(
      expect.arrayContaining([
        [id, 'KILLED'],
        [next.id, 'FINISHED'],
      ]),
    );
  });

  test('two pushes at once make one of each run', async () => {
    const workspace = temporaryWorkspace();
    const env = environment('both');
    const records = ['111111', '222222', '333333'].map((end) => runRecord({ id: `20260301T090507Z-food-head-${end}` }));
    for (const record of records) putRun(workspace, record.id, record);
    const both = await Promise.all([pushRuns(workspace, { env }), pushRuns(workspace, { env })]);
    expect(both.flatMap((outcome) => [...outcome.problems, ...outcome.runs.new]).sort()).toEqual(records.map(({ id }) => id));
    expect(await runsIn('both')).toHaveLength(records.length);
  });

  test('a training is there with its model, whose alias follows promotions', async () => {
    const { workspace } = trainedHome;
    const env = environment('training');
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const outcome = await trainTask({ workspace, task: food, overrides: { ...tinySettings, seed: 7 } });
    await mlflowSettled(workspace);
    const remote = await runsIn('training');
    expect(remote.map((run) => tagOf(run, 'visionbook.stage')).sort()).toEqual(['finetune', 'head']);
    const stage = (name: string): RemoteRun => remote.find((run) => tagOf(run, 'visionbook.stage') === name)!;
    expect(tagOf(stage('finetune'), 'mlflow.parentRunId')).toBe(stage('head').info.run_id);
    const current = async (): Promise<[version: string, run: string | undefined]> => {
      const { model_version: found } = await server.ask<{ model_version: { version: string; run_id: string } }>(
        'registered-models/alias?name=visionbook-food&alias=current',
      );
      return [found.version, tagOf(remote.find(({ info }) => info.run_id === found.run_id)!, 'visionbook.run')];
    };
    expect(await current()).toEqual(['1', outcome.current]);

    const other = outcome.runs.map((run) => run.id).find((id) => id !== outcome.current)!;
    await promote(workspace, 'food', other, 'to be tried');
    await pushRuns(workspace, { env });
    expect(await current()).toEqual(['2', other]);
    await rollback(workspace, 'food');
    expect((await pushRuns(workspace, { env })).models).toEqual([{ name: 'visionbook-food', version: '1', moved: true }]);
    expect(await current()).toEqual(['1', outcome.current]);
    const size = await server.python<number>(`
import json, os, mlflow
folder = mlflow.artifacts.download_artifacts('models:/visionbook-food@current')
print(json.dumps(os.path.getsize(os.path.join(folder, 'model.onnx'))))`);
    expect(size).toBe(readFileSync(path.join(workspace.model('food', outcome.current), 'model.onnx')).length);
  });
});

describe('without a server', () => {
  test.each([
    ['is not set', {}, 'NO_TRACKING_SERVER'],
    ['names a folder', { MLFLOW_TRACKING_URI: './mlruns' }, 'BAD_TRACKING_URI'],
    ['names a database', { MLFLOW_TRACKING_URI: 'sqlite:///mlflow.db' }, 'BAD_TRACKING_URI'],
  ])('a push says what to do when MLFLOW_TRACKING_URI %s', async (_, env, code) => {
    await expect(pushRuns(temporaryWorkspace(), { env })).rejects.toMatchObject({ code });
  });

  test('a run whose server has an impossible address goes on, and that is said once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const workspace = temporaryWorkspace();
    const env = { MLFLOW_TRACKING_URI: 'databricks' };
    expect([followRuns(workspace, env), followRuns(workspace, env), followRuns(workspace, {})]).toEqual([undefined, undefined, undefined]);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('MLFLOW_TRACKING_URI is "databricks"')]]);
  });

  test('the command ends with the reason', async () => {
    const { code, stderr } = await runCommand({ env: {} }, 'mlflow', 'push');
    expect(stderr).toContain('MLFLOW_TRACKING_URI is not set');
    expect(code).toBe(1);
  });
});
