import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareDataset, readDataset, readDatasetCard, syncLabels } from '../lib/data';
import {
  balanceClasses,
  type GalaxyCard,
  galaxy10Names,
  type PrepareGalaxiesOptions,
  prepareGalaxies,
  splitStratified,
} from '../lib/data/galaxy';
import { photographGalaxy } from '../lib/data/galaxy/draw/picture';
import { groupSameSky, type SkyPrint, skyPrint } from '../lib/data/galaxy/likeness';
import { loadHdf } from '../lib/hdf';
import { Random } from '../lib/random';
import { galaxy, type Split, settingsFor } from '../lib/tasks';
import { datasetOf } from '../lib/workspace';
import { put, temporaryFolder, temporaryWorkspace } from './data.fixtures';

const raw = { width: 256, height: 256, channels: 3 } as const;
const picture = (classIndex: number, number: number): Uint8Array =>
  photographGalaxy(classIndex, new Random(11).fork(`${classIndex}/${number}`));
const decoded = async (encoded: Sharp): Promise<Uint8Array> =>
  sharp(await encoded.toBuffer())
    .resize(256, 256, { fit: 'fill' })
    .raw()
    .toBuffer();

/** The same picture as somebody else might have it. */
const copies: Record<string, (pixels: Uint8Array) => Promise<Uint8Array>> = {
  'as JPEG of quality 75': (pixels) => decoded(sharp(pixels, { raw }).jpeg({ quality: 75 })),
  'as JPEG of quality 50': (pixels) => decoded(sharp(pixels, { raw }).jpeg({ quality: 50 })),
  'at half the size': (pixels) => decoded(sharp(pixels, { raw }).resize(128, 128).jpeg({ quality: 90 })),
  mirrored: (pixels) => sharp(pixels, { raw }).flop().raw().toBuffer(),
  'turned by a quarter': (pixels) => sharp(pixels, { raw }).rotate(90).raw().toBuffer(),
  'turned and mirrored': (pixels) => sharp(pixels, { raw }).flop().rotate(270).raw().toBuffer(),
  brighter: (pixels) => sharp(pixels, { raw }).linear(1.2, 5).raw().toBuffer(),
};

describe('pictures of the same sky', () => {
  let originals: Uint8Array[];
  let prints: SkyPrint[];
  beforeAll(() => {
    // The three smooth classes look most alike: a hash of whole pictures takes nearly all of them for copies.
    originals = [2, 2, 2, 2, 3, 3, 4, 6, 8, 9].map((classIndex, number) => picture(classIndex, number));
    prints = originals.map((pixels) => skyPrint(pixels, 256));
  });

  it('are not seen where there are none, however alike the galaxies are', () => {
    expect(groupSameSky(prints)).toEqual(prints.map((_, index) => index));
  });

  it.each(Object.keys(copies))('are found when one is %s', async (name) => {
    const others = await Promise.all(originals.map(async (pixels) => skyPrint(await copies[name]!(pixels), 256)));
    const indices = originals.map((_, index) => index);
    expect(groupSameSky([...prints, ...others])).toEqual([...indices, ...indices]);
  });

  it('are found by where they point: pictures that share more than half of the sky', () => {
    const side = 67 / 3600;
    const ra = Float64Array.of(359.999, 0.001, 100, 100, 100, 200, 200, 200, 200, 200);
    const dec = Float64Array.of(0, 0, 60, 60 + 0.45 * side, 60 + 0.6 * side, 0, 1, 2, 3, 4);
    // The first two lie on both sides of 0 h; of the next three each is near the one before.
    expect(groupSameSky(prints, { ra, dec, side })).toEqual([0, 0, 2, 2, 2, 5, 6, 7, 8, 9]);
  });
});

