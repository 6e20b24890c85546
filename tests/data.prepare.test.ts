import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { lock } from 'proper-lockfile';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DataSource, type DatasetCard, prepareDataset, readDataset, readDatasetCard, syncLabels } from '../lib/data';
import { sha256 } from '../lib/files';
import { food, type SettingsOverrides } from '../lib/tasks';
import type { Workspace } from '../lib/workspace';
import { blobs, fillSource, put, smallSettings, temporaryFolder, temporaryWorkspace } from './data.fixtures';

const test = 'foodornot/test/negative_non_food';
let source: DataSource;

function prepare(workspace: Workspace, from: DataSource, overrides: SettingsOverrides = {}): Promise<DatasetCard> {
  return prepareDataset({ workspace, task: food, source: from, settings: smallSettings(overrides) });
}

/** Name and hash of everything in the data set, but for the card, which tells the time. */
function contents(workspace: Workspace): Record<string, string> {
  const images = readdirSync(workspace.datasetImages).map((name) => [name, sha256(readFileSync(path.join(workspace.datasetImages, name)))]);
  return Object.fromEntries([...images, ['labels.csv', readFileSync(workspace.labelsCsv, 'utf8')]]);
}

beforeAll(async () => {
  source = await fillSource(temporaryFolder());
});

