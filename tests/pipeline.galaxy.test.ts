import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { chooseData, picturesBySplit, prepareDataset, readDataset, readDatasetCard } from '../lib/data';
import { buildGalaxySample } from '../lib/data/galaxy';
import { type RunRecord, readRuns } from '../lib/experiments';
import { findModel } from '../lib/models';
import { describeDecision, exportModel, lossRows, openPredictor, predictMatrix } from '../lib/prediction';
import { describeRuns, metricRows, writeReport } from '../lib/report';
import { galaxy, settingsFor } from '../lib/tasks';
import { trainTask } from '../lib/training';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { tinyGalaxySettings as tiny } from './pipeline.fixture';
import { startServer } from './server.fixture';

const classes = galaxy.classes.map(({ name }) => name);

describe('galaxies, from a file like Galaxy10 to predictions', () => {
  let workspace: Workspace;
  let runs: readonly Readonly<RunRecord>[];

  beforeAll(async () => {
    const home = temporaryFolder();
    workspace = openWorkspace({ env: { VISIONBOOK_HOME: home, VISIONBOOK_RAW: path.join(home, 'raw') } });
    await buildGalaxySample({ folder: path.join(workspace.sample, galaxy.data.folder), seed: 3, perClass: 15 });
    const source = await chooseData(workspace, galaxy, 'auto');
    expect(source).toMatchObject({ name: 'sample', isSample: true, note: expect.stringContaining('the generated sample is used') });
    await prepareDataset({ workspace, task: galaxy, source, settings: settingsFor(galaxy, source, tiny, {}) });
    ({ runs } = await trainTask({ workspace, task: galaxy, overrides: tiny }));
  }, 240_000);

  it('makes a data set of its own beside that of food', async () => {
    expect(await readDatasetCard(workspace, galaxy)).toMatchObject({ task: 'galaxy', counts: { train: 90, validation: 30, test: 30 } });
    expect((await readdir(workspace.dataset)).sort()).toEqual(['galaxy']);
  });

  it('trains on balanced classes and measures as multi-class tasks are measured', async () => {
    expect(runs.map(({ stage, status, kind }) => [stage, status, kind])).toEqual([
      ['head', 'finished', 'multiclass'],
      ['finetune', 'finished', 'multiclass'],
    ]);
    const { train, validation, test } = runs[0]!.metrics;
    expect([train?.count, validation?.count, test?.count]).toEqual([100, 30, 30]);
    expect(train!.perClass.map(({ support }) => support)).toEqual(new Array(10).fill(10));
    expect(test!.confusion!.map((row) => row.reduce((sum, cell) => sum + cell, 0))).toEqual(new Array(10).fill(3));
    expect(test!.intervals!.accuracy!.low).toBeLessThanOrEqual(test!.accuracy!);
    expect(Object.keys(test!.roc!)).toEqual(classes);
    expect(train!.accuracy).toBeGreaterThan(0.3); // guessing gets 0.1
    expect(runs[0]!.epochs[0]).toMatchObject({ learningRate: 3e-3, train: { accuracy: expect.any(Number) } });
    const { runs: read, problems } = await readRuns(workspace);
    expect(problems).toEqual([]);
    expect(read.find(({ id }) => id === runs[0]!.id)!.metrics.test).toEqual(test);
  });

  it('predicts one class a picture, as well as the record says', async () => {
    const { card } = await findModel(workspace, 'galaxy', runs[1]!.id);
    expect(card).toMatchObject({ kind: 'multiclass', hiddenLayers: tiny.hiddenLayers, classes });
    const predictor = await openPredictor(workspace, 'galaxy', { run: card.runId });
    const { test } = picturesBySplit(await readDataset(workspace, galaxy));
    const predictions = await predictor.predict(test.map((picture) => picture.path));
    await predictor.release();
    for (const { decision, probabilities } of predictions) {
      expect(probabilities.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 4);
      expect(decision).toEqual({ kind: 'classes', classes: [classes[probabilities.indexOf(Math.max(...probabilities))]] });
    }
    const right = predictions.filter(
      ({ probabilities }, row) => test[row]!.labels[probabilities.indexOf(Math.max(...probabilities))] === 1,
    );
    expect(Math.abs(right.length - 30 * runs[1]!.metrics.test!.accuracy!)).toBeLessThanOrEqual(1);
  });

  it('answers over HTTP with the model that was trained, and keeps the answer in its log', async () => {
    const server = await startServer({ workspace });
    try {
      const { test } = picturesBySplit(await readDataset(workspace, galaxy));
      const { path: file, filename } = test[4]!;
      const body = new FormData();
      body.append('file', new Blob([await readFile(file)]), filename);
      const answer = await fetch(`${server.address}/predict?task=galaxy`, { method: 'POST', body });
      expect(answer.status).toBe(200);
      const { predictions } = (await answer.json()) as { predictions: [Record<string, unknown>] };
      const predictor = await openPredictor(workspace, 'galaxy');
      const [expected] = await predictor.predict([file]);
      await predictor.release();
      expect(predictions[0]).toMatchObject({ filename, prediction: describeDecision(expected!.decision) });
      const { probabilities } = predictions[0] as { probabilities: Record<string, number> };
      for (const [index, name] of classes.entries()) expect(probabilities[name]).toBeCloseTo(expected!.probabilities[index]!, 5);
      await vi.waitFor(async () => {
        const logged = (await (await fetch(`${server.address}/predictions?task=galaxy`)).json()) as { predictions: unknown[] };
        expect(logged.predictions).toMatchObject([{ filename, task: 'galaxy', prediction: predictions[0].prediction }]);
      });
    } finally {
      await server.close();
    }
  }, 180_000);

  it('goes on from the saved model, hidden layers and all', async () => {
    const { loadClassifier } = await import('../lib/models');
    const { loadTensorFlow } = await import('../lib/engine');
    const { tf } = await loadTensorFlow();
    const classifier = await loadClassifier(tf, await findModel(workspace, 'galaxy'));
    expect(classifier.model.layers.slice(-4).map(({ name }) => name)).toEqual(['dropout', 'dense', 'dropout_1', 'dense_1']);
    classifier.model.dispose();
  });

  it('is exported in 8 bits, with what each class loses', async () => {
    const report = await exportModel({ workspace, task: galaxy, variants: ['int8'], calibrationPictures: 8 });
    const rows = lossRows(report);
    expect(rows.map((row) => row.class)).toEqual([...classes, 'all (30 test pictures)']);
    expect(rows.at(-1)).toMatchObject({ model: 'int8', accuracy: expect.any(Number) });
    expect(report.files[1]!.loss!.after.kind).toBe('multiclass');
    const predictor = await openPredictor(workspace, 'galaxy', { variant: 'int8' });
    const { test } = picturesBySplit(await readDataset(workspace, galaxy));
    expect(
      await predictMatrix(
        predictor,
        test.slice(0, 2).map((picture) => picture.path),
      ),
    ).toHaveLength(20);
    await predictor.release();
  });

  it('is reported in its own words', async () => {
    expect(metricRows(runs[0]!).map(({ metric }) => metric)).toEqual(
      expect.arrayContaining(['Accuracy ↑', 'Balanced accuracy ↑', 'Calibration error ↓', 'Log loss ↓']),
    );
    expect(describeRuns(runs)).toMatch(/galaxy on the sample, best validation accuracy first/);
    const page = await readFile(await writeReport({ workspace, runs }), 'utf8');
    expect(page).toContain('Confusion matrix');
    expect(page).toContain('Reliability diagram');
    expect(page).toContain('Most confused pairs');
  });

  it('computes each view once, and none of validation or test', async () => {
    const rows = async (): Promise<string[]> => {
      const files = (await readdir(workspace.activations, { recursive: true })).filter((name) => name.endsWith('.json'));
      const read = await Promise.all(
        files.map(async (name) => JSON.parse(await readFile(path.join(workspace.activations, name), 'utf8')).rows),
      );
      return read.flat();
    };
    const before = await rows();
    const { pictures } = await readDataset(workspace, galaxy);
    const trained = new Set(picturesBySplit({ pictures } as never).train.map(({ sha256 }) => sha256));
    const views = new Set(before.filter((key) => key.includes('/')));
    expect(views.size).toBe(2 * 90);
    for (const key of views) expect(trained.has(key.split('/')[0]!)).toBe(true);
    await trainTask({ workspace, task: galaxy, overrides: { ...tiny, stages: tiny.stages.slice(0, 1) } });
    expect((await rows()).sort()).toEqual(before.sort());
    await trainTask({ workspace, task: galaxy, overrides: { ...tiny, seed: 7, stages: [{ ...tiny.stages[0]!, epochs: 1 }] } });
    expect((await rows()).length).toBeGreaterThan(before.length);
  });
});