describe('the split', () => {
  const labels = Array.from({ length: 400 }, (_, index) => (index < 300 ? 0 : 1));
  const alone = labels.map((_, index) => index);
  const shares = { validation: 0.15, test: 0.15 };
  const split = (groups = alone, heldOut?: number[], seed = 1): Split[] =>
    splitStratified({ labels, groups, ...(heldOut && { heldOut }) }, ['many', 'few'], shares, new Random(seed));
  const count = (found: readonly Split[], split: Split, label: number): number =>
    found.filter((one, index) => one === split && labels[index] === label).length;

  it('takes the same shares of every class', () => {
    const found = split();
    expect([count(found, 'train', 0), count(found, 'validation', 0), count(found, 'test', 0)]).toEqual([210, 45, 45]);
    expect([count(found, 'train', 1), count(found, 'validation', 1), count(found, 'test', 1)]).toEqual([70, 15, 15]);
  });

  it('depends on the seed alone', () => {
    expect(split()).toEqual(split());
    expect(split(alone, undefined, 2)).not.toEqual(split());
  });

  it('tears no group apart, and still comes close to the shares', () => {
    const groups = alone.map((index) => (index < 60 ? 0 : index - (index % 3))); // one of 60, and triples
    const found = split(groups);
    for (const [index, group] of groups.entries()) expect(found[index]).toBe(found[group]);
    expect(count(found, 'test', 0)).toBeGreaterThanOrEqual(43);
    expect(count(found, 'test', 0)).toBeLessThanOrEqual(45);
  });

  it('leaves held-out pictures and their copies in validation, and takes only test from the others', () => {
    const heldOut = labels.map((_, index) => Number(index % 5 === 0));
    const groups = alone.map((index) => (index === 7 ? 5 : index)); // 5 is held out, and 7 its copy
    const found = split(groups, heldOut);
    expect(found[7]).toBe('validation');
    expect(found.filter((one) => one === 'validation')).toHaveLength(80 + 1);
    expect([count(found, 'test', 0), count(found, 'test', 1)]).toEqual([45, 15]);
  });

  it('says which class is too small to be in every split', () => {
    const few = { labels: [0, 0, 0, 1], groups: [0, 1, 2, 3] };
    expect(() => splitStratified(few, ['enough', 'single'], shares, new Random(1))).toThrow(
      /"single" there are 1 different pictures, .* validation/,
    );
    const copiesOnly = { labels: [0, 0, 0, 0], groups: [0, 0, 0, 0] };
    expect(() => splitStratified(copiesOnly, ['copies'], shares, new Random(1))).toThrow(/"copies" there are 1 different pictures/);
  });
});

describe('balancing', () => {
  const labels = [...new Array(10).fill(0), ...new Array(3).fill(1), ...new Array(5).fill(2)];
  const usesOf = (used: Int32Array): number[] => labels.map((_, index) => used.filter((one) => one === index).length);

  it('uses as many pictures of each class as are wanted, none much more often than another', () => {
    const { used, classes } = balanceClasses(labels, 4, 5, 1);
    const uses = usesOf(used);
    const ofClass = (label: number): number[] => uses.filter((_, index) => labels[index] === label);
    expect([0, 1, 2].map((label) => ofClass(label).reduce((sum, one) => sum + one, 0))).toEqual([5, 5, 5]);
    expect(Math.max(...ofClass(0))).toBe(1);
    expect(ofClass(1).sort()).toEqual([1, 2, 2]);
    expect(ofClass(2)).toEqual([1, 1, 1, 1, 1]);
    expect(classes).toEqual([
      { pictures: 10, leftOut: 5, repeats: 0 },
      { pictures: 3, leftOut: 0, repeats: 2 },
      { pictures: 5, leftOut: 0, repeats: 0 },
      { pictures: 0, leftOut: 0, repeats: 0 },
    ]);
  });

  it('leaves out other pictures for another seed, and the same for the same', () => {
    expect(balanceClasses(labels, 3, 5, 1).used).toEqual(balanceClasses(labels, 3, 5, 1).used);
    expect(balanceClasses(labels, 3, 5, 2).used).not.toEqual(balanceClasses(labels, 3, 5, 1).used);
  });

  it('takes everything once when nothing is wanted', () => {
    expect([...balanceClasses(labels, 3, null, 1).used]).toEqual(labels.map((_, index) => index));
  });
});

