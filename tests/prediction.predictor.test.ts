import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { picturesBySplit, readDataset } from '../lib/data';
import { readRun } from '../lib/experiments';
import { multilabelMetrics } from '../lib/metrics';
import { decide, openPredictor, type Predictor, predictFiles, predictMatrix } from '../lib/prediction';
import type { Progress } from '../lib/progress';
import { food } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { copyOfTrained, trained } from './pipeline.fixture';

let workspace: Workspace;
let predictor: Predictor;
let test: string[];

beforeAll(async () => {
  ({ workspace } = await trained());
  predictor = await openPredictor(workspace, 'food');
  test = picturesBySplit(await readDataset(workspace, food)).test.map((picture) => picture.path);
});
afterAll(() => predictor?.release());

describe('a predictor', () => {
  it('gives what its run measured on the test split', async () => {
    const { metrics, config } = await readRun(workspace, predictor.card.runId);
    const pictures = picturesBySplit(await readDataset(workspace, food)).test;
    const predictions = {
      classes: predictor.card.classes,
      count: pictures.length,
      labels: Uint8Array.from(pictures.flatMap(({ labels }) => labels)),
      probabilities: await predictMatrix(predictor, test),
    };
    const measured = multilabelMetrics(predictions, {
      threshold: predictor.card.decision.threshold,
      negativeWeight: config.negativeWeight as number,
    });
    // The run measured on activations kept as float16.
    expect(Math.abs(measured.loss - metrics.test!.loss)).toBeLessThan(0.01);
    expect(Math.abs(measured.auc! - metrics.test!.auc!)).toBeLessThan(0.02);
  });

  it('says the same of a file, of its bytes, alone and among others', async () => {
    const [alone] = await predictor.predict([test[0]!]);
    const [, fromBytes] = await predictor.predict([test[1]!, await readFile(test[0]!), test[2]!]);
    for (const [index, probability] of alone!.probabilities.entries()) expect(fromBytes!.probabilities[index]).toBeCloseTo(probability, 5);
  });

  it('decides by the rule of its card', async () => {
    const { classes, decision } = predictor.card;
    for (const prediction of await predictor.predict(test.slice(0, 8)))
      expect(prediction.decision).toEqual(decide(prediction.probabilities, classes, decision));
  });

  it('can be that of any run', async () => {
    const head = (await readRun(workspace, predictor.card.runId)).parent ?? predictor.card.runId;
    const other = await openPredictor(workspace, 'food', { run: head });
    expect(other.card).toMatchObject({ runId: head, stage: 'head', classes: ['lacteos', 'arroz', 'frutas/verduras'] });
    await other.release();
  });
});

describe('predicting files', () => {
  it('reports each unreadable one in its place, and none of the others suffers', async () => {
    const broken = workspace.labelsCsv; // a file, but no picture
    const files = [...test.slice(0, 10), broken, ...test.slice(10, 20), '/nowhere/gone.jpg'];
    const steps: Progress[] = [];
    const predictions = await predictFiles(predictor, files, (progress) => steps.push(progress));
    expect(predictions.map(({ file }) => file)).toEqual(files);
    expect(predictions.flatMap((one, index) => ('error' in one ? [index] : []))).toEqual([10, 21]);
    expect(predictions[21]).toMatchObject({ error: expect.stringContaining('there is no such file') });
    const [expected] = await predictor.predict([test[10]!]);
    expect((predictions[11] as typeof expected)!.probabilities[0]).toBeCloseTo(expected!.probabilities[0]!, 5);
    expect(steps.map(({ done }) => done)).toEqual([16, 22]);
  });

  it('takes pictures of every kind: tiny, grey with alpha, 16-bit, CMYK, turned by EXIF', async () => {
    const plain = sharp({ create: { width: 40, height: 30, channels: 3, background: '#c80' } });
    const kinds = [
      await sharp({ create: { width: 1, height: 1, channels: 3, background: '#c80' } })
        .png()
        .toBuffer(),
      await plain.clone().greyscale().ensureAlpha(0.5).png().toBuffer(),
      await plain.clone().toColourspace('rgb16').png().toBuffer(),
      await plain.clone().toColourspace('cmyk').jpeg().toBuffer(),
      await plain.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    ];
    const predictions = await predictor.predict(kinds);
    expect(predictions).toHaveLength(5);
    for (const { probabilities } of predictions) expect(probabilities.every((share) => share >= 0 && share <= 1)).toBe(true);
  });

  it('predicts nothing for no file', async () => {
    expect(await predictFiles(predictor, [])).toEqual([]);
  });
});

describe('a model that is not right', () => {
  it('is missing in a new workspace, and the error says how to get one', async () => {
    const empty = openWorkspace({ env: { VISIONBOOK_HOME: '/nowhere' } });
    await expect(openPredictor(empty, 'food')).rejects.toMatchObject({
      code: 'NO_MODEL',
      message: expect.stringContaining('npm run train -- food'),
    });
    await expect(openPredictor(workspace, 'food', { run: 'xyz' })).rejects.toMatchObject({
      code: 'NO_MODEL',
      message: expect.stringContaining('xyz'),
    });
  });

  it.each<[string, string, (home: { current: string; card: string; onnx: string }) => Promise<unknown>]>([
    ['current.json is cut off', 'UNREADABLE_MODEL', ({ current }) => writeFile(current, '{"run":')],
    ['current.json names no run', 'UNREADABLE_MODEL', ({ current }) => writeFile(current, '{}')],
    ['current.json names a run that is gone', 'NO_MODEL', ({ current }) => writeFile(current, '{"run":"gone"}')],
    ['card.json is no JSON', 'UNREADABLE_MODEL', ({ card }) => writeFile(card, 'oops')],
    ['card.json is of another kind', 'UNREADABLE_MODEL', ({ card }) => writeFile(card, '{"schemaVersion":2}')],
    ['card.json is missing', 'NO_MODEL', ({ card }) => rm(card)],
    ['model.onnx is cut off', 'BAD_ONNX_MODEL', ({ onnx }) => truncate(onnx, 100_000)],
    ['model.onnx is empty', 'BAD_ONNX_MODEL', ({ onnx }) => truncate(onnx, 0)],
    ['model.onnx is missing', 'BAD_ONNX_MODEL', ({ onnx }) => rm(onnx)],
  ])('%s: %s', async (_, code, damage) => {
    const { workspace: copy } = await copyOfTrained();
    const folder = copy.model('food', predictor.card.runId);
    const files = { current: copy.currentModel('food'), card: path.join(folder, 'card.json'), onnx: path.join(folder, 'model.onnx') };
    await damage(files);
    const refused = openPredictor(copy, 'food');
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringMatching(/\.json|\.onnx|gone|food-/) });
  });
});
