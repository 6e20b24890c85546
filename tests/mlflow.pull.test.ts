import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { curveOf, type ForeignRun, readForeignRuns, readRuns, sawSameData } from '../lib/experiments';
import { pullRuns, pushRuns } from '../lib/mlflow';
import { writeReport } from '../lib/report';
import { putRun, runRecord, temporaryWorkspace } from './experiments.helpers';
import { type MlflowServer, mlflowCommand, startMlflow } from './mlflow.fixture';

test.each([
  ['loss', 'train loss'],
  ['val_loss', 'validation loss'],
  ['accuracy', 'train accuracy'],
  ['val_accuracy', 'validation accuracy'],
  ['train_acc', 'train accuracy'],
  ['training/loss', 'train loss'],
  ['validation-auc', 'validation auc'],
  ['valid.AUC', 'validation auc'],
  ['test_loss', undefined],
  ['val_binary_accuracy', undefined],
  ['glossiness', undefined],
  ['value_loss', undefined],
  ['system/cpu_utilization_percentage', undefined],
])('the curve of %s is of the %s', (name, meaning) => {
  const known = curveOf(name);
  expect(known && `${known.split} ${known.quantity}`).toBe(meaning);
});

describe.skipIf(!mlflowCommand)('from an MLflow server', () => {
  let server: MlflowServer;
  beforeAll(async () => {
    server = await startMlflow(mlflowCommand!);
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.requests.length = 0;
  });

  test('runs made in Python are fetched; ours are not', async () => {
    const workspace = temporaryWorkspace();
    const record = runRecord({ id: '20260301T090507Z-food-head-cccccc' });
    putRun(workspace, record.id, record);
    const env = { MLFLOW_TRACKING_URI: server.url, MLFLOW_EXPERIMENT_NAME: 'python' };
    await pushRuns(workspace, { env });
    const id = await server.python<string>(`
import json, mlflow
mlflow.set_experiment('python')
with mlflow.start_run(run_name='keras') as run:
    mlflow.log_param('learning_rate', 0.01)
    for step, loss in enumerate([0.5, float('nan')]): mlflow.log_metric('val_loss', loss, step=step)
    mlflow.set_tag('visionbook.data.fingerprint', '${record.data.fingerprint}')
print(json.dumps(run.info.run_id))`);
    expect((await pullRuns(workspace, { env })).map((run) => run.id)).toEqual([id]);
    await pullRuns(workspace, { env });
    const { runs, problems } = await readForeignRuns(workspace);
    expect(problems).toEqual([]);
    expect(runs).toEqual([
      expect.objectContaining({
        id,
        name: 'keras',
        status: 'finished',
        params: { learning_rate: '0.01' },
        metrics: { val_loss: Number.NaN },
      }),
    ]);
    expect(sawSameData(runs[0]!, record)).toBe(true);
    expect((await readRuns(workspace)).runs.map((run) => run.id)).toEqual([record.id]);
    await expect(pullRuns(workspace, { env, experiment: 'pyton' })).rejects.toMatchObject({ code: 'NO_SUCH_EXPERIMENT' });
  });

  describe('curves', () => {
    const env = (): Record<string, string> => ({ MLFLOW_TRACKING_URI: server.url, MLFLOW_EXPERIMENT_NAME: 'curves' });
    beforeAll(async () => {
      await server.python(`
import json, math, mlflow
from mlflow.entities import Metric
client = mlflow.MlflowClient()
mlflow.set_experiment('curves')
with mlflow.start_run(run_name='keras'):
    for epoch, loss in enumerate([0.9, math.nan, 0.5, math.inf]):
        mlflow.log_metrics({'loss': loss, 'val_loss': loss + 0.1, 'accuracy': 0.7, 'val_accuracy': 0.6, 'learning_rate': 0.01}, step=epoch)
    mlflow.log_metric('val_auc', 0.9)
with mlflow.start_run(run_name='long') as run:
    for begin in (0, 1000, 2000):
        client.log_batch(run.info.run_id, [Metric('loss', float(step), 1000 + step, step) for step in range(begin, min(begin + 1000, 2500))])
with mlflow.start_run(run_name='stepless') as run:
    for time, value in [(1, 0.3), (2, 0.1), (3, 0.2)]: client.log_metric(run.info.run_id, 'train_loss', value, timestamp=time)
with mlflow.start_run(run_name='disorderly') as run:
    for time, (step, value) in enumerate([(30, 0.3), (-2, 0.9), (30, 0.4), (7, 0.5), (0, 0.6)]):
        client.log_metric(run.info.run_id, 'val_acc', value, timestamp=1000 + time, step=step)
with mlflow.start_run(run_name='diverged'):
    for step in range(3): mlflow.log_metric('loss', math.nan, step=step)
with mlflow.start_run(run_name='nothing'): pass
print(json.dumps(None))`);
    });

    async function pulled(): Promise<(name: string) => ForeignRun> {
      const workspace = temporaryWorkspace();
      await pullRuns(workspace, { env: env() });
      const { runs, problems } = await readForeignRuns(workspace);
      expect(problems).toEqual([]);
      expect(runs).toHaveLength(6);
      return (name) => runs.find((run) => run.name === name)!;
    }
    const pairs = (run: ForeignRun, name: string): number[][] => run.curves![name]!.map(({ step, value }) => [step, value]);

    test('are those of loss, accuracy and AUC with more than one value', async () => {
      const keras = (await pulled())('keras');
      expect(Object.keys(keras.curves!).sort()).toEqual(['accuracy', 'loss', 'val_accuracy', 'val_loss']);
      expect(pairs(keras, 'loss')).toEqual([
        [0, 0.9],
        [1, Number.NaN],
        [2, 0.5],
        [3, Number.NaN], // JSON has no infinity either
      ]);
    });

    test('of thousands of steps come page by page, and are thinned from end to end', async () => {
      const long = pairs((await pulled())('long'), 'loss');
      expect(server.requests.filter((request) => request.endsWith('metrics/get-history'))).toHaveLength(4 + 1 + 3 + 1 + 1 + 1);
      expect(long).toHaveLength(400);
      expect(long[0]).toEqual([0, 0]);
      expect(long.at(-1)).toEqual([2499, 2499]);
      expect(long.every(([step, value]) => step === value)).toBe(true);
      const strides = long.slice(1).map(([step], index) => step! - long[index]![0]!);
      expect([Math.min(...strides), Math.max(...strides)]).toEqual([6, 7]);
    });

    test('without steps are in the order of time, and with them in theirs', async () => {
      const run = await pulled();
      expect(pairs(run('stepless'), 'train_loss')).toEqual([
        [0, 0.3],
        [1, 0.1],
        [2, 0.2],
      ]);
      expect(pairs(run('disorderly'), 'val_acc')).toEqual([
        [-2, 0.9],
        [0, 0.6],
        [7, 0.5],
        [30, 0.3],
        [30, 0.4],
      ]);
      expect(run('nothing').curves).toEqual({});
    });

    test('are in the report, whether there are runs of ours or not', async () => {
      const workspace = temporaryWorkspace();
      await pullRuns(workspace, { env: env() });
      for (const runs of [[], [runRecord()]]) {
        const page = readFileSync(await writeReport({ workspace, runs }), 'utf8');
        const section = /<section id="foreign">.*?<\/section>/s.exec(page)![0];
        expect(section).toContain('How they learnt');
        expect(section).toContain('long, loss');
        expect(section).not.toContain('diverged, loss');
        expect(page.length > 1_000_000).toBe(true); // Plotly is in it
      }
    });
  });
});
