import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { auditPhotos, chooseData, describeAudit } from '../lib/data';
import { countBits, groupAlike } from '../lib/data/duplicates';
import { correlation, greyValues, perceptualHash } from '../lib/data/perceptualHash';
import { Random } from '../lib/random';
import { food } from '../lib/tasks';
import { openWorkspace } from '../lib/workspace';
import { blobs, fillSource, put, temporaryFolder, temporaryWorkspace } from './data.fixtures';

const rice = 'food11/training/Rice';
const shared = process.env.VISIONBOOK_SHARED ?? path.join(openWorkspace().root, '..', 'shared');
const photographs = path.join(shared, 'photos');

describe('choosing the data', () => {
  it('takes the raw data when every folder of it holds pictures', async () => {
    const workspace = temporaryWorkspace();
    await fillSource(workspace.raw, 1);
    expect(await chooseData(workspace, food)).toEqual({ name: 'food11', isSample: false, folder: workspace.raw });
  });

  it('takes the sample otherwise, and says which folder of the raw data is empty', async () => {
    const workspace = temporaryWorkspace();
    await fillSource(workspace.raw, 1);
    await fillSource(workspace.sample, 1);
    rmSync(path.join(workspace.raw, rice, '1.jpg'));
    const source = await chooseData(workspace, food, 'auto');
    expect(source).toMatchObject({ name: 'sample', isSample: true, folder: workspace.sample });
    expect(source.note).toContain(`${rice} holds no picture`);
  });

  it('takes a folder in the same layout under the name it was given', async () => {
    const folder = temporaryFolder();
    await fillSource(folder, 1);
    expect(await chooseData(temporaryWorkspace(), food, folder)).toEqual({ name: folder, isSample: false, folder });
  });

  it('knows the sample wherever it lies', async () => {
    const workspace = temporaryWorkspace();
    await fillSource(workspace.sample, 1);
    expect(await chooseData(workspace, food, workspace.sample)).toMatchObject({ isSample: true });
  });

  it.each([
    ['auto', /is missing: download Food-11 from https:\/\/www\.kaggle\.com.* or run `npm run sample`/],
    ['food11', /training.Dairy product is missing: download/],
    ['sample', /is missing: run `npm run sample`/],
    ['/nowhere', /nowhere.food11.training.Dairy product is missing/],
  ])('says what is missing for "%s" and where to get it', async (choice, message) => {
    await expect(chooseData(temporaryWorkspace(), food, choice)).rejects.toMatchObject({
      code: 'MISSING_DATA',
      message: expect.stringMatching(message),
    });
  });
});