describe('preparing a data set', () => {
  it('writes pictures, labels and card as the recipe says', async () => {
    const workspace = temporaryWorkspace();
    const seen: string[] = [];
    const onProgress = ({ label, done, total }: { label: string; done: number; total: number }) => seen.push(`${label} ${done}/${total}`);
    await prepareDataset({ workspace, task: food, source, settings: smallSettings(), onProgress });

    const lines = readFileSync(workspace.labelsCsv, 'utf8').trim().split('\n');
    expect(lines[0]).toBe('filename,lacteos,arroz,frutas/verduras,source');
    expect(lines[1]).toMatch(/^train_0000001\.jpg,[01],[01],[01],food11\/training\/(Dairy product|Rice|Vegetable-Fruit)\/\d\.jpg/);
    expect(lines).toContainEqual(expect.stringMatching(/^train_none_0000001\.jpg,0,0,0,foodornot\/train\/negative_non_food\/\d\.jpg$/));
    // 4 training negatives, of which validation holds out one in four.
    expect(readdirSync(workspace.datasetImages)).toHaveLength(12 + 5 + 5 + 3 + 1 + 2);
    expect(seen).toContain('Making pictures 28/28');
    expect(readdirSync(workspace.dataset).sort()).toEqual(['CARD.md', 'dataset.json', 'images', 'labels.csv']);

    const picture = await sharp(path.join(workspace.datasetImages, 'val_0000005.jpg')).metadata();
    expect([picture.width, picture.height, picture.format]).toEqual([224, 224, 'jpeg']);
  });

  it('and synchronising labels describe the same data set alike', async () => {
    const [workspace, own] = [temporaryWorkspace(), await fillSource(temporaryFolder())];
    put(own.folder, 'LICENSES.md', '# Licences\n\nAll of it is free.');
    await prepareDataset({ workspace, task: food, source: own, settings: smallSettings() });
    const before = readFileSync(workspace.datasetCardText, 'utf8');
    await syncLabels(workspace, food);
    expect(readFileSync(workspace.datasetCardText, 'utf8')).toBe(before);

    put(workspace.datasetImages, 'mine.jpg', await blobs('mine'));
    put(workspace.dataset, 'labels_pending.csv', 'filename,lacteos,arroz,frutas/verduras,source\nmine.jpg,1,0,1,mine.jpg\n');
    await syncLabels(workspace, food, { merge: true });
    const labels = readFileSync(workspace.labelsCsv, 'utf8');
    const relabelled = labels.replace(/^test_none_0000001\.jpg,0,0,0/m, 'test_none_0000001.jpg,0,1,0');
    expect(relabelled).not.toBe(labels);
    const card = (await readDatasetCard(workspace, food))!;
    const text = readFileSync(workspace.datasetCardText, 'utf8');
    expect(card.fingerprint).toBe((await readDataset(workspace, food)).fingerprint);
    expect(text).toContain('1 picture among these were added and labelled by hand');
    expect(text).toContain('## Where it comes from, and licences\n\nAll of it is free.');
    writeFileSync(workspace.labelsCsv, relabelled);
    await syncLabels(workspace, food);
    expect((await readDatasetCard(workspace, food))!.fingerprint).toBe((await readDataset(workspace, food)).fingerprint);

    const again = await prepareDataset({ workspace, task: food, source: own, settings: smallSettings() });
    const told = ({ createdAt: _, timings: __, ...rest }: DatasetCard): object => rest;
    expect(told(card)).toEqual(told(again));
    const withoutTime = (one: string): string => one.replaceAll(/\| made \|.*/g, '');
    expect(withoutTime(text)).toBe(withoutTime(readFileSync(workspace.datasetCardText, 'utf8')));
  });

  it('describes the data set in a card that reading confirms', async () => {
    const workspace = temporaryWorkspace();
    const card = await prepare(workspace, source);
    expect(card).toMatchObject({ data: { name: 'test', isSample: false }, counts: { train: 15, validation: 6, test: 7 }, added: 0 });
    expect(card.labelCounts.train.none).toBe(3);
    expect(await readDatasetCard(workspace, food)).toEqual(card);

    const dataset = await readDataset(workspace, food);
    expect(dataset.fingerprint).toBe(card.fingerprint);
    expect(dataset.card).toEqual(card.data);
    const both = dataset.pictures.filter(({ labels }) => labels[0] && labels[2]).length;
    expect(card.coOccurrence[0]![2]).toBe(both);
  });

  it('gives the same bytes for the same seed, and others for another', async () => {
    const [one, two, other] = [temporaryWorkspace(), temporaryWorkspace(), temporaryWorkspace()];
    await Promise.all([prepare(one, source), prepare(two, source), prepare(other, source, { seed: 43 })]);
    expect(contents(two)).toEqual(contents(one));
    expect(contents(other)).not.toEqual(contents(one));
  });

  it('uses no photograph in two splits, copies included, and counts those it drops', async () => {
    const leaky = await fillSource(temporaryFolder());
    const [rice, dairy] = ['food11/training/Rice/1.jpg', 'food11/validation/Dairy product/2.jpg'];
    put(leaky.folder, 'food11/evaluation/Rice/same.jpg', await blobs('food11/training/Rice/1'));
    const smaller = sharp(await blobs('food11/validation/Dairy product/2')).resize(40, 30);
    put(leaky.folder, 'food11/evaluation/Dairy product/smaller.jpg', await smaller.jpeg({ quality: 60 }).toBuffer());
    put(leaky.folder, `${test}/seen.jpg`, await blobs('foodornot/train/negative_non_food/3'));

    const workspace = temporaryWorkspace();
    const card = await prepare(workspace, leaky, { collages: { train: 40, validation: 30, test: 30 } });
    const dropped = card.skipped.map(({ file }) => file).sort();
    expect(dropped).toEqual([rice, dairy, 'foodornot/train/negative_non_food/3.jpg'].sort());
    expect(card.skipped.find(({ file }) => file === rice)).toMatchObject({
      reason: 'duplicate',
      detail: 'a copy of food11/evaluation/Rice/same.jpg, which is in test',
    });

    const splitsOf = new Map<string, Set<string>>();
    for (const { sources, split } of (await readDataset(workspace, food)).pictures) {
      for (const photo of sources) splitsOf.set(photo, (splitsOf.get(photo) ?? new Set()).add(split));
    }
    expect([...splitsOf.values()].every((found) => found.size === 1)).toBe(true);
    for (const file of dropped) expect(splitsOf.has(file)).toBe(false);
  });

  it('holds out copies among the negatives together', async () => {
    const repeated = await fillSource(temporaryFolder(), 1);
    const folder = 'foodornot/train/negative_non_food';
    for (const number of [1, 2, 3, 4, 5, 6]) {
      for (const quality of [95, 60]) {
        const copy = await sharp(await blobs(`negative ${number}`))
          .jpeg({ quality })
          .toBuffer();
        put(repeated.folder, `${folder}/${number}-${quality}.jpg`, copy);
      }
    }
    const workspace = temporaryWorkspace();
    const card = await prepare(workspace, repeated, { negatives: { train: 9, validation: 4, test: 1 } });
    expect(card.skipped).toEqual([]);
    const { pictures } = await readDataset(workspace, food);
    const heldOut = pictures.filter(({ filename }) => filename.startsWith('val_none_')).flatMap(({ sources }) => sources);
    expect(heldOut.length).toBe(4);
    const kept = pictures.filter(({ filename }) => filename.startsWith('train_none_')).flatMap(({ sources }) => sources);
    for (const file of kept) expect(heldOut.map((other) => other.split('-')[0])).not.toContain(file.split('-')[0]);
  });

  it('skips and counts photographs that cannot be used', async () => {
    const flawed = await fillSource(temporaryFolder());
    put(flawed.folder, 'food11/training/Rice/text.jpg', 'not a picture');
    put(
      flawed.folder,
      `${test}/dot.png`,
      await sharp(await blobs('dot'))
        .resize(1, 1)
        .png()
        .toBuffer(),
    );
    const card = await prepare(temporaryWorkspace(), flawed);
    expect(card.skipped.map(({ file, reason }) => [file, reason])).toEqual([
      ['food11/training/Rice/text.jpg', 'unreadable'],
      [`${test}/dot.png`, 'tiny'],
    ]);
  });

  it.each<[string, (folder: string) => void, RegExp]>([
    ['is missing', (folder) => rmSync(folder, { recursive: true }), /validation\/Rice has no usable picture \(it is missing or empty\)/],
    [
      'holds nothing readable',
      (folder) => {
        for (const name of readdirSync(folder)) writeFileSync(path.join(folder, name), 'x');
      },
      /all of its 1 pictures are unreadable/,
    ],
  ])('refuses a class folder that %s, and leaves the former data set', async (_, spoil, message) => {
    const spoilt = await fillSource(temporaryFolder(), 1);
    const workspace = temporaryWorkspace();
    const settings = { negatives: { train: 0, validation: 0, test: 0 } };
    await prepare(workspace, spoilt, settings);
    const before = contents(workspace);
    spoil(path.join(spoilt.folder, 'food11/validation/Rice'));
    await expect(prepare(workspace, spoilt, settings)).rejects.toMatchObject({
      code: 'EMPTY_FOLDER',
      message: expect.stringMatching(message),
    });
    expect(contents(workspace)).toEqual(before);
    expect(readdirSync(workspace.dataset)).not.toContain('.building');
    // What the settings do not ask for may be missing.
    await prepare(workspace, spoilt, { ...settings, collages: { train: 3, validation: 0, test: 2 } });
  });
});

