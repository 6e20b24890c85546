import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { lock } from 'proper-lockfile';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditPhotos } from '../lib/data';
import { buildFoodSample, readSampleCard, type SampleCounts, type SampleOptions, sampleCounts } from '../lib/data/sample';
import { type Artwork, type Drawing, familiesOfSplit, readArtwork } from '../lib/data/sample/artwork';
import { type PlannedPicture, planSample } from '../lib/data/sample/plan';
import { drawScene } from '../lib/data/sample/scene';
import { drawSurface } from '../lib/data/sample/surfaces';
import { sha256 } from '../lib/files';
import type { Progress } from '../lib/progress';
import { Random } from '../lib/random';
import { food, type Split, splits } from '../lib/tasks';
import { openWorkspace } from '../lib/workspace';

const packages = path.join(openWorkspace({ env: {} }).root, 'node_modules');
const few: SampleCounts = { photos: { train: 2, validation: 1, test: 1 }, negatives: { train: 2, test: 1 } };
const fewInAll = 3 * (2 + 1 + 1) + 2 + 1;

let temporary: string;
let artwork: Artwork;
let folder: string;
let built: SampleOptions;

beforeAll(async () => {
  temporary = await mkdtemp(path.join(os.tmpdir(), 'visionbook-sample-'));
  artwork = await readArtwork(packages);
  folder = path.join(temporary, 'raw', 'sample');
  built = { folder, packages: await excerptOfPackages(), task: food, seed: 7, counts: few };
  await buildFoodSample(built);
}, 60_000);
afterAll(() => rm(temporary, { recursive: true, force: true }));

/** The artwork's packages with fewer drawings: one of the real files takes a second to read. */
async function excerptOfPackages(): Promise<string> {
  const excerpt = path.join(temporary, 'node_modules');
  for (const split of splits) {
    const kinds = [undefined, ...food.classes.map((one) => one.folder)].map((kind) => artwork.drawings(split, kind));
    for (const family of familiesOfSplit[split]) {
      const kept = kinds.flatMap((drawings) => drawings.filter((drawing) => drawing.family === family).slice(0, 6));
      const name = path.join('@iconify-json', family);
      await cp(path.join(packages, name), path.join(excerpt, name), {
        recursive: true,
        filter: (file) => !/(icons|chars)\.json$/.test(file),
      });
      const icons = Object.fromEntries(kept.map((drawing) => [drawing.name, drawing]));
      await writeFile(path.join(excerpt, name, 'icons.json'), JSON.stringify({ width: 1, height: 1, icons }));
    }
  }
  return excerpt;
}

async function filesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

const picturesIn = async (root: string): Promise<string[]> => (await filesIn(root)).filter((file) => file.endsWith('.jpg'));

async function hashesIn(root: string): Promise<Record<string, string>> {
  const files = await filesIn(root);
  return Object.fromEntries(files.map((file) => [file, sha256(readFileSync(path.join(root, file)))]));
}

async function copyOfSample(name: string): Promise<SampleOptions> {
  const copy = { ...built, folder: path.join(temporary, name, 'sample') };
  await cp(folder, copy.folder, { recursive: true });
  return copy;
}

/** Builds and tells whether any picture was drawn. */
async function drawsAnything(options: SampleOptions): Promise<boolean> {
  const news: Progress[] = [];
  await buildFoodSample({ ...options, onProgress: (progress) => news.push(progress) });
  return !news.some(({ note }) => note === 'up to date');
}

