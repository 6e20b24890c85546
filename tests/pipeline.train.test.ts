import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { picturesBySplit, readDataset } from '../lib/data';
import { predictedSplits, type RunRecord, readPredictions, readRuns } from '../lib/experiments';
import { sha256File } from '../lib/files';
import { judgePredictions } from '../lib/metrics';
import { findModel } from '../lib/models';
import { food } from '../lib/tasks';
import { trainTask } from '../lib/training';
import { openWorkspace } from '../lib/workspace';
import { copyOfTrained, type TestHome, tinyCounts, tinySettings, trained } from './pipeline.fixture';

const headOnly = { ...tinySettings, stages: tinySettings.stages.slice(0, 1) };

describe('a training of two stages', () => {
  let home: TestHome;
  let head: RunRecord;
  let finetune: RunRecord;
  beforeAll(async () => {
    home = await trained();
    const { runs, problems } = await readRuns(home.workspace);
    expect(problems).toEqual([]);
    [head, finetune] = runs as [RunRecord, RunRecord];
  });

  it('leaves a record a stage, the second one continuing the first', () => {
    expect([head.stage, head.status, head.epochs.length]).toEqual(['head', 'finished', 2]);
    expect([finetune.stage, finetune.status, finetune.epochs.length]).toEqual(['finetune', 'finished', 1]);
    expect(finetune.parent).toBe(head.id);
    expect(head.parent).toBeUndefined();
  });

  it('records what it was trained on and with', async () => {
    const dataset = await readDataset(home.workspace, food);
    for (const run of [head, finetune]) {
      expect(run.data).toEqual({ name: 'sample', isSample: true, fingerprint: dataset.fingerprint, counts: tinyCounts });
      expect(run.weights).toMatchObject({ isStandIn: true, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
      expect(run.seed).toBe(food.defaults.seed);
      expect(run.config).toMatchObject({ batchSize: 16, negativeWeight: 4, dropout: 0.2 });
      expect(Object.keys(run.timings)).toEqual(['frozen layers', 'training', 'evaluation']);
      expect(run.peakMemoryMiB).toBeGreaterThan(100);
    }
    expect(finetune.config).toMatchObject({ learningRate: 1e-4, trainableLayers: 6, epochs: 1 });
  });

  it('measures all splits, with intervals and curves where they are to be trusted', () => {
    for (const { metrics } of [head, finetune]) {
      expect([metrics.train?.count, metrics.validation?.count, metrics.test?.count]).toEqual([88, 36, 36]);
      expect(metrics.train?.intervals).toBeUndefined();
      expect(metrics.test?.intervals?.auc?.low).toBeLessThanOrEqual(metrics.test!.auc!);
      expect(Object.keys(metrics.test?.roc ?? {})).toEqual(['lacteos', 'arroz', 'frutas/verduras']);
    }
  });

  it('keeps the predictions that its metrics are of, with the pictures they belong to', async () => {
    const splits = picturesBySplit(await readDataset(home.workspace, food));
    for (const run of [head, finetune]) {
      const predictions = await readPredictions(home.workspace, run.id);
      for (const split of predictedSplits) {
        const { pictures, sha256, sources } = predictions[split];
        expect(pictures).toEqual(splits[split].map(({ filename }) => filename));
        expect(sha256).toEqual(splits[split].map((picture) => picture.sha256));
        expect(sources).toEqual(splits[split].map((picture) => picture.sources));
        expect(run.metrics[split]).toMatchObject(judgePredictions(predictions[split], { threshold: 0.5, negativeWeight: 4 }));
      }
    }
  });

  it('keeps the weights of the best epoch', () => {
    const losses = head.epochs.map(({ validation }) => validation.loss);
    expect(head.bestEpoch).toBe(losses.indexOf(Math.min(...losses)) + 1);
    expect(head.metrics.validation!.loss).toBeCloseTo(Math.min(...losses), 5);
  });

  it('notes its files with their hashes', async () => {
    for (const run of [head, finetune]) {
      expect(run.artifacts.map((artifact) => path.basename(artifact.path))).toEqual([
        'card.json',
        'model.onnx',
        'model.keras',
        'predictions.csv.gz',
      ]);
      for (const artifact of run.artifacts) {
        const file = path.join(home.home, artifact.path);
        expect([artifact.sha256, artifact.bytes]).toEqual([await sha256File(file), (await stat(file)).size]);
      }
    }
  });

  it('makes the stage with the lower validation loss the current model', async () => {
    const best = finetune.metrics.validation!.loss < head.metrics.validation!.loss ? finetune : head;
    expect((await findModel(home.workspace, 'food')).card).toMatchObject({ runId: best.id, stage: best.stage, data: { isSample: true } });
  });

  it('computes what is frozen once for each picture', async () => {
    const copy = await copyOfTrained();
    const segments = async (): Promise<string[]> =>
      (await readdir(copy.workspace.activations, { recursive: true })).filter((name) => name.endsWith('.json')).sort();
    const before = await segments();
    const labels = new Set<string>();
    await trainTask({ workspace: copy.workspace, task: food, overrides: tinySettings, onProgress: ({ label }) => labels.add(label) });
    expect([...labels]).toEqual(['head', 'finetune']);
    expect(await segments()).toEqual(before);

    // A picture that changes is computed again, alone.
    const [picture] = picturesBySplit(await readDataset(copy.workspace, food)).train;
    await writeFile(picture!.path, Buffer.concat([await readFile(picture!.path), Buffer.from([0])]));
    const steps: string[] = [];
    const { runs } = await trainTask({
      workspace: copy.workspace,
      task: food,
      overrides: headOnly,
      onProgress: ({ label, done, total }) => steps.push(`${label} ${done}/${total}`),
    });
    expect(steps[0]).toBe('frozen layers 1/1');
    expect(runs[0]!.data.fingerprint).not.toBe(head.data.fingerprint);
  });

  it('gives the same numbers for the same seed, and others for another', async () => {
    const copy = await copyOfTrained();
    const lossWith = async (seed: number): Promise<number> => {
      const { runs } = await trainTask({ workspace: copy.workspace, task: food, overrides: { ...headOnly, seed } });
      return runs[0]!.metrics.test!.loss;
    };
    expect(await lossWith(food.defaults.seed)).toBeCloseTo(head.metrics.test!.loss, 4);
    expect(Math.abs((await lossWith(7)) - head.metrics.test!.loss)).toBeGreaterThan(1e-3);
  });
});

describe('a training that cannot be', () => {
  it('is refused without a data set', async () => {
    const empty = openWorkspace({ env: { VISIONBOOK_HOME: '/nowhere' } });
    await expect(trainTask({ workspace: empty, task: food })).rejects.toMatchObject({
      code: 'DATASET_MISSING',
      message: expect.stringContaining('npm run prepare -- food'),
    });
  });

  it.each<[string, string, (home: TestHome) => Promise<unknown>]>([
    [
      'a split has no picture',
      'NO_PICTURES',
      async ({ workspace }) => {
        const labels = await readFile(workspace.labelsCsv, 'utf8');
        await writeFile(workspace.labelsCsv, labels.replace(/^test_.*\n/gm, ''));
      },
    ],
    [
      'a picture is broken',
      'UNREADABLE_PICTURE',
      ({ workspace }) => writeFile(path.join(workspace.datasetImages, 'val_0000003.jpg'), 'no picture'),
    ],
  ])('ends as failed when %s, and the current model stays', async (_, code, damage) => {
    const home = await copyOfTrained();
    const { card } = await findModel(home.workspace, 'food');
    await damage(home);
    await expect(trainTask({ workspace: home.workspace, task: food, overrides: headOnly })).rejects.toMatchObject({ code });
    expect((await readRuns(home.workspace)).runs.at(-1)).toMatchObject({ status: 'failed', error: expect.stringContaining(code) });
    expect((await findModel(home.workspace, 'food')).card.runId).toBe(card.runId);
  });
});
