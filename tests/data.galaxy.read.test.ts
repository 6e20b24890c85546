import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GalaxyPicture, type GalaxySource, galaxy10Names, openGalaxies } from '../lib/data/galaxy';
import { loadHdf } from '../lib/hdf';
import { blobs, put, temporaryFolder } from './data.fixtures';

const side = 32;

/** A picture of one value a channel, so that it is known again. */
function flat(value: number, size = side): Uint8Array {
  return new Uint8Array(size * size * 3).fill(value);
}

interface Column {
  readonly data: Uint8Array | Float32Array | Float64Array | Int32Array | BigInt64Array;
  readonly shape?: number[];
  readonly dtype: string;
  readonly chunks?: number[];
}

async function writeHdf(file: string, columns: Record<string, Column>): Promise<string> {
  const hdf = await loadHdf();
  const opened = new hdf.File(file, 'w');
  for (const [name, { data, shape = [data.length], dtype, chunks }] of Object.entries(columns)) {
    opened.create_dataset({ name, data, shape, dtype, ...(chunks && { chunks, compression: 'gzip' as const }) });
  }
  opened.close();
  return file;
}

function images(count: number, size = side, first = 0): Column {
  const data = new Uint8Array(count * size * size * 3);
  for (let index = 0; index < count; index++) data.set(flat(first + index, size), index * size * size * 3);
  return { data, shape: [count, size, size, 3], dtype: '<B' };
}

const labels = (...values: number[]): Column => ({ data: Uint8Array.from(values), dtype: '<B' });

async function collect(source: GalaxySource): Promise<GalaxyPicture[]> {
  const pictures: GalaxyPicture[] = [];
  for await (const picture of source.pictures()) pictures.push(picture);
  return pictures;
}

describe('a file like Galaxy10_DECals.h5', () => {
  it('gives every picture with its index, class, pixels and name', async () => {
    const folder = temporaryFolder();
    await writeHdf(path.join(folder, 'Galaxy10_DECals.h5'), { images: images(5), ans: labels(0, 0, 3, 9, 9) });
    const source = await openGalaxies(folder, galaxy10Names);
    expect(source.size).toBe(side);
    expect([...source.labels]).toEqual([0, 0, 3, 9, 9]);
    expect(source.counts).toEqual([2, 0, 0, 1, 0, 0, 0, 0, 0, 2]);
    expect(source.heldOut).toBeUndefined();
    const pictures = await collect(source);
    expect(pictures.map(({ index, label, name }) => [index, label, name])).toEqual(
      [0, 0, 3, 9, 9].map((label, index) => [index, label, `Galaxy10_DECals.h5#${index}`]),
    );
    for (const { index, pixels } of pictures) expect(Buffer.from(pixels).equals(flat(index))).toBe(true);
  });

  it('is read in full when it is compressed in chunks that cut across pictures, as h5py chooses them', async () => {
    const file = path.join(temporaryFolder(), 'chunked.h5');
    await writeHdf(file, { images: { ...images(150), chunks: [40, 8, 16, 1] }, ans: labels(...new Array<number>(150).fill(1)) });
    const pictures = await collect(await openGalaxies(file, galaxy10Names));
    expect(pictures.map(({ index }) => index)).toEqual(Array.from({ length: 150 }, (_, index) => index));
    expect(pictures.every(({ index, pixels }) => Buffer.from(pixels).equals(flat(index)))).toBe(true);
  });

  it('may be left before its end, and read again from the start', async () => {
    const file = await writeHdf(path.join(temporaryFolder(), 'a.h5'), { images: images(3), ans: labels(1, 2, 3) });
    const source = await openGalaxies(file, galaxy10Names);
    for await (const { index } of source.pictures()) {
      expect(index).toBe(0);
      break;
    }
    expect(await collect(source)).toHaveLength(3);
  });

  it('says where the galaxies stand in the sky, where it knows', async () => {
    const file = await writeHdf(path.join(temporaryFolder(), 'a.h5'), {
      images: images(2),
      ans: labels(1, 2),
      ra: { data: Float64Array.of(10, 20), dtype: '<d' },
      dec: { data: Float64Array.of(-5, 5), dtype: '<d' },
      pxscale: { data: Float64Array.of(0.262, 0.262), dtype: '<d' },
    });
    const { positions } = await openGalaxies(file, galaxy10Names);
    expect([...positions!.ra, ...positions!.dec]).toEqual([10, 20, -5, 5]);
    expect(positions!.side).toBeCloseTo((32 * 0.262) / 3600, 10);
  });

  it.each<[string, Column]>([
    ['64-bit whole numbers', { data: BigInt64Array.of(1n, 2n), dtype: '<q' }],
    ['32-bit whole numbers in a column', { data: Int32Array.of(1, 2), shape: [2, 1], dtype: '<i' }],
    ['whole numbers kept as floats', { data: Float32Array.of(1, 2), dtype: '<f' }],
  ])('may have its labels as %s', async (_, ans) => {
    const file = await writeHdf(path.join(temporaryFolder(), 'a.h5'), { images: images(2), ans });
    expect([...(await openGalaxies(file, galaxy10Names)).labels]).toEqual([1, 2]);
  });
});

