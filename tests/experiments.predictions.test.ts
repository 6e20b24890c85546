import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { predictionsFile, readPredictions, type SplitPredictions, writePredictions } from '../lib/experiments';
import { Random } from '../lib/random';
import type { Workspace } from '../lib/workspace';
import { temporaryWorkspace } from './experiments.helpers';

const classes = ['lacteos', 'frutas/verduras', 'with, comma'];

function predictions(count: number, seed: number): SplitPredictions {
  const random = new Random(seed);
  return {
    classes,
    count,
    labels: Uint8Array.from({ length: count * classes.length }, () => Number(random.uniform(0, 1) < 0.5)),
    probabilities: Float32Array.from({ length: count * classes.length }, () => random.uniform(0, 1) ** 9),
    pictures: Array.from({ length: count }, (_, index) => `test_${index}.jpg`),
    sha256: Array.from({ length: count }, (_, index) => `${index}`.padStart(64, '0')),
    sources: Array.from({ length: count }, (_, index) => ['with blank/a.jpg', `b${index}.jpg`, 'c.jpg'].slice(0, index % 4)),
  };
}

const splits = { validation: predictions(12, 1), test: predictions(20, 2) };
const id = '20260301T090507Z-food-head-abc123';

function put(workspace: Workspace, content: string | Buffer): void {
  mkdirSync(workspace.experiment(id), { recursive: true });
  writeFileSync(predictionsFile(workspace, id), content);
}

function lines(workspace: Workspace): string[] {
  return gunzipSync(readFileSync(predictionsFile(workspace, id)))
    .toString()
    .trimEnd()
    .split('\n');
}

describe('the predictions of a run', () => {
  test('come back exactly as they were written', async () => {
    const workspace = temporaryWorkspace();
    await writePredictions(workspace, id, splits);
    expect(await readPredictions(workspace, id)).toEqual(splits);
  });

  test('are a file in the folder of the run, whose bytes depend on nothing else', async () => {
    const workspace = temporaryWorkspace();
    const file = await writePredictions(workspace, id, splits);
    expect(file).toBe(path.join(workspace.experiments, id, 'predictions.csv.gz'));
    const first = readFileSync(file);
    await writePredictions(workspace, id, splits);
    expect(readFileSync(file)).toEqual(first);
  });

  test('are a table with a row a picture, each probability in as few digits as give the float32 back', async () => {
    const workspace = temporaryWorkspace();
    const probabilities = Float32Array.of(0.1, 0.999999, 1 / 3, 1e-10, 0, 1);
    const two = { ...predictions(2, 1), probabilities, labels: Uint8Array.of(0, 1, 0, 1, 0, 0), sources: [[], ['a b.jpg', 'c.jpg']] };
    await writePredictions(workspace, id, { validation: predictions(0, 1), test: two });
    expect(lines(workspace)).toEqual([
      'split,picture,sha256,sources,label:lacteos,label:frutas/verduras,"label:with, comma",probability:lacteos,probability:frutas/verduras,"probability:with, comma"',
      `test,test_0.jpg,${'0'.repeat(64)},,0,1,0,0.1,0.999999,0.33333334`,
      `test,test_1.jpg,${'1'.padStart(64, '0')},a b.jpg|c.jpg,1,0,0,1e-10,0,1`,
    ]);
  });

  test('are refused where there are none, with what to do', async () => {
    await expect(readPredictions(temporaryWorkspace(), id)).rejects.toThrow(
      expect.objectContaining({ code: 'NO_PREDICTIONS', message: expect.stringMatching(new RegExp(`${id}.*train again`)) }),
    );
  });

  test.each([
    ['is no gzip', 'split,picture', /incorrect header/],
    ['is cut short', gzipSync('split,picture,sha256,sources\n'.repeat(50)).subarray(0, 30), /unexpected end/],
    ['has a row that is too short', gzipSync('split,picture,sha256,sources,label:a,probability:a\ntest,a.jpg\n'), /Invalid Record Length/],
    ['is empty', gzipSync(''), /columns are missing/],
    ['has other columns', gzipSync('picture,label:a\na.jpg,1\n'), /columns are picture, label:a/],
    ['has another split', gzipSync('split,picture,sha256,sources,label:a,probability:a\ntrain,a.jpg,0,,1,1\n'), /the split "train"/],
  ])('are refused where the file %s', async (_, content, reason) => {
    const workspace = temporaryWorkspace();
    put(workspace, content);
    const refused = expect.objectContaining({ code: 'RUN_UNREADABLE', message: expect.stringMatching(reason) });
    await expect(readPredictions(workspace, id)).rejects.toThrow(refused);
  });
});