describe('the built sample', () => {
  it('has the folders of Food-11 and FoodOrNot, and as many pictures as it was asked for', async () => {
    const counts: Record<string, number> = {};
    for (const file of await picturesIn(folder)) counts[path.dirname(file)] = (counts[path.dirname(file)] ?? 0) + 1;
    expect(counts).toEqual({
      'food11/training/Dairy product': 2,
      'food11/training/Rice': 2,
      'food11/training/Vegetable-Fruit': 2,
      'food11/validation/Dairy product': 1,
      'food11/validation/Rice': 1,
      'food11/validation/Vegetable-Fruit': 1,
      'food11/evaluation/Dairy product': 1,
      'food11/evaluation/Rice': 1,
      'food11/evaluation/Vegetable-Fruit': 1,
      'foodornot/train/negative_non_food': 2,
      'foodornot/test/negative_non_food': 1,
    });
    expect((await readSampleCard(folder))?.counts).toEqual(counts);
  });

  it('holds colour JPEGs of about 256 pixels in which something is to be seen', async () => {
    const shapes = new Set<number>();
    for (const file of await picturesIn(folder)) {
      const picture = sharp(path.join(folder, file));
      const { format, width, height, channels } = await picture.metadata();
      expect({ format, channels }).toEqual({ format: 'jpeg', channels: 3 });
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(176);
      expect(Math.max(width, height)).toBeLessThanOrEqual(336);
      shapes.add(Math.round((width / height) * 10));
      const { channels: statistics } = await picture.stats();
      expect(Math.max(...statistics.map(({ stdev }) => stdev))).toBeGreaterThan(10);
    }
    expect(shapes.size).toBeGreaterThan(2);
  });

  it('passes the audit of the photographs: all usable, none a copy of another', async () => {
    const report = await auditPhotos({ name: 'sample', isSample: true, folder }, food, {});
    expect(report.folders.reduce((sum, { usable }) => sum + usable, 0)).toBe(fewInAll);
    expect(report.duplicates).toEqual([]);
  });

  it('names every family, its author and its licence', async () => {
    const licences = readFileSync(path.join(folder, 'LICENSES.md'), 'utf8');
    for (const family of Object.values(familiesOfSplit).flat()) {
      expect(licences).toMatch(new RegExp(`@iconify-json/${family} [\\d.]+ \\| \\[.+\\]\\(https.+\\) \\| \\[(MIT|Apache-2.0|CC-BY.*)\\]`));
    }
    expect(licences).toContain('Pictures of `openmoji` and `emojione-v1` are');
  });
});

describe('building again', () => {
  it('gives the same bytes for the same seed', async () => {
    const again = { ...built, folder: path.join(temporary, 'again', 'sample') };
    await buildFoodSample(again);
    expect(await hashesIn(again.folder)).toEqual(await hashesIn(folder));
  });

  it('does nothing where the sample is up to date, even without the artwork', async () => {
    const before = await stat(folder);
    expect(await drawsAnything({ ...built, packages: '/nowhere' })).toBe(false);
    expect((await stat(folder)).ctimeMs).toBe(before.ctimeMs);
  });

  it.each<[string, (sample: string) => Promise<void>]>([
    ['a picture has gone', async (sample) => rm(path.join(sample, (await picturesIn(sample))[0]!))],
    ['the card is broken', (sample) => writeFile(path.join(sample, 'sample.json'), '{"seed":')],
    ['the card is of another generator', (sample) => writeFile(path.join(sample, 'sample.json'), '{"generator": 0}')],
  ])('makes the sample whole again when %s', async (name, damage) => {
    const options = await copyOfSample(name);
    await damage(options.folder);
    expect(await drawsAnything(options)).toBe(true);
    expect(await hashesIn(options.folder)).toEqual(await hashesIn(folder));
  });

  it('draws other pictures for another seed, in place of the former ones', async () => {
    const options = { ...(await copyOfSample('other-seed')), seed: 8 };
    expect(await drawsAnything(options)).toBe(true);
    expect((await readSampleCard(options.folder))?.seed).toBe(8);
    const former = new Set(Object.values(await hashesIn(folder)));
    const pictures = Object.entries(await hashesIn(options.folder)).filter(([file]) => file.endsWith('.jpg'));
    expect(pictures).toHaveLength(fewInAll);
    expect(pictures.filter(([, hash]) => former.has(hash))).toEqual([]);
    expect(await readdir(path.dirname(options.folder))).toEqual(['sample']);
  });

  it('draws more pictures when more are wanted', async () => {
    const options = { ...(await copyOfSample('more')), counts: { ...few, negatives: { train: 3, test: 1 } } };
    expect(await drawsAnything(options)).toBe(true);
    expect(await picturesIn(options.folder)).toHaveLength(fewInAll + 1);
  });

  it("leaves another task's sample inside where it is, whichever was built first", async () => {
    const options = await copyOfSample('shared');
    const galaxies = path.join(options.folder, 'galaxy10');
    await mkdir(galaxies);
    await writeFile(path.join(galaxies, 'sample.json'), 'of galaxies');
    await buildFoodSample({ ...options, seed: 5 });
    expect(await readFile(path.join(galaxies, 'sample.json'), 'utf8')).toBe('of galaxies');
    const alone = path.join(temporary, 'galaxies-first');
    await mkdir(path.join(alone, 'galaxy10'), { recursive: true });
    await buildFoodSample({ ...built, folder: alone });
    expect(await readdir(alone)).toEqual(expect.arrayContaining(['galaxy10', 'food11', 'sample.json']));
  });

  it('removes what a killed run left', async () => {
    const options = await copyOfSample('killed');
    await mkdir(`${options.folder}.unfinished/food11`, { recursive: true });
    await mkdir(`${options.folder}.former`);
    await buildFoodSample(options);
    expect(await readdir(path.dirname(options.folder))).toEqual(['sample']);
  });
});

