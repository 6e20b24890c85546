import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodePicture } from '../lib/data';
import { pushRuns } from '../lib/mlflow';
import { flavourFiles } from '../lib/mlflow/flavour';
import { findModel } from '../lib/models';
import { openPredictor } from '../lib/prediction';
import { dependencies } from '../package.json';
import { type MlflowServer, mlflowCommand, startMlflow } from './mlflow.fixture';
import { copyOfTrained, type TestHome } from './pipeline.fixture';

const flavour = ['MLmodel', 'conda.yaml', 'python_env.yaml', 'requirements.txt'];

describe.skipIf(!mlflowCommand)('a model in MLflow', () => {
  let server: MlflowServer;
  let home: TestHome;
  let env: Record<string, string>;
  beforeAll(async () => {
    server = await startMlflow(mlflowCommand!);
    home = await copyOfTrained();
    env = { MLFLOW_TRACKING_URI: server.url, MLFLOW_EXPERIMENT_NAME: 'model' };
    await pushRuns(home.workspace, { env });
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.requests.length = 0;
  });

  const sent = { bytes: 1, sha256: 'ab'.repeat(32), run: 'cd', folder: 'model' };

  /** The names of the files that were sent. */
  const sentFiles = (): string[] => server.requests.filter((request) => request.startsWith('PUT')).map((request) => path.basename(request));

  test('is loaded by Python, as a function and as ONNX, and says what it says here', async () => {
    const { workspace } = home;
    const { card } = await findModel(workspace, 'food');
    const folder = path.join(workspace.dataset, 'images');
    const pictures = readdirSync(folder)
      .slice(0, 3)
      .map((name) => path.join(folder, name));
    const pixels = path.join(home.home, 'pixels.bin');
    writeFileSync(pixels, Buffer.concat(await Promise.all(pictures.map((picture) => decodePicture(picture, card.imageSize)))));
    const loaded = await server.python<{ schema: unknown; metadata: object; pyfunc: number[][]; onnx: number[][]; run: string }>(`
import json, numpy, mlflow, onnxruntime
pixels = numpy.fromfile(${JSON.stringify(pixels)}, 'uint8').reshape(-1, ${card.imageSize}, ${card.imageSize}, 3)
address = 'models:/visionbook-food@current'
function = mlflow.pyfunc.load_model(address)
session = onnxruntime.InferenceSession(mlflow.onnx.load_model(address).SerializeToString())
print(json.dumps({
    'schema': [function.metadata.get_input_schema().to_dict(), function.metadata.get_output_schema().to_dict()],
    'metadata': function.metadata.metadata,
    'pyfunc': function.predict({'image': pixels})['probabilities'].tolist(),
    'onnx': session.run(['probabilities'], {'image': pixels})[0].tolist(),
    'run': mlflow.get_run(function.metadata.run_id).data.tags['visionbook.run'],
}))`);
    const predictor = await openPredictor(workspace, 'food', { calibrated: false });
    const here = (await predictor.predict(pictures)).flatMap(({ probabilities }) => probabilities);
    await predictor.release();
    for (const there of [loaded.pyfunc, loaded.onnx]) {
      expect(there.flat()).toHaveLength(here.length);
      for (const [index, value] of there.flat().entries()) expect(value).toBeCloseTo(here[index]!, 6);
    }
    expect(loaded.run).toBe(card.runId);
    expect(loaded.metadata).toMatchObject({ task: 'food', classes: card.classes, preprocessing: card.preprocessing });
    expect(loaded.schema).toMatchObject([
      [{ name: 'image', 'tensor-spec': { dtype: 'uint8', shape: [-1, card.imageSize, card.imageSize, 3] } }],
      [{ name: 'probabilities', 'tensor-spec': { dtype: 'float32', shape: [-1, card.classes.length] } }],
    ]);
  });

  test('is not sent again by a second push, and what Python needs is added to one that was sent without it', async () => {
    await pushRuns(home.workspace, { env });
    expect(server.requests.filter((request) => /log-batch|^PUT/.test(request))).toEqual([]);
    const { card } = await findModel(home.workspace, 'food');
    const { runs } = await server.ask<{ runs: { info: { run_id: string } }[] }>('runs/search', {
      experiment_ids: ['1'],
      filter: `tags.\`visionbook.run\` = '${card.runId}'`,
    });
    const keys = ['visionbook.extent', ...flavour.map((name) => `visionbook.sha256.model/${name}`)];
    for (const key of keys) await server.ask('runs/delete-tag', { run_id: runs[0]!.info.run_id, key });
    expect((await pushRuns(home.workspace, { env })).runs.completed).toEqual([card.runId]);
    expect(sentFiles().sort()).toEqual([...flavour, 'run.json'].sort());
  });

  test('asks for the very versions that it is tested with', async () => {
    const files = flavourFiles({ ...sent, card: (await findModel(home.workspace, 'food')).card });
    const wanted = files['requirements.txt']!.split('\n').map((line) => line.split('=='));
    const names = wanted.map(([name]) => name);
    const installed = await server.python<object>(
      `import json, importlib.metadata; print(json.dumps([[name, importlib.metadata.version(name)] for name in ${JSON.stringify(names)}]))`,
    );
    expect(wanted).toEqual(installed);
    expect(wanted).toContainEqual(['onnxruntime', dependencies['onnxruntime-node']]);
  });

  test('keeps names of classes that YAML would read as something else', async () => {
    const { card } = await findModel(home.workspace, 'food');
    const names = ['yes', 'null', '1.0', '2026-11-25', 'frutas/verduras: ñ # "x"'];
    const file = path.join(home.home, 'MLmodel');
    writeFileSync(file, flavourFiles({ ...sent, card: { ...card, classes: names } }).MLmodel!);
    const classes = await server.python<string[]>(
      `import json; from mlflow.models import Model; print(json.dumps(Model.load(${JSON.stringify(file)}).metadata['classes']))`,
    );
    expect(classes).toEqual(names);
  });
});