describe('train_128.h5 and val_128.h5', () => {
  it('are one source, which knows which pictures were held out', async () => {
    const folder = temporaryFolder();
    await writeHdf(path.join(folder, 'train_128.h5'), { images: images(3), labels: labels(0, 1, 2) });
    await writeHdf(path.join(folder, 'val_128.h5'), { images: images(2, side, 100), labels: labels(5, 6) });
    const source = await openGalaxies(folder, galaxy10Names);
    expect([...source.labels]).toEqual([0, 1, 2, 5, 6]);
    expect([...source.heldOut!]).toEqual([0, 0, 0, 1, 1]);
    const pictures = await collect(source);
    expect(pictures.map(({ index, pixels }) => [index, pixels[0]])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 100],
      [4, 101],
    ]);
    expect(pictures[4]!.name).toBe('val_128.h5#1');
  });

  it('need each other', async () => {
    const folder = temporaryFolder();
    await writeHdf(path.join(folder, 'train_128.h5'), { images: images(1), labels: labels(0) });
    await expect(openGalaxies(folder, galaxy10Names)).rejects.toMatchObject({
      code: 'MISSING_DATA',
      message: expect.stringContaining('train_128.h5 but no val_128.h5'),
    });
  });

  it('must have pictures of one size', async () => {
    const folder = temporaryFolder();
    await writeHdf(path.join(folder, 'train_128.h5'), { images: images(1), labels: labels(0) });
    await writeHdf(path.join(folder, 'val_128.h5'), { images: images(1, 48), labels: labels(0) });
    await expect(openGalaxies(folder, galaxy10Names)).rejects.toThrow(/pictures of 32 pixels and val_128.h5 with some of 48/);
  });
});

describe('a folder a class', () => {
  it('is read with the class of each folder, however its name is written', async () => {
    const folder = temporaryFolder();
    put(folder, 'Round Smooth/b.jpg', await blobs('b'));
    put(folder, 'Round Smooth/a.png', await blobs('a'));
    put(folder, 'edge-on_galaxies_with_bulge/c.jpg', await blobs('c'));
    put(folder, 'README.md', 'about them');
    const source = await openGalaxies(folder, galaxy10Names);
    const pictures = await collect(source);
    expect(pictures.map(({ label, name }) => [label, name])).toEqual([
      [2, 'Round Smooth/a.png'],
      [2, 'Round Smooth/b.jpg'],
      [9, 'edge-on_galaxies_with_bulge/c.jpg'],
    ]);
    expect(pictures.every(({ pixels }) => pixels.length === source.size ** 2 * 3)).toBe(true);
    expect(source.counts[2]).toBe(2);
  });

  it('names the folders that are of no class', async () => {
    const folder = temporaryFolder();
    put(folder, 'Spirals/a.jpg', await blobs('a'));
    await expect(openGalaxies(folder, galaxy10Names)).rejects.toMatchObject({
      code: 'UNKNOWN_GALAXY_FOLDERS',
      message: expect.stringMatching(/\(Spirals\): name them after Disturbed, Merging/),
    });
  });

  it('leaves out and reports a picture that cannot be read, or refuses it where nobody listens', async () => {
    const folder = temporaryFolder();
    put(folder, 'Merging/good.jpg', await blobs('good'));
    put(folder, 'Merging/bad.jpg', 'not a picture');
    const source = await openGalaxies(folder, galaxy10Names);
    const missed: string[] = [];
    const read: string[] = [];
    for await (const { name } of source.pictures(({ file }) => missed.push(file))) read.push(name);
    expect({ missed, read }).toEqual({ missed: ['Merging/bad.jpg'], read: ['Merging/good.jpg'] });
    await expect(collect(source)).rejects.toMatchObject({ code: 'UNREADABLE_PICTURE' });
  });
});

