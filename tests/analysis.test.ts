import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  accuracyBySource,
  changeInWords,
  confusedPictures,
  copiesAcrossSplits,
  type Embedding,
  findNeighbourhoods,
  type JudgedPicture,
  judgePictures,
  labelsInWords,
  mapEmbedding,
  neighbourhoodRows,
  neighbourhoodSheet,
  worstPictures,
} from '../lib/analysis';
import type { Dataset, LabelledPicture } from '../lib/data';
import type { SplitPredictions } from '../lib/experiments';
import { pictureLosses, wilsonInterval } from '../lib/metrics';
import { Random } from '../lib/random';

const foods = ['lacteos', 'arroz', 'frutas/verduras'];

function picture(name: string, labels: number[], more: Partial<LabelledPicture> = {}): LabelledPicture {
  const place = { filename: `${name}.jpg`, path: `/images/${name}.jpg`, sha256: `hash of ${name}`, sources: [] };
  return { ...place, labels, split: 'test', ...more };
}

function datasetOf(pictures: LabelledPicture[]): Dataset {
  return { pictures, fingerprint: 'f', card: { name: 'sample', isSample: true }, counts: {} };
}

/** What a run said of pictures when they had the labels that are given. */
function predictionsOf(classes: string[], pictures: readonly LabelledPicture[], probabilities: number[][]): SplitPredictions {
  return {
    classes,
    count: pictures.length,
    pictures: pictures.map(({ filename }) => filename),
    sha256: pictures.map(({ sha256 }) => sha256),
    sources: pictures.map(({ sources }) => sources),
    labels: Uint8Array.from(pictures.flatMap(({ labels }) => labels)),
    probabilities: Float32Array.from(probabilities.flat()),
  };
}

const judging = { threshold: 0.5, negativeWeight: 4 };