describe('when it cannot be built', () => {
  it('says which artwork is missing, and the former sample stays', async () => {
    const options = await copyOfSample('no-artwork');
    await expect(buildFoodSample({ ...options, seed: 9, packages: temporary })).rejects.toMatchObject({
      code: 'MISSING_ARTWORK',
      message: expect.stringMatching(/@iconify-json\/noto .*npm start/),
    });
    expect(await hashesIn(options.folder)).toEqual(await hashesIn(folder));
    expect(await readdir(path.dirname(options.folder))).toEqual(['sample']);
  });

  it('says so when the artwork is not laid out as expected', async () => {
    const broken = path.join(temporary, 'broken');
    await mkdir(path.join(broken, '@iconify-json', 'noto'), { recursive: true });
    await writeFile(path.join(broken, '@iconify-json', 'noto', 'metadata.json'), '{}');
    const options = { ...built, folder: path.join(temporary, 'never'), packages: broken };
    await expect(buildFoodSample(options)).rejects.toMatchObject({ code: 'MISSING_ARTWORK' });
    expect(existsSync(options.folder)).toBe(false);
  });

  it('leaves a folder of other files alone', async () => {
    const precious = path.join(temporary, 'precious');
    await mkdir(precious);
    await writeFile(path.join(precious, 'holiday.jpg'), 'mine');
    await expect(buildFoodSample({ ...built, folder: precious })).rejects.toMatchObject({ code: 'NOT_A_SAMPLE' });
    expect(await readdir(precious)).toEqual(['holiday.jpg']);
  });

  it('waits for no other process: it says that one is at it', async () => {
    const release = await lock(folder, { realpath: false });
    await expect(buildFoodSample(built)).rejects.toMatchObject({ code: 'SAMPLE_BUSY' });
    await release();
    expect(await drawsAnything(built)).toBe(false);
  });
});

