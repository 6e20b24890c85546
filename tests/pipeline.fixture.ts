import { constants, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lock } from 'proper-lockfile';
import { afterAll, inject } from 'vitest';
import { chooseData, prepareDataset } from '../lib/data';
import { buildFoodSample } from '../lib/data/sample';
import { food, type SettingsOverrides, settingsFor } from '../lib/tasks';
import { trainTask } from '../lib/training';
import { openWorkspace, type Workspace } from '../lib/workspace';
import './pipeline.setup';

/** What makes a training take seconds. */
export const tinySettings = {
  backbone: 'mobilenet_v2',
  collages: { train: 64, validation: 24, test: 24 },
  negatives: { train: 24, validation: 12, test: 12 },
  batchSize: 16,
  stages: [
    { name: 'head', trainableLayers: 0, learningRate: 1e-3, epochs: 2 },
    { name: 'finetune', trainableLayers: 6, learningRate: 1e-4, epochs: 1 },
  ],
  retraining: { originals: 20, boost: 5, epochs: 1, learningRate: 1e-5, trainableLayers: 6 },
} satisfies SettingsOverrides;

/** The same of galaxies. */
export const tinyGalaxySettings = {
  backbone: 'mobilenet_v2',
  perClass: 10,
  batchSize: 16,
  hiddenLayers: [{ units: 32, dropout: 0.1 }],
  augmentation: { views: 3, rotationTurns: 0.4, zoom: 0.15, flips: true },
  split: { validation: 0.2, test: 0.2 },
  stages: [
    { name: 'head', trainableLayers: 0, learningRate: 3e-3, epochs: 24 },
    { name: 'finetune', trainableLayers: 6, learningRate: 1e-4, epochs: 1 },
  ],
} satisfies SettingsOverrides;

/** Number of pictures of the tiny data set. */
export const tinyCounts = { train: 88, validation: 36, test: 36 };

/** A workspace whose files are all in one folder, with the environment that brings a command there. */
export interface TestHome {
  readonly home: string;
  readonly workspace: Workspace;
  readonly env: Readonly<Record<string, string>>;
}

function homeAt(home: string): TestHome {
  const env = { VISIONBOOK_HOME: home, VISIONBOOK_RAW: path.join(home, 'raw'), VISIONBOOK_SETTINGS: JSON.stringify(tinySettings) };
  return { home, env, workspace: openWorkspace({ env }) };
}

/**
 * A workspace with a tiny sample, its data set, and a head and a finetuned model. It is built once for all test files of a run, by the one that
 * asks first, and only to be read: `copyOfTrained` gives one to write to.
 */
export async function trained(): Promise<TestHome> {
  const folder = inject('sharedFolder');
  const finished = path.join(folder, 'trained');
  const release = await lock(folder, { stale: 60_000, retries: { retries: 900, minTimeout: 200, maxTimeout: 200 } });
  try {
    if (!existsSync(finished)) {
      const unfinished = path.join(folder, 'unfinished');
      await build(homeAt(unfinished).workspace);
      await rename(unfinished, finished);
    }
  } finally {
    await release();
  }
  return homeAt(finished);
}

async function build(workspace: Workspace): Promise<void> {
  const counts = { photos: { train: 16, validation: 8, test: 8 }, negatives: { train: 36, test: 12 } };
  await buildFoodSample({ folder: workspace.sample, packages: path.join(workspace.root, 'node_modules'), task: food, seed: 3, counts });
  const source = await chooseData(workspace, food, 'sample');
  await prepareDataset({ workspace, task: food, source, settings: settingsFor(food, source, tinySettings) });
  await trainTask({ workspace, task: food, overrides: tinySettings });
}

const copies: string[] = [];
afterAll(() => Promise.all(copies.map((copy) => rm(copy, { recursive: true, force: true }))));

/** A copy of `trained()` that a test may change; it is removed when the test file has run. */
export async function copyOfTrained(): Promise<TestHome> {
  const { home } = await trained();
  const copy = await mkdtemp(path.join(inject('sharedFolder'), 'copy-'));
  copies.push(copy);
  await cp(home, copy, { recursive: true, mode: constants.COPYFILE_FICLONE });
  return homeAt(copy);
}

/** Writes `corrections/pending.csv`: a row for each picture of the test home's own, given with its labels. */
export async function writePending({ workspace }: TestHome, rows: readonly string[], header = pendingHeader): Promise<void> {
  await mkdir(workspace.corrections, { recursive: true });
  await writeFile(workspace.pendingCsv, [header, ...rows, ''].join('\n'));
}

export const pendingHeader = 'timestamp,image_path,lacteos,arroz,frutas/verduras,status';