describe('judging a run by the data set as it is now', () => {
  const before = [picture('rice', [0, 1, 0]), picture('cheese', [1, 0, 0]), picture('bus', [0, 0, 0])];
  const predictions = predictionsOf(foods, before, [
    [0.1, 0.9, 0.2],
    [0.2, 0.8, 0.1],
    [0.1, 0.2, 0.7],
  ]);

  it('says of each picture what was answered, whether it is right, and its part of the loss', () => {
    const { pictures } = judgePictures(datasetOf(before), predictions, judging);
    expect(pictures.map(({ answered }) => answered)).toEqual([
      [0, 1, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(pictures.map(({ isRight }) => isRight)).toEqual([true, false, false]);
    const negative = -(4 / 3) * (Math.log(0.9) + Math.log(0.8) + Math.log(0.3));
    expect(pictures[2]!.loss).toBeCloseTo(negative, 5);
    expect(Array.from(pictureLosses(predictions, judging))).toEqual(pictures.map(({ loss }) => loss));
  });

  it('takes a label that was corrected since as corrected', () => {
    const corrected = [before[0]!, picture('cheese', [0, 1, 0]), before[2]!];
    expect(judgePictures(datasetOf(corrected), predictions, judging).pictures[1]!.isRight).toBe(true);
  });

  it('leaves out a picture that was taken away or replaced', () => {
    const { pictures, predictions: kept } = judgePictures(
      datasetOf([before[0]!, picture('cheese', [1, 0, 0], { sha256: 'another' })]),
      predictions,
      judging,
    );
    expect(pictures.map(({ filename }) => filename)).toEqual(['rice.jpg']);
    expect(kept).toMatchObject({ count: 1, labels: Uint8Array.of(0, 1, 0) });
  });

  it('refuses a data set in which none of the pictures is left', () => {
    expect(() => judgePictures(datasetOf([picture('new', [0, 0, 1])]), predictions, judging)).toThrow(
      /none of the 3 pictures.*train again/,
    );
  });

  it('finds the worst first, each content once, and right ones not at all', () => {
    const twice = [...before, picture('bus again', [0, 0, 0], { sha256: before[2]!.sha256 })];
    const answers = [0, 1, 2, 2].map((row) => Array.from(predictions.probabilities.subarray(3 * row, 3 * row + 3)));
    const { pictures } = judgePictures(datasetOf(twice), predictionsOf(foods, twice, answers), judging);
    expect(worstPictures(pictures).map(({ sha256 }) => sha256)).toEqual(['hash of bus', 'hash of cheese']);
    expect(worstPictures(pictures, 1).length).toBe(1);
  });
});

describe('pictures of the mistakes made most often', () => {
  const classes = ['Merging', 'Disturbed', 'Smooth'];
  const rows: [string, number, number[]][] = [
    ['m1', 0, [0.2, 0.7, 0.1]],
    ['m2', 0, [0.1, 0.83, 0.07]],
    ['m3', 0, [0.8, 0.1, 0.1]],
    ['s1', 2, [0.6, 0.2, 0.2]],
  ];
  const pictures = rows.map(([name, index]) =>
    picture(
      name,
      classes.map((_, other) => Number(other === index)),
    ),
  );
  const predictions = predictionsOf(
    classes,
    pictures,
    rows.map(([, , probabilities]) => probabilities),
  );

  it('come pair by pair, the surest first, and say what was called what', () => {
    expect(confusedPictures(datasetOf(pictures), predictions)).toEqual([
      { path: '/images/m2.jpg', caption: 'Merging → Disturbed 0.83' },
      { path: '/images/m1.jpg', caption: 'Merging → Disturbed 0.70' },
      { path: '/images/s1.jpg', caption: 'Smooth → Merging 0.60' },
    ]);
  });

  it('are as many as are asked for', () => {
    const [only, ...others] = confusedPictures(datasetOf(pictures), predictions, { pairs: 1, each: 1 });
    expect(only!.path).toBe('/images/m2.jpg');
    expect(others).toEqual([]);
  });

  it('are refused where pictures have several labels', () => {
    const several = [picture('m1', [1, 1, 0])];
    expect(() => confusedPictures(datasetOf(several), predictionsOf(classes, several, [[0.2, 0.7, 0.1]]))).toThrow(/2 classes/);
  });
});

function judged(isRight: boolean, more: Partial<JudgedPicture> = {}): JudgedPicture {
  return { ...picture('any', [0, 1, 0]), probabilities: [0, 0, 0], answered: [0, Number(isRight), 0], loss: 1, isRight, ...more };
}

describe('accuracy by source', () => {
  it('counts a collage once for each source in it, with the interval of Wilson, the worst source first', () => {
    const rice = { sources: ['training/Rice/1_a.jpg', 'training/Rice/1_b.jpg'] };
    const both = { sources: ['training/Rice/2_a.jpg', 'training/Dairy/1_a.jpg'] };
    const rows = accuracyBySource([judged(true, rice), judged(false, both), judged(true, rice)]);
    expect(rows).toEqual([
      { source: 'training/Dairy', pictures: 1, wrong: 1, accuracy: 0, ...wilsonInterval(0, 1) },
      { source: 'training/Rice', pictures: 3, wrong: 1, accuracy: 2 / 3, ...wilsonInterval(2, 3) },
    ]);
  });

  it('takes what a source is from the caller', () => {
    const prefix = (photograph: string): string => path.posix.basename(photograph).split('_')[0]!;
    const rows = accuracyBySource([judged(true, { sources: ['Rice/1_a.jpg', 'Rice/2_a.jpg'] })], prefix);
    expect(rows.map(({ source }) => source)).toEqual(['1', '2']);
  });

  // scipy.stats.binomtest(right, of).proportion_ci(method='wilson')
  it.each([
    [8, 10, 0.4901625, 0.9433178],
    [0, 10, 0, 0.2775328],
    [10, 10, 0.7224672, 1],
    [113, 320, 0.3027838, 0.4069507],
  ])('has the interval of Wilson: %d of %d', (right, of, low, high) => {
    const interval = wilsonInterval(right, of);
    expect(interval.low).toBeCloseTo(low, 6);
    expect(interval.high).toBeCloseTo(high, 6);
  });
});

/** Three bundles of directions in eight dimensions, one after the other. */
function bundles(each: number): Embedding {
  const random = new Random(5);
  const width = 8;
  const rows = new Float32Array(3 * each * width);
  for (let row = 0; row < 3 * each; row++) {
    const values = Array.from({ length: width }, (_, index) => Number(index === Math.floor(row / each)) + 0.05 * random.normal());
    const length = Math.hypot(...values);
    for (const [index, value] of values.entries()) rows[row * width + index] = value / length;
  }
  return { count: 3 * each, width, rows };
}

describe('neighbourhoods', () => {
  const embedding = bundles(20);
  const pictures = Array.from({ length: 60 }, (_, index) => judged(!(index >= 40 && index < 50), { filename: `${index}.jpg` }));

  it('are what lies together, the one with the most mistakes first', () => {
    const found = findNeighbourhoods(pictures, embedding, { random: new Random(1), atMost: 3 });
    expect(found.map(({ members }) => members.length)).toEqual([20, 20, 20]);
    expect(found.map(({ wrong }) => wrong)).toEqual([10, 0, 0]);
    expect([...found[0]!.members].sort((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => 40 + index));
    expect(found).toEqual(findNeighbourhoods(pictures, embedding, { random: new Random(1), atMost: 3 }));
  });

  it('hold every picture once, also where there are fewer pictures than neighbourhoods', () => {
    const one = { count: 1, width: 8, rows: embedding.rows.slice(0, 8) };
    expect(findNeighbourhoods(pictures.slice(0, 1), one, { random: new Random(1) })).toEqual([{ members: [0], wrong: 0 }]);
    const same = { count: 4, width: 2, rows: Float32Array.of(1, 0, 1, 0, 1, 0, 1, 0) };
    const found = findNeighbourhoods(pictures.slice(0, 4), same, { random: new Random(1) });
    expect(found.flatMap(({ members }) => members).sort()).toEqual([0, 1, 2, 3]);
  });

  it('are shown by what they mostly show and by their wrong pictures', () => {
    const [first] = neighbourhoodRows([{ members: [40, 0], wrong: 1 }], pictures, foods);
    expect(first).toEqual({ neighbourhood: 1, pictures: 2, wrong: 1, 'mostly shows': 'arroz 100 %' });
    const sheet = neighbourhoodSheet([{ members: [40, 0], wrong: 1 }], pictures, foods);
    expect(sheet).toEqual([{ path: '/images/any.jpg', caption: '1: −arroz' }]);
  });
});

describe('the map', () => {
  it('keeps together what lies together, and is the same for the same random numbers', async () => {
    const places = await mapEmbedding(bundles(20), new Random(1));
    const centre = (bundle: number): [number, number] => {
      const own = places.slice(20 * bundle, 20 * bundle + 20);
      return [own.reduce((sum, [x]) => sum + x, 0) / 20, own.reduce((sum, [, y]) => sum + y, 0) / 20];
    };
    const centres = [0, 1, 2].map(centre);
    const nearest = places.map(([x, y]) => {
      const distances = centres.map(([centreX, centreY]) => Math.hypot(x - centreX, y - centreY));
      return distances.indexOf(Math.min(...distances));
    });
    expect(nearest.filter((bundle, index) => bundle === Math.floor(index / 20)).length).toBeGreaterThan(57);
    expect(await mapEmbedding(bundles(20), new Random(1))).toEqual(places);
  });

  it.each([0, 1, 2, 5])('has a place for each of %d pictures', async (count) => {
    const { width, rows } = bundles(20);
    const places = await mapEmbedding({ count, width, rows: rows.slice(0, count * width) }, new Random(1));
    expect(places.length).toBe(count);
    expect(places.flat().every(Number.isFinite)).toBe(true);
  });
});

describe('copies across splits', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'visionbook-copies-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Random squares, enlarged, in the cells of a collage on black; each seed is another photograph, the fainter the less contrast it has. */
  async function collage(name: string, seeds: readonly (number | null)[], { quality = 90, contrast = 256 } = {}): Promise<string> {
    const cells = await Promise.all(
      seeds.map(async (seed, index) => {
        if (seed === null) return [];
        const random = new Random(seed);
        const values = Buffer.from(Array.from({ length: 3 * 3 * 3 }, () => 255 - random.integer(contrast)));
        const input = await sharp(values, { raw: { width: 3, height: 3, channels: 3 } })
          .resize(112, 112)
          .png()
          .toBuffer();
        return [{ input, left: 112 * (index % 2), top: 112 * Math.floor(index / 2) }];
      }),
    );
    const file = path.join(folder, `${name}.jpg`);
    const black = { width: 224, height: 224, channels: 3, background: '#000' } as const;
    await sharp({ create: black }).composite(cells.flat()).jpeg({ quality }).toFile(file);
    return file;
  }

  it('are pairs of splits: the same picture in another quality, but not two collages that share empty cells, nor two of one split', async () => {
    const files = {
      original: await collage('original', [1, null, null, 2]),
      worse: await collage('worse', [1, null, null, 2], { quality: 40 }),
      other: await collage('other', [3, null, null, 4]),
      twin: await collage('twin', [3, null, null, 4], { quality: 40 }),
    };
    const pictures = [
      picture('original', [1, 0, 0], { path: files.original, sources: ['a', 'b'], split: 'train' }),
      picture('other', [1, 0, 0], { path: files.other, sources: ['a', 'b'], split: 'train' }),
      picture('twin', [1, 0, 0], { path: files.twin, sources: ['a', 'b'], split: 'train' }),
      picture('worse', [0, 1, 0], { path: files.worse, sources: ['c', 'd'], split: 'test' }),
    ];
    const pairs = await copiesAcrossSplits({ pictures });
    expect(pairs.map((pair) => pair.map(({ filename }) => filename))).toEqual([['original.jpg', 'worse.jpg']]);
  });

  it('of dark pictures that are no collages are found, though most of them is black', async () => {
    const [one, other] = [
      await collage('night', [7, null, null, null]),
      await collage('night again', [7, null, null, null], { quality: 60 }),
    ];
    const pictures = [picture('night', [1, 0, 0], { path: one, split: 'train' }), picture('again', [1, 0, 0], { path: other })];
    expect((await copiesAcrossSplits({ pictures })).length).toBe(1);
  });

  it('are not collages that only have their empty cells in common', async () => {
    const pictures = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const file = await collage(`faint-${index}`, [null, 100 * index + 1, null, null], { contrast: 60 });
        return picture(`faint-${index}`, [1, 0, 0], { path: file, sources: ['a', 'b'], split: index < 20 ? 'train' : 'test' });
      }),
    );
    expect(await copiesAcrossSplits({ pictures })).toEqual([]);
  });
});

describe('labels in words', () => {
  it('name the classes that are present, or none', () => {
    expect(labelsInWords(foods, [1, 0, 1])).toBe('lacteos, frutas/verduras');
    expect(labelsInWords(foods, [0, 0, 0])).toBe('none');
  });

  it('say what to take away and what to add', () => {
    expect(changeInWords(foods, [1, 0, 1], [0, 1, 1])).toBe('−lacteos +arroz');
    expect(changeInWords(foods, [1, 0, 1], [1, 0, 1])).toBe('');
  });
});
