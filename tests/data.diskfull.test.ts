import { readFileSync } from 'node:fs';
import * as files from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { prepareDataset, readDataset } from '../lib/data';
import { food } from '../lib/tasks';
import { fillSource, smallSettings, temporaryFolder, temporaryWorkspace } from './data.fixtures';

let room = Number.POSITIVE_INFINITY;

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof files>();
  const writeFile: typeof files.writeFile = async (...call) => {
    if (room-- <= 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    return real.writeFile(...call);
  };
  return { ...real, writeFile };
});

it('a full disk gives a clear error and leaves the former data set', async () => {
  const workspace = temporaryWorkspace();
  const source = await fillSource(temporaryFolder(), 2);
  const prepare = () => prepareDataset({ workspace, task: food, source, settings: smallSettings() });
  const { fingerprint } = await prepare();
  const labels = readFileSync(workspace.labelsCsv, 'utf8');

  room = 7;
  await expect(prepare()).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringContaining('the former data set is untouched'),
  });
  expect(readFileSync(workspace.labelsCsv, 'utf8')).toBe(labels);
  expect((await readDataset(workspace, food)).fingerprint).toBe(fingerprint);
  expect((await files.readdir(workspace.dataset)).sort()).toEqual(['CARD.md', 'dataset.json', 'images', 'labels.csv']);
});
