import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPending, recordCorrection, undoCorrection } from '../lib/corrections';
import { sha256 } from '../lib/files';
import { food } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { pictureFile } from './corrections.fixture';

const header = 'timestamp,image_path,lacteos,arroz,frutas/verduras,status';
const now = new Date('2026-03-01T09:05:07.123Z');
let home: string;
let workspace: Workspace;

beforeEach(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-record-'));
  workspace = openWorkspace({ env: { VISIONBOOK_HOME: home } });
});
afterEach(() => rm(home, { recursive: true, force: true }));

const lines = async (): Promise<string[]> => (await readFile(workspace.pendingCsv, 'utf8')).trimEnd().split('\n');
const status = (): Promise<string> => readFile(workspace.retrainingStatus, 'utf8');
async function record(seed: number | string, labels: readonly number[] = [0, 1, 0], format?: 'jpeg' | 'png' | 'webp') {
  return recordCorrection(workspace, food, { content: await pictureFile(seed, format), labels, now });
}

describe('a correction', () => {
  it.each(['jpeg', 'png', 'webp'] as const)(
    'of a %s is a row in the format of the file, and a copy of the picture by its content',
    async (format) => {
      const content = await pictureFile(1, format);
      const recorded = await recordCorrection(workspace, food, { content, labels: [1, 0, 1], now });
      const name = `${sha256(content)}.${format === 'jpeg' ? 'jpg' : format}`;
      expect(await lines()).toEqual([header, `2026-03-01T09:05:07.123Z,images/${name},1,0,1,pending`]);
      expect((await readFile(path.join(workspace.correctionImages, name))).equals(content)).toBe(true);
      expect(recorded).toEqual({ correction: (await readPending(workspace, food))[0], pending: 1 });
    },
  );

  it('may say that a picture shows none of the classes', async () => {
    await record(1, [0, 0, 0]);
    expect((await readPending(workspace, food))[0]!.labels).toEqual([0, 0, 0]);
  });

  it('takes the place of the earlier one of the same picture', async () => {
    const first = await record(1, [1, 0, 0]);
    await record(2);
    const again = await recordCorrection(workspace, food, {
      content: await pictureFile(1),
      labels: [0, 0, 1],
      now: new Date(now.getTime() + 1),
    });
    expect(again).toMatchObject({ pending: 2, replaced: first.correction });
    expect((await lines()).map((line) => line.replace(/images\/.*?,/, ''))).toEqual([
      header,
      '2026-03-01T09:05:07.123Z,0,1,0,pending',
      '2026-03-01T09:05:07.124Z,0,0,1,pending',
    ]);
  });

  it('leaves what people wrote into the file by hand', async () => {
    await mkdir(workspace.correctionImages, { recursive: true });
    await writeFile(path.join(workspace.correctionImages, 'mine, too.jpg'), 'a picture');
    const columns = 'image_path;timestamp;frutas/verduras;arroz;lacteos;status';
    await writeFile(
      workspace.pendingCsv,
      [columns, 'images/mine, too.jpg;yesterday;1;0;0;pending', 'gone.jpg;long ago;0;0;1;done'].join('\r\n'),
    );
    expect((await record(1)).pending).toBe(2);
    expect((await lines()).slice(0, 3)).toEqual([header, 'yesterday,"images/mine, too.jpg",0,0,1,pending', 'long ago,gone.jpg,1,0,0,done']);
  });

  it('is told in the status file', async () => {
    for (let seed = 0; seed < 7; seed++) await record(seed);
    expect(await status()).toBe('STATUS:idle\nWaiting for corrections... (7/10)\n');
  });

  it.each<[string, (good: Buffer) => Uint8Array, string]>([
    ['no picture', () => Buffer.from('hello'), 'BAD_CORRECTION'],
    ['nothing', () => Buffer.alloc(0), 'BAD_CORRECTION'],
    ['an SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'BAD_CORRECTION'],
    ['a GIF', () => Buffer.from('GIF89a'), 'BAD_CORRECTION'],
    ['a JPEG that is cut off', (good) => good.subarray(0, good.length / 2), 'UNREADABLE_PICTURE'],
    ['a JPEG by its first bytes alone', () => Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]), 'UNREADABLE_PICTURE'],
  ])('of %s is refused, and nothing is written', async (_, spoil, code) => {
    const content = spoil(await pictureFile(1));
    await expect(recordCorrection(workspace, food, { content, labels: [1, 0, 0] })).rejects.toMatchObject({ code, status: 422 });
    expect(existsSync(workspace.pendingCsv) || existsSync(workspace.correctionImages)).toBe(false);
  });

  it.each([[[]], [[1, 0]], [[1, 0, 0, 0]], [[1, 0, 2]], [[1, 0, 0.5]], [[1, 0, Number.NaN]]])(
    'with the labels %j is refused',
    async (labels) => {
      await expect(record(1, labels)).rejects.toMatchObject({
        code: 'BAD_CORRECTION',
        message: expect.stringContaining('each of 3 classes'),
      });
      expect(existsSync(workspace.corrections)).toBe(false);
    },
  );

  it('is refused where pending.csv is damaged, which is then left as it is', async () => {
    await mkdir(workspace.corrections);
    await writeFile(workspace.pendingCsv, 'my shopping list\n');
    await expect(record(1)).rejects.toMatchObject({ code: 'BAD_CORRECTIONS' });
    expect(await readFile(workspace.pendingCsv, 'utf8')).toBe('my shopping list\n');
  });
});