describe('what somebody put into the data set by hand', () => {
  it('stays, with its labels; pictures made before go', async () => {
    const workspace = temporaryWorkspace();
    await prepare(workspace, source);
    put(workspace.datasetImages, 'mine.jpg', await blobs('mine'));
    put(workspace.datasetImages, 'later.jpg', await blobs('later'));
    // Beyond the last picture that was made, so it was not made.
    put(workspace.datasetImages, 'train_0000013.jpg', await blobs('thirteen'));
    put(workspace.dataset, 'README.md', 'read me');
    writeFileSync(workspace.labelsCsv, `${readFileSync(workspace.labelsCsv, 'utf8')}mine.jpg,0,1,0,mine.jpg\n`);

    const card = await prepare(workspace, source, { collages: { train: 6, validation: 5, test: 5 } });
    expect(card.added).toBe(1);
    expect(card.fingerprint).toBe((await readDataset(workspace, food)).fingerprint);
    const names = readdirSync(workspace.datasetImages);
    expect(names).toEqual(expect.arrayContaining(['mine.jpg', 'later.jpg', 'train_0000013.jpg']));
    expect(names).not.toContain('train_0000012.jpg');
    expect(readFileSync(path.join(workspace.datasetImages, 'mine.jpg')).equals(await blobs('mine'))).toBe(true);
    expect(readFileSync(workspace.labelsCsv, 'utf8')).toContain('mine.jpg,0,1,0,mine.jpg');
    expect(existsSync(path.join(workspace.dataset, 'README.md'))).toBe(true);
  });

  it('is not overwritten by a picture of the same name', async () => {
    const workspace = temporaryWorkspace();
    await prepare(workspace, source);
    put(workspace.datasetImages, 'train_0000013.jpg', await blobs('thirteen'));
    const larger = prepare(workspace, source, { collages: { train: 13, validation: 5, test: 5 } });
    await expect(larger).rejects.toMatchObject({ code: 'NAME_TAKEN', message: expect.stringContaining('train_0000013.jpg') });
  });
});