describe('the audit of photographs', () => {
  it('counts pictures, and names those that cannot be used, with the reason', async () => {
    const source = await fillSource(temporaryFolder(), 2);
    put(source.folder, `${rice}/text.jpg`, 'not a picture');
    put(source.folder, `${rice}/cut.jpg`, (await blobs('cut', 200, 200)).subarray(0, 2500));
    put(
      source.folder,
      `${rice}/dot.png`,
      await sharp(await blobs('dot'))
        .resize(1, 1)
        .png()
        .toBuffer(),
    );
    rmSync(path.join(source.folder, 'food11/validation/Rice'), { recursive: true });

    const seen: number[] = [];
    const report = await auditPhotos(source, food, { onProgress: ({ done }) => seen.push(done) });
    expect(report.folders.find(({ folder }) => folder.folder === rice)).toMatchObject({ pictures: 5, usable: 2 });
    expect(report.unusable.map(({ file, reason }) => [file, reason])).toEqual([
      [`${rice}/cut.jpg`, 'unreadable'],
      [`${rice}/dot.png`, 'tiny'],
      [`${rice}/text.jpg`, 'unreadable'],
    ]);
    expect(seen.at(-1)).toBe(2 * 10 + 3);

    const text = describeAudit(report);
    expect(text).toMatch(/food11\/training\/Rice +5 +2/);
    expect(text).toMatch(/food11\/validation\/Rice +0 +0 {2}\(missing or empty\)/);
    expect(text).toContain('1x1 pixels');
  });

  it.each<[string, 'exact' | 'near', (picture: Buffer) => Promise<Buffer>]>([
    ['the same file', 'exact', async (picture) => picture],
    ['another quality', 'near', (picture) => sharp(picture).jpeg({ quality: 40 }).toBuffer()],
    ['half the size', 'near', (picture) => sharp(picture).resize(32, 24).png().toBuffer()],
    ['no colour', 'near', (picture) => sharp(picture).greyscale().jpeg().toBuffer()],
    ['more light', 'near', (picture) => sharp(picture).modulate({ brightness: 1.1 }).jpeg().toBuffer()],
    ['a trimmed edge', 'near', (picture) => sharp(picture).extract({ left: 1, top: 1, width: 62, height: 46 }).jpeg().toBuffer()],
  ])('finds a copy in another split that has %s', async (_, kind, edit) => {
    const source = await fillSource(temporaryFolder(), 2);
    put(source.folder, 'food11/evaluation/Rice/copy.jpg', await edit(await blobs(`${rice}/1`)));
    const { duplicates } = await auditPhotos(source, food);
    expect(duplicates).toEqual([
      { kind, files: [`${rice}/1.jpg`, 'food11/evaluation/Rice/copy.jpg'], splits: ['train', 'test'], oneClass: true },
    ]);
  });

  it('tells copies that stand for different classes', async () => {
    const source = await fillSource(temporaryFolder(), 2);
    put(source.folder, `foodornot/train/negative_non_food/copy.jpg`, await blobs(`${rice}/1`));
    const report = await auditPhotos(source, food);
    expect(report.duplicates).toMatchObject([{ kind: 'exact', splits: ['train'], oneClass: false }]);
    expect(describeAudit(report)).toContain('Copies that stand for different classes: 1 groups');
  });

  it('takes no blank pictures for copies of each other, unless they are the same file', async () => {
    const source = await fillSource(temporaryFolder(), 1);
    for (const [name, grey] of Object.entries({ a: 40, b: 200, c: 200 })) {
      const blank = sharp({ create: { width: 64, height: 64, channels: 3, background: { r: grey, g: grey, b: grey } } });
      put(source.folder, `${rice}/${name}.png`, await blank.png().toBuffer());
    }
    const { duplicates } = await auditPhotos(source, food);
    expect(duplicates.map(({ kind, files }) => [kind, files])).toEqual([['exact', [`${rice}/b.png`, `${rice}/c.png`]]]);
  });

  it('compares 12,000 pictures in seconds', { timeout: 60_000 }, () => {
    const random = new Random(1);
    const pictures = Array.from({ length: 12_000 }, (_, index) => ({
      sha256: String(index),
      hash: [random.integer(2 ** 32) | 0, random.integer(2 ** 32) | 0] as const,
      grey: Float32Array.from({ length: 64 }, () => random.uniform()),
    }));
    const started = performance.now();
    const groups = groupAlike([...pictures, { ...pictures[17]!, sha256: 'another' }]);
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(groups.at(-1)).toBe(17);
    expect(new Set(groups).size).toBe(12_000);
  });

  it.skipIf(!existsSync(photographs))(
    'finds no copy among the real photographs, which were cleared of them',
    { timeout: 60_000 },
    async () => {
      const report = await auditPhotos({ name: 'photos', isSample: false, folder: photographs }, food);
      expect(report.photos.length).toBeGreaterThan(1000);
      expect(report.duplicates).toEqual([]);
      expect(report.unusable).toEqual([]);
    },
  );
});

describe('likeness', () => {
  it('counts bits', () => {
    expect([0, 1, -1, 0x80000000 | 0, 0x0f0f0f0f].map(countBits)).toEqual([0, 1, 32, 1, 16]);
  });

  it('correlates: 1 with itself, -1 with its negative, 0 with a blank', () => {
    const ramp = Float32Array.from({ length: 1024 }, (_, index) => index % 37);
    expect(correlation(ramp, ramp)).toBeCloseTo(1, 6);
    expect(
      correlation(
        ramp,
        ramp.map((value) => 100 - value),
      ),
    ).toBeCloseTo(-1, 6);
    expect(correlation(ramp, new Float32Array(1024).fill(5))).toBe(0);
  });

  it('hashes half of the 64 frequencies to 1, whatever the light', () => {
    const random = new Random(3);
    const rgb = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.integer(128));
    const hash = perceptualHash(greyValues(rgb));
    expect(countBits(hash[0]) + countBits(hash[1])).toBe(32);
    expect(perceptualHash(greyValues(rgb.map((value) => value + 50)))).toEqual(hash);
  });
});
