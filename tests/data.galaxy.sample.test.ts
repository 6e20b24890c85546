import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildGalaxySample, type GalaxySampleOptions, galaxy10Names, openGalaxies, readGalaxySampleCard } from '../lib/data/galaxy';
import { withHdfFile } from '../lib/hdf';
import type { Progress } from '../lib/progress';
import { temporaryFolder } from './data.fixtures';

const perClass = 2;
let options: GalaxySampleOptions;

beforeAll(async () => {
  options = { folder: path.join(temporaryFolder(), 'sample', 'galaxy10'), seed: 7, perClass };
  await buildGalaxySample(options);
});

const fileOf = ({ folder }: GalaxySampleOptions): string => path.join(folder, 'Galaxy10_sample.h5');

async function pixelsOf({ folder }: GalaxySampleOptions): Promise<string[]> {
  const found: string[] = [];
  for await (const { pixels } of (await openGalaxies(folder, galaxy10Names)).pictures()) found.push(Buffer.from(pixels).toString('base64'));
  return found;
}

/** Builds and tells whether anything was drawn. */
async function drawsAnything(wanted: GalaxySampleOptions): Promise<boolean> {
  const news: Progress[] = [];
  await buildGalaxySample({ ...wanted, onProgress: (progress) => news.push(progress) });
  return !news.some(({ note }) => note === 'up to date');
}

describe('the sample of galaxies', () => {
  it('is a file with the datasets of Galaxy10, each picture readable by itself', async () => {
    await withHdfFile(fileOf(options), (opened, hdf) => {
      expect(opened.keys().sort()).toEqual(['ans', 'dec', 'images', 'pxscale', 'ra', 'redshift']);
      const images = opened.get('images');
      if (!(images instanceof hdf.Dataset)) throw new Error('no dataset');
      expect(images.shape).toEqual([perClass * 10, 256, 256, 3]);
      expect(images.metadata).toMatchObject({ size: 1, signed: false, chunks: [1, 256, 256, 3] });
    });
  });

  it('has as many pictures of each class, in ten different classes, and no two alike', async () => {
    const { counts, size, positions } = await openGalaxies(options.folder, galaxy10Names);
    expect(size).toBe(256);
    expect(counts).toEqual(new Array(10).fill(perClass));
    expect(positions?.side).toBeCloseTo(67 / 3600, 4);
    expect(new Set(await pixelsOf(options)).size).toBe(perClass * 10);
  });

  it('shows something in the middle of each picture, on a dark sky', async () => {
    for await (const { pixels, label } of (await openGalaxies(options.folder, galaxy10Names)).pictures()) {
      const mean = (from: number, to: number): number => {
        let [sum, count] = [0, 0];
        for (let row = from; row < to; row++)
          for (let column = from; column < to; column++, count++) sum += pixels[3 * (row * 256 + column) + 1]!;
        return sum / count;
      };
      expect(mean(112, 144), galaxy10Names[label]).toBeGreaterThan(2 * mean(0, 24));
    }
  });

  it('is the same for the same seed, and another for another', async () => {
    const again = { ...options, folder: path.join(temporaryFolder(), 'galaxy10') };
    await buildGalaxySample(again);
    expect(await pixelsOf(again)).toEqual(await pixelsOf(options));
    expect(await drawsAnything({ ...again, seed: 8 })).toBe(true);
    expect(await pixelsOf(again)).not.toEqual(await pixelsOf(options));
    expect(await readdir(path.dirname(again.folder))).toEqual(['galaxy10']);
  });

  it('keeps its first pictures of each class when more are wanted', async () => {
    const more = { ...options, folder: path.join(temporaryFolder(), 'galaxy10'), perClass: 3 };
    await buildGalaxySample(more);
    const [few, many] = [await pixelsOf(options), await pixelsOf(more)];
    expect(many.filter((_, index) => index % 3 < 2)).toEqual(few);
  });

  it('is not built again while it stands, but made whole when it was cut short', async () => {
    const copy = { ...options, folder: path.join(temporaryFolder(), 'galaxy10') };
    await buildGalaxySample(copy);
    expect(await drawsAnything(copy)).toBe(false);
    truncateSync(fileOf(copy), 5000);
    expect(await readGalaxySampleCard(copy.folder)).toBeUndefined();
    expect(await drawsAnything(copy)).toBe(true);
    await rm(path.join(copy.folder, 'sample.json'));
    await expect(buildGalaxySample(copy)).rejects.toMatchObject({ code: 'NOT_A_SAMPLE' });
  });

  it('removes what a killed run left, and never appears half-made', async () => {
    const folder = path.join(temporaryFolder(), 'galaxy10');
    await mkdir(`${folder}.unfinished`);
    await writeFile(path.join(`${folder}.unfinished`, 'Galaxy10_sample.h5'), 'half');
    let seen = false;
    await buildGalaxySample({
      ...options,
      folder,
      onProgress: () => {
        seen ||= existsSync(folder);
      },
    });
    expect(seen).toBe(false);
    expect(await readdir(path.dirname(folder))).toEqual(['galaxy10']);
  });

  it('says that it is no photographs', () => {
    const card = JSON.parse(readFileSync(path.join(options.folder, 'sample.json'), 'utf8'));
    expect(card).toMatchObject({ task: 'galaxy', seed: 7, perClass, description: expect.stringContaining('not photographs') });
  });
});