describe('a preparation that does not end well', () => {
  it('does not begin beside another', async () => {
    const workspace = temporaryWorkspace();
    await prepare(workspace, source);
    const before = contents(workspace);
    const release = await lock(workspace.dataset, { lockfilePath: path.join(workspace.dataset, '.lock') });
    await expect(prepare(workspace, source)).rejects.toMatchObject({ code: 'PREPARE_RUNNING' });
    await release();
    expect(contents(workspace)).toEqual(before);

    const outcomes = await Promise.allSettled([prepare(workspace, source), prepare(workspace, source)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('leaves the former data set whole when it is killed, and its leftovers go with the next one', { timeout: 30_000 }, async () => {
    const workspace = temporaryWorkspace();
    await prepare(workspace, source);
    const before = contents(workspace);
    const script = path.join(temporaryFolder(), 'prepare.ts');
    const lib = path.join(workspace.root, 'lib');
    writeFileSync(
      script,
      `import { prepareDataset } from ${JSON.stringify(path.join(lib, 'data'))};
       import { food, settingsFor } from ${JSON.stringify(path.join(lib, 'tasks'))};
       const settings = settingsFor(food, { isSample: false });
       const onProgress = (progress: { label: string }) => { if (progress.label === 'Making pictures') process.stdout.write('.'); };
       prepareDataset({ workspace: ${JSON.stringify(workspace)} as never, task: food, source: ${JSON.stringify(source)}, settings, onProgress });`,
    );
    const child = spawn(process.execPath, [path.join(workspace.root, 'node_modules/tsx/dist/cli.mjs'), script], { detached: true });
    let complaint = '';
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', () => reject(new Error(complaint)));
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid!, 'SIGKILL');
    await exited;

    expect(readdirSync(path.join(workspace.dataset, '.building', 'images')).length).toBeGreaterThan(0);
    expect(contents(workspace)).toEqual(before);
    await readDataset(workspace, food);

    rmSync(path.join(workspace.dataset, '.lock'), { recursive: true });
    await prepare(workspace, source);
    expect(readdirSync(workspace.dataset).sort()).toEqual(['CARD.md', 'dataset.json', 'images', 'labels.csv']);
  });

  it.each([
    ['before it touched the former one', (_: Workspace, __: string): void => {}],
    [
      'when the pictures were exchanged already',
      (workspace: Workspace, ready: string): void => {
        rmSync(workspace.datasetImages, { recursive: true });
        const images = path.join(ready, 'images');
        for (const name of readdirSync(images)) put(workspace.datasetImages, name, readFileSync(path.join(images, name)));
        rmSync(images, { recursive: true });
      },
    ],
  ])('is finished by whoever reads next, if it was killed during the exchange: %s', async (_, progress) => {
    const [workspace, next] = [temporaryWorkspace(), temporaryWorkspace()];
    await prepare(workspace, source);
    const { fingerprint } = await prepare(next, source, { seed: 43 });
    const ready = path.join(workspace.dataset, '.ready');
    for (const file of ['labels.csv', 'dataset.json', 'CARD.md']) put(ready, file, readFileSync(path.join(next.dataset, file)));
    for (const name of readdirSync(next.datasetImages)) put(ready, `images/${name}`, readFileSync(path.join(next.datasetImages, name)));
    progress(workspace, ready);

    expect((await readDataset(workspace, food)).fingerprint).toBe(fingerprint);
    expect(contents(workspace)).toEqual(contents(next));
    expect(readFileSync(workspace.datasetCardText, 'utf8')).toContain(fingerprint);
    expect(readdirSync(workspace.dataset).sort()).toEqual(['CARD.md', 'dataset.json', 'images', 'labels.csv']);
  });
});
