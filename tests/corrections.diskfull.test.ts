import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { readPending, recordCorrection, undoCorrection } from '../lib/corrections';
import { food } from '../lib/tasks';
import { openWorkspace } from '../lib/workspace';
import { pictureFile } from './corrections.fixture';

/** Files that may still be written. */
let room = Number.POSITIVE_INFINITY;

vi.mock('write-file-atomic', async (original) => {
  const { default: real } = await original<{ default: (file: string, content: unknown) => Promise<void> }>();
  return {
    default: async (file: string, content: unknown) => {
      if (room-- <= 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      return real(file, content);
    },
  };
});

const home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-diskfull-'));
const workspace = openWorkspace({ env: { VISIONBOOK_HOME: home } });
afterAll(() => rm(home, { recursive: true, force: true }));

it.each([
  ['the picture', 0],
  ['the row', 1],
])('a disk that is full at %s gives a clear error, and leaves everything as it was', async (_, files) => {
  room = Number.POSITIVE_INFINITY;
  const first = await recordCorrection(workspace, food, { content: await pictureFile('first'), labels: [1, 0, 0] });
  const before = await readFile(workspace.pendingCsv, 'utf8');

  room = files;
  await expect(recordCorrection(workspace, food, { content: await pictureFile('second'), labels: [1, 0, 0] })).rejects.toMatchObject({
    code: 'CORRECTIONS_DISK_FULL',
    status: 507,
  });
  expect(await readFile(workspace.pendingCsv, 'utf8')).toBe(before);
  expect(await readdir(workspace.correctionImages)).toEqual([path.basename(first.correction.path)]);
  room = 0;
  await expect(undoCorrection(workspace, food, first.correction.sha256)).rejects.toMatchObject({ code: 'CORRECTIONS_DISK_FULL' });
  expect(await readPending(workspace, food)).toHaveLength(1);
});

it('a correction is kept though there is no room left for the status', async () => {
  room = 2;
  const { pending } = await recordCorrection(workspace, food, { content: await pictureFile('third'), labels: [0, 0, 1] });
  expect(pending).toBe(2);
  expect(await readPending(workspace, food)).toHaveLength(2);
});
