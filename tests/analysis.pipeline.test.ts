import { readdir, readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Embedding,
  embedPictures,
  findLabelErrors,
  makeCorrections,
  mapPoints,
  openErrors,
  type RunErrors,
  withMaps,
  worstPictures,
} from '../lib/analysis';
import { readPending } from '../lib/corrections';
import { type LabelledPicture, picturesBySplit } from '../lib/data';
import { Random } from '../lib/random';
import { embeddingMap, figureToPng, type MapPoint, pictureMap } from '../lib/report';
import { food, galaxy } from '../lib/tasks';
import { crossValidate } from '../lib/training';
import { partsOf } from '../lib/training/folds';
import { copyOfTrained, type TestHome, tinyCounts, tinySettings, trained } from './pipeline.fixture';

const classes = food.classes.map(({ name }) => name);

let home: TestHome;
let errors: RunErrors;
beforeAll(async () => {
  home = await trained();
  errors = await openErrors(home.workspace, food, { overrides: tinySettings });
}, 300_000);

describe('the errors of a run', () => {
  it('are those of the current model by default, on validation and test', async () => {
    expect(errors.judged.validation.pictures.length).toBe(tinyCounts.validation);
    expect(errors.judged.test.pictures.length).toBe(tinyCounts.test);
    const named = await openErrors(home.workspace, food, { run: errors.run, overrides: tinySettings });
    expect(named.judged.test.predictions).toEqual(errors.judged.test.predictions);
  });

  it('are shown with where the model looked: two pictures for each, and what is most wrong', async () => {
    const worst = worstPictures(errors.judged.test.pictures, 2);
    const sheet = await withMaps(home.workspace, food, errors.run, worst);
    expect(sheet.length).toBe(4);
    expect(sheet[0]).toEqual({ path: worst[0]!.path, caption: expect.stringMatching(/loss \d\.\d\d$/) });
    expect(sheet[1]!.caption).toMatch(/^(saw|missed) \S+ \d\.\d\d$/);
    expect((await sharp(sheet[1]!.content).metadata()).width).toBe(food.imageSize);
  });
});

describe('a map of activations', () => {
  let embedding: Embedding;
  let points: MapPoint[];
  beforeAll(async () => {
    const { pictures } = errors.judged.test;
    embedding = await embedPictures(home.workspace, food, errors.run, pictures);
    const random = new Random(1);
    const places = pictures.map((): [number, number] => [random.uniform(), random.uniform()]);
    points = await mapPoints(pictures, places, classes);
  });

  it('is made of directions, the same for a picture whatever stands beside it', async () => {
    const { count, width, rows } = embedding;
    expect([count, width]).toEqual([tinyCounts.test, 1280]);
    for (let row = 0; row < count; row++) expect(Math.hypot(...rows.subarray(row * width, (row + 1) * width))).toBeCloseTo(1, 4);
    const alone = await embedPictures(home.workspace, food, errors.run, errors.judged.test.pictures.slice(9, 10));
    const [one, other] = [alone.rows, rows.subarray(9 * width, 10 * width)];
    expect(Math.max(...one.map((value, index) => Math.abs(value - other[index]!)))).toBeLessThan(1e-4);
  });

  it('of no picture is empty', async () => {
    expect((await embedPictures(home.workspace, food, errors.run, [])).count).toBe(0);
  });

  it.each(['labels', 'split', 'outcome'] as const)('by %s has every picture once, and rings the wrong ones', (by) => {
    const { data } = embeddingMap(points, { by });
    expect(data.flatMap(({ x }) => x as number[]).length).toBe(points.length);
    const rings = data.flatMap(({ marker }) => (marker as { line: { width: number[] } }).line.width);
    expect(rings.filter((width) => width > 0).length).toBe(points.filter(({ isRight }) => !isRight).length);
  });

  it('has the pictures of wrong ones in its PNG, none over another', async () => {
    const { images, ...layout } = embeddingMap(points).layout as unknown as {
      images: { x: number; y: number; sizex: number; sizey: number }[];
      width: number;
      height: number;
    };
    expect(images.length).toBeGreaterThan(2);
    for (const [index, { x, y, sizex, sizey }] of images.entries())
      for (const other of images.slice(0, index)) expect(Math.abs(other.x - x) >= sizex || Math.abs(other.y - y) >= sizey).toBe(true);
    const { data } = embeddingMap(points);
    const [bare, whole] = [await figureToPng({ data, layout }), await figureToPng(embeddingMap(points))];
    expect(whole.length).toBeGreaterThan(bare.length + 10_000);
  });

  it('with so many kinds of labels that colours run out puts the rarest together', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({ ...points[0]!, labels: `kind ${Math.floor(Math.sqrt(index * 10))}` }));
    const { data } = embeddingMap(many);
    expect(data.length).toBe(8);
    expect(data.at(-1)!.name).toBe('other');
    expect(data.flatMap(({ x }) => x as number[]).length).toBe(30);
  });

  it('as HTML shows each picture where the mouse is, without script, and takes names as text', () => {
    const page = pictureMap([{ ...points[0]!, labels: '<script>alert(1)</script>' }, ...points.slice(1)]);
    expect(page.match(/<img src="data:image\/jpeg;base64,/g)!.length).toBe(points.length);
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toContain('<script');
  });
});

