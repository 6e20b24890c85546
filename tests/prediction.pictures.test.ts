import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPictures } from '../lib/prediction';

const files = [
  'a.jpg',
  'b.PNG',
  'notes.txt',
  '.hidden.jpg',
  'deep/er/c.webp',
  'with space/d e.jpg',
  'odd [1] (x)/f{2}.jpg',
  'odd [1] (x)/g!.jpeg',
  'ensalada/ñandú.jpg',
];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'visionbook-find-'));
  await mkdir(path.join(folder, 'empty'));
  for (const file of files) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), '');
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function find(...patterns: string[]): Promise<string[]> {
  return (await findPictures(patterns, folder)).map((file) => path.relative(folder, file));
}

describe('pictures to predict', () => {
  it.each<[string, string[], string[]]>([
    ['a file', ['a.jpg'], ['a.jpg']],
    ['a file of any name, since it was named', ['notes.txt'], ['notes.txt']],
    ['a file with brackets in its name, which is no glob', ['odd [1] (x)/f{2}.jpg'], ['odd [1] (x)/f{2}.jpg']],
    ['a folder with all below it', ['deep'], ['deep/er/c.webp']],
    ['a folder with brackets in its name', ['odd [1] (x)'], ['odd [1] (x)/f{2}.jpg', 'odd [1] (x)/g!.jpeg']],
    ['a folder with a blank in its name', ['with space/'], ['with space/d e.jpg']],
    ['a glob', ['*.{jpg,png}'], ['a.jpg', 'b.PNG']],
    ['a glob over folders', ['**/*.jpg'], ['a.jpg', 'ensalada/ñandú.jpg', 'odd [1] (x)/f{2}.jpg', 'with space/d e.jpg']],
    ['several names, each picture once and sorted', ['b.PNG', 'a.jpg', '*.jpg', './a.jpg'], ['a.jpg', 'b.PNG']],
    ['a missing one among others, to be reported in its place', ['a.jpg', 'zzz.jpg'], ['a.jpg', 'zzz.jpg']],
    ['an empty folder among others', ['a.jpg', 'empty'], ['a.jpg']],
  ])('are found by %s', async (_, patterns, found) => {
    expect(await find(...patterns)).toEqual(found);
  });

  it('are found by absolute names too', async () => {
    expect(await findPictures([path.join(folder, 'deep')], '/')).toEqual([path.join(folder, 'deep/er/c.webp')]);
    expect(await findPictures([`${folder}/*.jpg`], '/')).toEqual([path.join(folder, 'a.jpg')]);
  });

  it.each([[['zzz.jpg']], [['empty']], [['*.gif', 'empty']]])('are not there: %j', async (patterns) => {
    await expect(find(...patterns)).rejects.toMatchObject({
      code: 'NOTHING_TO_PREDICT',
      message: expect.stringContaining(patterns.join(', ')),
    });
  });
});