describe('the plan', () => {
  let plan: PlannedPicture[];
  beforeAll(() => {
    plan = planSample(food, artwork, sampleCounts, 42);
  });

  const folderOf = ({ file }: PlannedPicture): string => path.posix.basename(path.posix.dirname(file));
  const key = ({ family, name }: Drawing): string => `${family}/${name}`;

  it('has at least 1,600 pictures, with enough of no food for the task', () => {
    expect(plan.length).toBeGreaterThanOrEqual(1600);
    const wanted = food.sampleDefaults.negatives;
    expect(sampleCounts.negatives.train).toBeGreaterThanOrEqual((wanted?.train ?? 0) + (wanted?.validation ?? 0));
    expect(sampleCounts.negatives.test).toBeGreaterThanOrEqual(wanted?.test ?? 0);
  });

  it('shows no artist in two splits', () => {
    const families = (split: Split): Set<string> =>
      new Set(plan.filter((picture) => picture.split === split).flatMap(({ drawings }) => drawings.map(({ family }) => family)));
    for (const split of splits) expect([...families(split)].sort()).toEqual([...familiesOfSplit[split]].sort());
    expect(new Set(Object.values(familiesOfSplit).flat()).size).toBe(Object.values(familiesOfSplit).flat().length);
  });

  it.each([
    ['Dairy product', ['cheese-wedge', 'glass-of-milk', 'butter'], ['cooked-rice', 'banana', 'cow']],
    ['Rice', ['cooked-rice', 'sushi', 'rice-ball'], ['spaghetti', 'cheese-wedge', 'sheaf-of-rice']],
    ['Vegetable-Fruit', ['banana', 'carrot', 'grapes'], ['mushroom', 'rose', 'cooked-rice']],
    ['negative_non_food', ['cow', 'bicycle', 'guitar', 'castle'], ['banana', 'pizza', 'jack-o-lantern', 'two-oclock', 'club-suit']],
  ])('shows in %s what belongs there and nothing else', (folderName, belong, foreign) => {
    const shown = new Set(plan.filter((p) => folderOf(p) === folderName).flatMap(({ drawings }) => drawings.map(({ name }) => name)));
    const drawable = new Set(
      splits
        .flatMap((split) => artwork.drawings(split, folderName === 'negative_non_food' ? undefined : folderName))
        .map(({ name }) => name),
    );
    expect(belong.filter((name) => !drawable.has(name))).toEqual([]);
    expect(foreign.filter((name) => drawable.has(name))).toEqual([]);
    expect([...shown].filter((name) => !drawable.has(name))).toEqual([]);
  });

  it('knows over 1,000 drawings of other things, none of which is food', () => {
    expect(artwork.drawings('train').length + artwork.drawings('test').length).toBeGreaterThan(1000);
    const foods = new Set(food.classes.flatMap((one) => splits.flatMap((split) => artwork.drawings(split, one.folder))).map(key));
    expect(splits.flatMap((split) => artwork.drawings(split)).filter((drawing) => foods.has(key(drawing)))).toEqual([]);
  });

  it('gives every drawing its turn before any comes again', () => {
    for (const one of food.classes) {
      const first = plan.filter((p) => p.split === 'train' && folderOf(p) === one.folder).map(({ drawings }) => key(drawings[0]!));
      const all = artwork.drawings('train', one.folder).length;
      expect(new Set(first.slice(0, all)).size).toBe(all);
    }
  });

  it('shows one to four things of one class, by one artist', () => {
    expect(new Set(plan.map(({ drawings }) => drawings.length))).toEqual(new Set([1, 2, 3, 4]));
    for (const { drawings } of plan) expect(new Set(drawings.map(({ family }) => family)).size).toBe(1);
  });

  it('refuses a class that it has no drawings of', () => {
    const task = { ...food, classes: [...food.classes, { name: 'sopa', folder: 'Soup' }] };
    expect(() => planSample(task, artwork, few, 1)).toThrow(expect.objectContaining({ code: 'NO_DRAWINGS' }));
  });
});

describe('a picture', () => {
  const size = { width: 260, height: 200 };
  const square = (colour: string): Drawing => ({
    family: 'test',
    name: colour,
    width: 10,
    height: 10,
    body: `<rect width="10" height="10" fill="${colour}"/>`,
  });

  it('has surroundings that do not depend on what it shows', () => {
    const scene = (colour: string): string => drawScene([square(colour), square(colour)], size, new Random(3)).replaceAll(colour, '');
    expect(scene('#00f')).toBe(scene('#ff0'));
  });

  it('keeps the gradients of two drawings apart', () => {
    const body = '<linearGradient id="a"/><rect fill="url(#a)"/><use href="#a"/>';
    const scene = drawScene([{ ...square('red'), body }, square('red')], size, new Random(1));
    expect(scene).toContain('id="thing0-a"/><rect fill="url(#thing0-a)"/><use href="#thing0-a"/>');
  });

  it.each([1, 2, 3, 4])('of %i lets the things be seen, whatever chance decides', async (count) => {
    for (let seed = 0; seed < 12; seed++) {
      const scene = drawScene(Array(count).fill(square('#f0f')), size, new Random(seed));
      const { data, info } = await sharp(Buffer.from(scene)).flatten({ background: 'white' }).raw().toBuffer({ resolveWithObject: true });
      let seen = 0;
      for (let at = 0; at < data.length; at += info.channels) if (data[at]! - data[at + 1]! > 90) seen++;
      expect(seen / (info.width * info.height)).toBeGreaterThan(0.1);
    }
  });

  it('lies on an opaque surface', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const alpha = await sharp(Buffer.from(drawSurface(new Random(seed))))
        .extractChannel('alpha')
        .raw()
        .toBuffer();
      expect(alpha.every((value: number) => value === 255)).toBe(true);
    }
  });
});