describe('cross-validation', () => {
  const collages = Array.from({ length: 300 }, (_, index) => {
    const random = new Random(index);
    const sources = ['a', 'b', 'c'].slice(0, 1 + random.integer(3)).map((letter) => `${letter}${random.integer(40)}`);
    return { filename: `${index}.jpg`, sources };
  });

  it('judges every picture once, by a model that has seen none of its photographs', () => {
    const parts = partsOf(collages, 5, new Random(1));
    expect(parts.flatMap(({ heldOut }) => heldOut).sort((one, other) => one - other)).toEqual([...collages.keys()]);
    for (const { heldOut, train } of parts) {
      const seen = new Set(train.flatMap((picture) => collages[picture]!.sources));
      expect(heldOut.flatMap((picture) => collages[picture]!.sources).filter((photograph) => seen.has(photograph))).toEqual([]);
      expect(train.length).toBeGreaterThan(0);
    }
    expect(parts.length).toBeLessThanOrEqual(25);
  });

  it('takes a picture without a source for a photograph of its own', () => {
    const parts = partsOf(
      Array.from({ length: 10 }, (_, index) => ({ filename: `${index}.jpg`, sources: [] })),
      5,
      new Random(1),
    );
    expect(parts.map(({ heldOut, train }) => [heldOut.length, train.length])).toEqual(Array.from({ length: 5 }, () => [2, 8]));
  });

  it('finds labels that were changed more suspicious than those that were not', async () => {
    const { settings, dataset } = errors;
    const long = { ...settings, stages: [{ ...settings.stages[0]!, epochs: 12 }] };
    const isChanged = (index: number): boolean => index % 8 === 0;
    const train = picturesBySplit(dataset).train;
    const pictures = train.map((picture, index): LabelledPicture => {
      const labels = isChanged(index)
        ? picture.labels.map((label, position) => (position === index % 3 ? 1 - label : label))
        : picture.labels;
      return { ...picture, labels };
    });
    const labels: string[] = [];
    const predictions = await crossValidate({
      workspace: home.workspace,
      task: food,
      settings: long,
      dataset,
      pictures,
      folds: 4,
      onProgress: ({ label, done, total }) => {
        if (done === total) labels.push(label);
      },
    });
    expect(predictions.count).toBe(train.length);
    expect(labels).toContain('cross-validation');
    const wrongness = (index: number): number => {
      const position = index % 3;
      return Math.abs(pictures[index]!.labels[position]! - predictions.probabilities[3 * index + position]!);
    };
    const mean = (rows: number[]): number => rows.reduce((sum, row) => sum + wrongness(row), 0) / rows.length;
    const rows = [...pictures.keys()];
    expect(mean(rows.filter(isChanged))).toBeGreaterThan(mean(rows.filter((row) => !isChanged(row))));
    expect(findLabelErrors(predictions).length).toBeGreaterThan(0);
  }, 60_000);

  it('is refused where so few photographs leave nothing to learn from', async () => {
    const { settings, dataset } = errors;
    const few = { workspace: home.workspace, task: food, settings, dataset, pictures: dataset.pictures.slice(0, 1) };
    await expect(crossValidate(few)).rejects.toMatchObject({ code: 'TOO_FEW_PHOTOGRAPHS' });
    await expect(crossValidate({ ...few, pictures: [] })).rejects.toMatchObject({ code: 'TOO_FEW_PHOTOGRAPHS' });
  });
});

describe('making corrections', () => {
  it('copies the chosen pictures and writes a row each; chosen again, a picture keeps one', async () => {
    const { workspace } = await copyOfTrained();
    const [first, second] = errors.judged.test.pictures;
    expect(await makeCorrections(workspace, food, [])).toBe(0);
    const chosen = [
      { path: first!.path, labels: [1, 0, 0] },
      { path: second!.path, labels: [0, 1, 1] },
    ];
    expect(await makeCorrections(workspace, food, chosen)).toBe(2);
    expect(await makeCorrections(workspace, food, [{ path: first!.path, labels: [0, 0, 1] }])).toBe(2);
    const pending = await readPending(workspace, food);
    expect(pending.map(({ sha256, labels }) => [sha256, labels])).toEqual(
      expect.arrayContaining([
        [first!.sha256, [0, 0, 1]],
        [second!.sha256, [0, 1, 1]],
      ]),
    );
    expect((await readdir(workspace.correctionImages)).length).toBe(2);
    expect(await readFile(pending.find(({ sha256 }) => sha256 === first!.sha256)!.path)).toEqual(await readFile(first!.path));
  });

  it('is refused for labels that are none, and for a task that takes no corrections; nothing is then written', async () => {
    const { workspace } = await copyOfTrained();
    const path = errors.judged.test.pictures[0]!.path;
    await expect(makeCorrections(workspace, food, [{ path, labels: [1, 0] }])).rejects.toMatchObject({ code: 'BAD_CORRECTION' });
    await expect(makeCorrections(workspace, galaxy, [{ path, labels: [1] }])).rejects.toMatchObject({ code: 'NOT_CORRECTABLE' });
    expect(await readPending(workspace, food)).toEqual([]);
  });
});
