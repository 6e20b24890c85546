import { existsSync, statSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { readTextIfPresent, writeJson } from '../../files';
import { type Hdf, loadHdf } from '../../hdf';
import type { OnProgress } from '../../progress';
import { Random } from '../../random';
import { threadCount } from '../../threads';
import { cardFile } from '../sample/card';
import { NotASample } from '../sample/errors';
import { replaceFolder } from '../sample/replace';
import { galaxy10Names } from './classes';
import { pictureSize, pixelScale } from './draw/survey';
import { drawJobs } from './draw/threads';

export interface GalaxySampleOptions {
  /** Where the sample goes: a folder of its own. */
  readonly folder: string;
  readonly seed: number;
  /** Pictures of each class. */
  readonly perClass?: number;
  readonly onProgress?: OnProgress;
}

/** Raised whenever the pictures change for a given seed: older samples are then built anew. */
const generatorVersion = 1;

const pictureFile = 'Galaxy10_sample.h5';
const label = 'drawing galaxies';

const cardSchema = z.object({
  generator: z.literal(generatorVersion),
  task: z.literal('galaxy'),
  seed: z.number().int(),
  description: z.string(),
  perClass: z.number().int(),
  /** The file with the pictures, and its size. */
  file: z.string(),
  bytes: z.number().int(),
});

/** What a sample of galaxies is made of: `sample.json`, there only when the sample is complete. */
export type GalaxySampleCard = z.infer<typeof cardSchema>;

/**
 * Builds the sample: a small stand-in for Galaxy10 DECaLS in its layout, `images` and `ans` of one HDF5 file, so that everything runs
 * without a download. The galaxies are drawn from published profiles and photographed as the survey would (see `draw/`). They are not
 * photographs, and what a model reaches on them says nothing about real galaxies.
 *
 * The same seed gives the same pictures. The sample appears whole or not at all. Where it already stands, nothing is done.
 *
 * @throws SAMPLE_BUSY, NOT_A_SAMPLE, DISK_FULL
 */
export async function buildGalaxySample({
  folder,
  seed,
  perClass = 200,
  onProgress = () => {},
}: GalaxySampleOptions): Promise<GalaxySampleCard> {
  const total = perClass * galaxy10Names.length;
  return replaceFolder(folder, async (replaceWith) => {
    const present = await readGalaxySampleCard(folder);
    if (present && present.seed === seed && present.perClass === perClass) {
      onProgress({ label, done: total, total, note: 'up to date' });
      return present;
    }
    const entries = await readdir(folder).catch((): string[] => []);
    if (entries.length > 0 && !entries.includes(cardFile)) throw NotASample(folder); // only a sample may be replaced by a sample
    let card: GalaxySampleCard | undefined;
    await replaceWith(async (unfinished) => {
      const file = path.join(unfinished, pictureFile);
      await writePictures(file, seed, perClass, (done) => onProgress({ label, done, total }));
      card = {
        generator: generatorVersion,
        task: 'galaxy',
        seed,
        description: 'A generated sample: drawn galaxies in the layout of Galaxy10 DECaLS. These are not photographs.',
        perClass,
        file: pictureFile,
        bytes: statSync(file).size,
      };
      await writeJson(path.join(unfinished, cardFile), card);
    });
    return card!;
  });
}

/** The card of the sample in a folder; undefined where there is none, or one of another generator, or one whose pictures are gone or cut short. */
export async function readGalaxySampleCard(folder: string): Promise<GalaxySampleCard | undefined> {
  const text = await readTextIfPresent(path.join(folder, cardFile));
  if (text === undefined) return undefined;
  try {
    const card = cardSchema.parse(JSON.parse(text));
    const file = path.join(folder, card.file);
    return existsSync(file) && statSync(file).size === card.bytes ? card : undefined;
  } catch {
    return undefined; // whatever it is, it is no complete sample
  }
}

/** Writes Galaxy10's datasets: `images` picture by picture, sorted by class as Galaxy10's are, and what goes with them. */
async function writePictures(file: string, seed: number, perClass: number, onPicture: (done: number) => void): Promise<void> {
  const hdf = await loadHdf();
  const count = perClass * galaxy10Names.length;
  const opened = new hdf.File(file, 'w');
  try {
    const shape = [pictureSize, pictureSize, 3];
    // A chunk a picture, so that any one can be read by itself. Not compressed: noise hardly shrinks, and it would take half as long again.
    const images = opened.create_dataset({
      name: 'images',
      data: new Uint8Array(pictureSize * pictureSize * 3),
      shape: [1, ...shape],
      maxshape: [count, ...shape],
      chunks: [1, ...shape],
      dtype: '<B',
    });
    images.resize([count, ...shape]);
    // A stream of its own, so that a picture does not depend on how many there are.
    const jobs = Array.from({ length: count }, (_, index) => {
      const classIndex = Math.floor(index / perClass);
      return { classIndex, seed: `${seed}/galaxies/${classIndex}/${index % perClass}` };
    });
    let index = 0;
    for await (const pixels of drawJobs(jobs, threadCount())) {
      images.write_slice([[index, index + 1], [], [], []], pixels);
      onPicture(++index);
    }
    writeColumns(opened, perClass, new Random(seed).fork('positions'));
  } finally {
    opened.close();
  }
  const handle = await open(file, 'r+');
  await handle.sync();
  await handle.close();
}

/** Labels, and places in the survey's southern footprint that lie too far apart for any two pictures to overlap. */
function writeColumns(opened: InstanceType<Hdf['File']>, perClass: number, random: Random): void {
  const count = perClass * galaxy10Names.length;
  const order = random.shuffle(Array.from({ length: count }, (_, index) => index));
  const columns: Record<string, Float64Array> = {
    ra: Float64Array.from(order, (place) => (360 * (place + 0.5)) / count),
    dec: Float64Array.from(order, () => random.uniform(-18, 32)),
    redshift: Float64Array.from(order, () => random.uniform(0.02, 0.15)),
    pxscale: new Float64Array(count).fill(pixelScale),
  };
  opened.create_dataset({
    name: 'ans',
    data: Uint8Array.from(order, (_, index) => Math.floor(index / perClass)),
    shape: [count],
    dtype: '<B',
  });
  for (const [name, data] of Object.entries(columns)) opened.create_dataset({ name, data, shape: [count], dtype: '<d' });
}