describe('what cannot be used', () => {
  const good = { images: images(3), ans: labels(0, 1, 2) };
  it.each<[string, Record<string, Column>, RegExp]>([
    ['no images', { pictures: images(3), ans: labels(0, 1, 2) }, /no dataset `images` among `ans`, `pictures`/],
    ['no labels', { images: images(3) }, /neither `ans` nor `labels` among `images`/],
    [
      'images without colour',
      { ...good, images: { data: new Uint8Array(3 * 32 * 32), shape: [3, 32, 32], dtype: '<B' } },
      /shape \[3, 32, 32\]/,
    ],
    [
      'channels first',
      { ...good, images: { data: new Uint8Array(3 * 3 * 32 * 32), shape: [3, 3, 32, 32], dtype: '<B' } },
      /shape \[3, 3, 32, 32\]/,
    ],
    [
      'images as floats',
      { ...good, images: { data: new Float32Array(3 * 32 * 32 * 3), shape: [3, 32, 32, 3], dtype: '<f' } },
      /float32, not uint8/,
    ],
    ['images too small', { ...good, images: images(3, 8) }, /3 pictures of 8 pixels a side/],
    ['fewer labels than images', { ...good, ans: labels(0, 1) }, /`ans` has shape \[2\], but there are 3 pictures/],
    ['one-hot labels', { ...good, ans: { data: new Uint8Array(30), shape: [3, 10], dtype: '<B' } }, /`ans` has shape \[3, 10\]/],
  ])('is a file with %s: the error names it and says what is expected', async (_, columns, message) => {
    const file = await writeHdf(path.join(temporaryFolder(), 'bad.h5'), columns);
    const error = await openGalaxies(file, galaxy10Names).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'BAD_GALAXY_FILE', message: expect.stringMatching(message) });
    expect((error as Error).message).toContain(`${file} cannot be used`);
  });

  it('is a label of no class; the error says which pictures have one', async () => {
    const file = await writeHdf(path.join(temporaryFolder(), 'bad.h5'), { images: images(3), ans: labels(0, 10, 255) });
    await expect(openGalaxies(file, galaxy10Names)).rejects.toMatchObject({
      code: 'UNKNOWN_GALAXY_LABELS',
      message: expect.stringMatching(/from 0 to 9;.*\n {2}picture 1: 10\n {2}picture 2: 255/),
    });
  });

  it('is a file whose end is missing, or that is something else', async () => {
    const file = await writeHdf(path.join(temporaryFolder(), 'cut.h5'), good);
    truncateSync(file, Math.floor(readFileSync(file).length / 2));
    await expect(openGalaxies(file, galaxy10Names)).rejects.toMatchObject({
      code: 'BAD_GALAXY_FILE',
      message: expect.stringContaining('it is truncated'),
    });
    writeFileSync(file, '<html>404</html>');
    await expect(openGalaxies(file, galaxy10Names)).rejects.toThrow(/it is no HDF5 file/);
    truncateSync(file, 0);
    await expect(openGalaxies(file, galaxy10Names)).rejects.toThrow(/it is no HDF5 file/);
  });

  it.each([
    ['a missing folder', 'nowhere', /nowhere is missing: put Galaxy10_DECals.h5 there/],
    ['an empty folder', '', /holds no galaxies: put Galaxy10_DECals.h5 there .*npm run sample -- galaxy/],
  ])('is %s; the error says where to get the data', async (_, name, message) => {
    const error = await openGalaxies(path.join(temporaryFolder(), name), galaxy10Names).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'MISSING_DATA', message: expect.stringMatching(message) });
  });
});