describe('an undo', () => {
  it('takes the row and the picture away, once', async () => {
    await record(1);
    const { correction } = await record(2);
    expect(await undoCorrection(workspace, food, correction.sha256)).toEqual({ removed: true, pending: 1 });
    expect(await lines()).toHaveLength(2);
    expect(existsSync(correction.path)).toBe(false);
    expect(await status()).toContain('(1/10)');
    expect(await undoCorrection(workspace, food, correction.sha256)).toEqual({ removed: false, pending: 1 });
  });

  it.each(['', 'unknown', '../pending', 'a'.repeat(64)])('of "%s" does nothing', async (hash) => {
    await record(1);
    const before = await lines();
    expect(await undoCorrection(workspace, food, hash)).toEqual({ removed: false, pending: 1 });
    expect(await lines()).toEqual(before);
  });

  it('keeps the picture where the history or a row that is done names it', async () => {
    const { correction } = await record(1);
    await mkdir(workspace.correctionHistory);
    await writeFile(
      workspace.retrainedCsv(now.toISOString()),
      `${header}\n2026-02-01,images/${path.basename(correction.path)},1,0,0,retrained\n`,
    );
    expect(await undoCorrection(workspace, food, correction.sha256)).toEqual({ removed: true, pending: 0 });
    expect(existsSync(correction.path)).toBe(true);

    const other = (await record(2)).correction;
    await writeFile(workspace.pendingCsv, `${(await lines()).join('\n')}\n2026-02-01,images/${path.basename(other.path)},1,0,0,done\n`);
    expect(await undoCorrection(workspace, food, other.sha256)).toEqual({ removed: true, pending: 0 });
    expect(existsSync(other.path)).toBe(true);
    expect((await lines()).at(-1)).toMatch(/done$/);
  });
});

