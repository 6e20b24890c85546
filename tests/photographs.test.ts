import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { chooseData, picturesBySplit, prepareDataset, readDataset } from '../lib/data';
import { openPredictor, predictMatrix } from '../lib/prediction';
import { food, type SettingsOverrides, settingsFor } from '../lib/tasks';
import { trainTask } from '../lib/training';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';

const shared = process.env.VISIONBOOK_SHARED ?? path.resolve(openWorkspace().root, '../shared');
const photos = path.join(shared, 'photos');
const weightsFile = path.join(shared, 'weights/mobilenet_v2_1.0_224_no_top.h5');

const overrides: SettingsOverrides = {
  collages: { train: 240, validation: 60, test: 80 },
  negatives: { train: 80, validation: 20, test: 30 },
  stages: [
    { name: 'head', trainableLayers: 0, learningRate: 3e-3, epochs: 8 },
    { name: 'finetune', trainableLayers: 3, learningRate: 1e-4, epochs: 1 },
  ],
};

it.skipIf(!existsSync(photos))(
  'real photographs, ImageNet weights: photographs that were never seen are told apart',
  async () => {
    const workspace = openWorkspace({ env: { VISIONBOOK_HOME: temporaryFolder() } });
    const source = await chooseData(workspace, food, photos);
    const card = await prepareDataset({ workspace, task: food, source, settings: settingsFor(food, source, overrides) });
    expect(card.data.isSample).toBe(false);
    const dataset = await readDataset(workspace, food);
    const bySplit = picturesBySplit(dataset);
    const photographs = Object.values(bySplit).map((pictures) => new Set(pictures.flatMap(({ sources }) => sources)));
    for (const [index, names] of photographs.entries())
      for (const others of photographs.slice(index + 1)) expect([...names].filter((name) => others.has(name))).toEqual([]);

    const { runs, current } = await trainTask({ workspace, task: food, overrides, weightsFile });
    expect(runs.map(({ stage, status, weights }) => [stage, status, weights.isStandIn])).toEqual([
      ['head', 'finished', false],
      ['finetune', 'finished', false],
    ]);
    const best = runs.find(({ id }) => id === current)!;
    // Chance is 0.5; with all 3,000 collages the head alone reaches 0.96.
    expect(best.metrics.test!.auc).toBeGreaterThan(0.85);

    const predictor = await openPredictor(workspace, food.name);
    const files = bySplit.test.map((picture) => picture.path);
    const probabilities = await predictMatrix(predictor, files);
    await predictor.release();
    const right = bySplit.test
      .flatMap(({ labels }) => labels)
      .filter((label, index) => (probabilities[index]! > 0.5 ? 1 : 0) === label).length;
    expect(right / probabilities.length).toBeCloseTo(best.metrics.test!.binaryAccuracy!, 2);
  },
  180_000,
);