/** A file of 24 pictures of three classes, of which the last four are copies of the first four, compressed and turned. */
async function writeGalaxies(file: string): Promise<void> {
  const originals = Array.from({ length: 20 }, (_, index) => ({
    label: [2, 7, 9][index % 3]!,
    pixels: picture([2, 7, 9][index % 3]!, index),
  }));
  const again = await Promise.all(
    originals.slice(0, 4).map(async ({ label, pixels }) => ({
      label,
      pixels: await copies['turned and mirrored']!(await copies['as JPEG of quality 75']!(pixels)),
    })),
  );
  const all = [...originals, ...again];
  const hdf = await loadHdf();
  const opened = new hdf.File(file, 'w');
  const data = new Uint8Array(all.length * 256 * 256 * 3);
  all.forEach(({ pixels }, index) => {
    data.set(pixels, index * 256 * 256 * 3);
  });
  opened.create_dataset({ name: 'images', data, shape: [all.length, 256, 256, 3], dtype: '<B' });
  opened.create_dataset({ name: 'ans', data: Uint8Array.from(all, ({ label }) => label), shape: [all.length], dtype: '<B' });
  opened.close();
}

describe('the prepared data set', () => {
  let folder: string;
  let options: PrepareGalaxiesOptions;
  let card: GalaxyCard;
  const workspaceOf = (): PrepareGalaxiesOptions => ({ ...options, workspace: temporaryWorkspace() });
  const rowsOf = ({ workspace }: PrepareGalaxiesOptions): string[][] =>
    readFileSync(datasetOf(workspace, 'galaxy').labelsCsv, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));

  beforeAll(async () => {
    folder = temporaryFolder();
    await writeGalaxies(path.join(folder, 'Galaxy10_DECals.h5'));
    const settings = settingsFor(galaxy, { isSample: false }, { perClass: 4 });
    options = { workspace: temporaryWorkspace(), task: galaxy, source: { folder, name: 'test', isSample: false }, settings };
    card = await prepareGalaxies(options);
  });

  it('has every picture, in the size it had, with its class and where it came from', async () => {
    const { labelsCsv, datasetImages } = datasetOf(options.workspace, 'galaxy');
    expect(readFileSync(labelsCsv, 'utf8').split('\n')[0]).toBe('filename,label,source');
    const rows = rowsOf(options);
    expect(rows).toHaveLength(24);
    expect(readdirSync(datasetImages).sort()).toEqual(rows.map(([filename]) => filename).sort());
    for (const [filename, label, source] of rows) {
      const index = Number(source!.split('#')[1]);
      expect(source).toBe(`Galaxy10_DECals.h5#${index}`);
      expect(label).toBe(galaxy10Names[[2, 7, 9][(index < 20 ? index : index - 20) % 3]!]);
      if (index !== 5) continue;
      const stored = await sharp(path.join(datasetImages, filename!)).raw().toBuffer();
      const original = picture(9, 5);
      const error = Math.sqrt(
        stored.reduce((sum: number, value: number, place: number) => sum + (value - original[place]!) ** 2, 0) / stored.length,
      );
      expect(error).toBeLessThan(5); // the sky scatters by 10
    }
  });

  it('is read by what reads every data set', async () => {
    const dataset = await readDataset(options.workspace, galaxy);
    expect(dataset.pictures).toHaveLength(24);
    expect(dataset.fingerprint).toBe(card.fingerprint);
    expect(dataset.card).toEqual({ name: 'test', isSample: false });
    expect(dataset.pictures.every(({ labels }) => labels.reduce((sum, label) => sum + label, 0) === 1)).toBe(true);
    expect(await readDatasetCard(options.workspace, galaxy)).toEqual(card);
  });

  it('has no picture in two splits, nor a copy of one', () => {
    const splitOf = new Map(rowsOf(options).map(([filename, , source]) => [source!, filename!.split('_')[0]]));
    for (let index = 0; index < 4; index++) {
      expect(splitOf.get(`Galaxy10_DECals.h5#${20 + index}`)).toBe(splitOf.get(`Galaxy10_DECals.h5#${index}`));
    }
    expect(card.duplicates).toMatchObject({ groups: 4, pictures: 8, largest: 2, conflicts: 0, leaks: 0 });
    expect(card.duplicates.examples[0]).toEqual(['Galaxy10_DECals.h5#0', 'Galaxy10_DECals.h5#20']);
  });

  it('has every class in every split, and balances training alone', () => {
    const classes = ['Round Smooth', 'Unbarred Loose Spiral', 'Edge-on with Bulge'];
    for (const split of ['train', 'validation', 'test'] as const) {
      for (const name of classes) expect(card.labelCounts[split][name], `${name} in ${split}`).toBeGreaterThan(0);
    }
    for (const { class: name, pictures, leftOut, repeats } of card.balance) {
      expect(pictures).toBe(card.labelCounts.train[name]);
      expect(pictures - leftOut + repeats).toBe(classes.includes(name) ? 4 : 0);
    }
    // Files are what there is: balancing changes neither validation nor test, and copies no picture.
    expect(card.counts.train + card.counts.validation + card.counts.test).toBe(24);
  });

  it('is the same for the same seed, and split otherwise for another', async () => {
    const again = workspaceOf();
    expect((await prepareGalaxies(again)).fingerprint).toBe(card.fingerprint);
    const other = { ...workspaceOf(), settings: { ...options.settings, seed: 43 } };
    expect((await prepareGalaxies(other)).fingerprint).not.toBe(card.fingerprint);
  });

  it('keeps pictures that somebody put there by hand, with their labels, and describes them as synchronising labels does', async () => {
    const again = workspaceOf();
    await prepareGalaxies(again);
    const { labelsCsv, datasetImages } = datasetOf(again.workspace, 'galaxy');
    await writeFile(path.join(datasetImages, 'mine.jpg'), await sharp(picture(1, 99), { raw }).jpeg().toBuffer());
    await writeFile(labelsCsv, `${readFileSync(labelsCsv, 'utf8')}mine.jpg,Merging,my telescope\n`);
    await syncLabels(again.workspace, galaxy);
    const { createdAt: _, timings: __, ...synchronised } = (await readDatasetCard(again.workspace, galaxy))!;
    const prepared = await prepareGalaxies(again);
    expect(prepared).toMatchObject(synchronised);
    expect(prepared.added).toBe(1);
    expect(prepared.labelCounts.train.Merging).toBe(1);
    expect(rowsOf(again).at(-1)).toEqual(['mine.jpg', 'Merging', 'my telescope']);
  });

  it('leaves the former data set untouched when the raw data is broken, or when it is stopped half-way', async () => {
    const again = workspaceOf();
    await prepareGalaxies(again);
    const before = rowsOf(again);
    const broken = temporaryFolder();
    put(broken, 'Galaxy10_DECals.h5', 'not this');
    await expect(prepareGalaxies({ ...again, source: { ...again.source, folder: broken } })).rejects.toMatchObject({
      code: 'BAD_GALAXY_FILE',
    });
    const stopped = prepareGalaxies({
      ...again,
      onProgress: () => {
        throw new Error('stopped');
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    expect(rowsOf(again)).toEqual(before);
    expect(readdirSync(datasetOf(again.workspace, 'galaxy').datasetImages)).toHaveLength(24);
    expect(existsSync(path.join(datasetOf(again.workspace, 'galaxy').dataset, '.building'))).toBe(false);
  });

  it('is put in its place by the next one to read it, when a kill came between', async () => {
    const again = workspaceOf();
    await prepareGalaxies(again);
    const { dataset, labelsCsv, datasetCard, datasetImages } = datasetOf(again.workspace, 'galaxy');
    const ready = path.join(dataset, '.ready');
    await mkdir(ready);
    for (const file of [labelsCsv, datasetCard, datasetImages]) await rename(file, path.join(ready, path.basename(file)));
    expect((await readDataset(again.workspace, galaxy)).pictures).toHaveLength(24);
    expect(existsSync(ready)).toBe(false);
  });

  it('says what it left out of a folder a class, and keeps the rest', async () => {
    const again = workspaceOf();
    const classes = temporaryFolder();
    for (let number = 0; number < 6; number++) {
      put(classes, `Merging/${number}.png`, await sharp(picture(1, number), { raw }).png().toBuffer());
    }
    put(classes, 'Merging/broken.jpg', 'no picture');
    const prepared = await prepareDataset({
      ...again,
      settings: settingsFor(galaxy, { isSample: false }),
      source: { ...again.source, folder: classes },
    });
    expect(prepared.skipped).toEqual([{ file: 'Merging/broken.jpg', reason: 'unreadable', detail: expect.stringContaining('broken.jpg') }]);
    expect(prepared.counts).toEqual({ train: 4, validation: 1, test: 1 });
  });
});