describe('many at once', () => {
  it('50 corrections are 50 rows', async () => {
    const contents = await Promise.all(Array.from({ length: 50 }, (_, seed) => pictureFile(seed)));
    const recorded = await Promise.all(contents.map((content) => recordCorrection(workspace, food, { content, labels: [0, 1, 0] })));
    expect(recorded.map(({ pending }) => pending)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(await readPending(workspace, food)).toHaveLength(50);
    expect(await status()).toBe('STATUS:idle\nEnough corrections to retrain (50/10)\n');
    expect((await readdir(workspace.corrections)).sort()).toEqual(['images', 'pending.csv', 'retraining_status.txt']);
  });

  it('of one picture, the last one counts', async () => {
    const content = await pictureFile(1);
    const labels = Array.from({ length: 20 }, (_, index) => [index % 2, Number(index % 3 === 0), 1]);
    await Promise.all(labels.map((one) => recordCorrection(workspace, food, { content, labels: one })));
    expect((await readPending(workspace, food)).map((one) => one.labels)).toEqual([labels.at(-1)]);
  });

  it('corrections and undos of the same pictures end with what was asked last', async () => {
    const contents = await Promise.all(Array.from({ length: 10 }, (_, seed) => pictureFile(seed)));
    const hashes = contents.map((content) => sha256(content));
    await Promise.all([
      ...contents.map((content) => recordCorrection(workspace, food, { content, labels: [0, 1, 0] })),
      ...hashes.slice(0, 5).map((hash) => undoCorrection(workspace, food, hash)),
    ]);
    expect((await readPending(workspace, food)).map((one) => one.sha256)).toEqual(hashes.slice(5));
    expect((await readdir(workspace.correctionImages)).length).toBe(5);
  });
});

describe('other processes', () => {
  const running: ChildProcess[] = [];
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  /** A process that keeps a correction of each of its pictures, and then prints the modules that it has loaded. */
  async function recorder(name: string, count: number): Promise<{ child: ChildProcess; ended: Promise<string> }> {
    const pictures = await Promise.all(Array.from({ length: count }, (_, index) => pictureFile(`${name} ${index}`, 'png')));
    const files = pictures.map((_, index) => path.join(home, `${name}-${index}.png`));
    await Promise.all(pictures.map((content, index) => writeFile(files[index]!, content)));
    const script = `
      require('tsx/cjs');
      const { recordCorrection } = require('./lib/corrections');
      const { food } = require('./lib/tasks');
      const { openWorkspace } = require('./lib/workspace');
      const { readFileSync } = require('node:fs');
      (async () => {
        for (const file of ${JSON.stringify(files)}) await recordCorrection(openWorkspace(), food, { content: readFileSync(file), labels: [1, 1, 0] });
        console.log(JSON.stringify([...Object.keys(require.cache), ...process.report.getReport().sharedObjects]));
      })();`;
    const child = spawn(process.execPath, ['-e', script], { cwd: workspace.root, env: { ...process.env, VISIONBOOK_HOME: home } });
    running.push(child);
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.pipe(process.stderr);
    return { child, ended: new Promise((resolve) => child.on('close', () => resolve(output))) };
  }

  it('write beside each other, and none loads TensorFlow or the HDF5 library', async () => {
    const others = await Promise.all([recorder('one', 15), recorder('other', 15)]);
    for (let seed = 0; seed < 15; seed++) await record(seed);
    const loaded: string[] = (await Promise.all(others.map(({ ended }) => ended))).flatMap((output) => JSON.parse(output));
    expect(await readPending(workspace, food)).toHaveLength(45);
    expect(loaded.some((file) => file.endsWith('/lib/corrections/record.ts'))).toBe(true);
    expect(loaded.filter((file) => /tfjs|tensorflow(?!\.ts$)|h5wasm|plotly|jsdom/i.test(file.replace(/^.*node_modules/, '')))).toEqual([]);
  });

  it('may be killed in the middle: every row that is there is whole, with its picture, and the next correction is kept', async () => {
    const { child, ended } = await recorder('killed', 200);
    while (!existsSync(workspace.pendingCsv) || (await lines()).length < 20) await wait(5);
    child.kill('SIGKILL');
    await ended;
    const kept = (await readPending(workspace, food)).length;
    expect(kept).toBeGreaterThanOrEqual(19);
    expect(kept).toBeLessThan(200);
    expect((await record(1)).pending).toBe(kept + 1);
    expect(await readPending(workspace, food)).toHaveLength(kept + 1);
  });
});
