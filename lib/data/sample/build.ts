import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeAtomic, writeJson } from '../../files';
import type { OnProgress } from '../../progress';
import { Random } from '../../random';
import { type CollageTask, isCollageTask, type Split, splits, tasks } from '../../tasks';
import { mapOnCores } from '../cores';
import { listPictures } from '../pictures';
import { type Artwork, familiesOfSplit, readArtwork } from './artwork';
import { type Grain, makeGrain, photograph, renderSurface } from './camera';
import { cardFile, describeLicences, generatorVersion, readSampleCard, type SampleCard } from './card';
import { NotASample } from './errors';
import { type PlannedPicture, planSample, type SampleCounts, sampleCounts, sampleFolders } from './plan';
import { replaceFolder } from './replace';
import { drawScene, type Size } from './scene';
import { drawSurface } from './surfaces';

export interface SampleOptions {
  /** Where the sample goes: `workspace.sample`. */
  readonly folder: string;
  /** The `node_modules` folder that holds the artwork. */
  readonly packages: string;
  readonly task: CollageTask;
  readonly seed: number;
  readonly counts?: SampleCounts;
  readonly onProgress?: OnProgress;
}

/** Different surfaces a split. No two splits share one, or a background could be learnt by heart. */
const surfacesOfSplit: Readonly<Record<Split, number>> = { train: 50, validation: 25, test: 25 };

const label = 'drawing the sample';

/**
 * Builds the sample: a small stand-in for Food-11 and FoodOrNot in their layout, drawn from emoji artwork, so that everything runs
 * without a download. It is not photographs, and what a model reaches on it says nothing about photographs.
 *
 * The same seed gives the same bytes. The sample appears whole or not at all. Where it already stands, made by this generator with
 * this seed and with no picture gone, nothing is done. Samples of other tasks, which lie in folders of their own inside, stay.
 *
 * @throws MISSING_ARTWORK, NO_DRAWINGS, SAMPLE_BUSY, NOT_A_SAMPLE, DISK_FULL
 */
export async function buildFoodSample(options: SampleOptions): Promise<SampleCard> {
  const { folder, packages, task, seed, counts = sampleCounts, onProgress = () => {} } = options;
  const total = sampleFolders(task, counts).reduce((sum, { count }) => sum + count, 0);
  return replaceFolder(
    folder,
    async (replaceWith) => {
      const present = await findUpToDate(options, counts);
      if (present) {
        onProgress({ label, done: total, total, note: 'up to date' });
        return present;
      }
      await refuseForeignFiles(folder);
      onProgress({ label, done: 0, total, note: 'reading the artwork' });
      const artwork = await readArtwork(packages);
      const plan = planSample(task, artwork, counts, seed);
      const card = describe(task, seed, artwork, plan);
      await replaceWith(async (unfinished) => {
        await drawPictures(unfinished, plan, seed, onProgress);
        await writeAtomic(path.join(unfinished, 'LICENSES.md'), describeLicences(artwork.credits));
        await writeJson(path.join(unfinished, cardFile), card);
      });
      return card;
    },
    isOtherSample,
  );
}

/** Whether something in the sample's folder is another task's sample, or what is being written of one. */
function isOtherSample(name: string): boolean {
  return tasks.some((task) => !isCollageTask(task) && (name === task.data.folder || name.startsWith(`${task.data.folder}.`)));
}

/** The card of the sample in the folder, if it is the one asked for and no picture has gone. */
async function findUpToDate({ folder, task, seed }: SampleOptions, counts: SampleCounts): Promise<SampleCard | undefined> {
  const card = await readSampleCard(folder);
  if (!card || card.seed !== seed || card.task !== task.name) return undefined;
  for (const { folder: name, count } of sampleFolders(task, counts)) {
    const pictures = await listPictures(path.join(folder, name));
    if ((card.counts[name] ?? 0) !== count || pictures.length < count) return undefined;
  }
  return card;
}

/** Only a sample may be replaced by a sample. */
async function refuseForeignFiles(folder: string): Promise<void> {
  const entries = (await readdir(folder).catch((): string[] => [])).filter((name) => !isOtherSample(name));
  if (entries.length && !entries.includes(cardFile)) throw NotASample(folder);
}

function describe(task: CollageTask, seed: number, artwork: Artwork, plan: readonly PlannedPicture[]): SampleCard {
  const folders = new Map<string, string[]>();
  for (const { file, drawings } of plan) {
    const folder = path.posix.dirname(file);
    folders.set(folder, [...(folders.get(folder) ?? []), `${drawings[0]?.family}/${drawings[0]?.name}`]);
  }
  const families = (split: Split): string[] => [...familiesOfSplit[split]];
  return {
    generator: generatorVersion,
    task: task.name,
    seed,
    description: 'A generated sample: emoji artwork on generated backgrounds. These are not photographs.',
    counts: Object.fromEntries([...folders].map(([folder, shown]) => [folder, shown.length])),
    families: { train: families('train'), validation: families('validation'), test: families('test') },
    negativeFamilies: { train: families('train'), test: families('test') },
    drawings: Object.fromEntries([...folders].map(([folder, shown]) => [folder, new Set(shown).size])),
    artwork: [...artwork.credits],
  };
}

async function drawPictures(folder: string, plan: readonly PlannedPicture[], seed: number, onProgress: OnProgress): Promise<void> {
  const random = new Random(seed).fork('backdrop');
  const grain = makeGrain(random.fork('grain'));
  const surfaces = new Map(splits.map((split) => [split, surfacePool(random.fork(split), surfacesOfSplit[split])]));
  for (const name of new Set(plan.map(({ file }) => path.posix.dirname(file)))) await mkdir(path.join(folder, name), { recursive: true });
  let done = 0;
  await mapOnCores(plan, async (picture) => {
    const jpeg = await drawPicture(picture, surfaces.get(picture.split)!, grain);
    await writeFile(path.join(folder, picture.file), jpeg);
    onProgress({ label, done: ++done, total: plan.length });
  });
}

async function drawPicture({ drawings, random }: PlannedPicture, surfaces: SurfacePool, grain: Grain): Promise<Buffer> {
  const size = chooseSize(random);
  const surface = await surfaces(random);
  return photograph(surface, drawScene(drawings, size, random), size, grain, random);
}

function chooseSize(random: Random): Size {
  const area = random.uniform(220, 270) ** 2;
  const aspect = random.pick([1, 1, 4 / 3, 4 / 3, 3 / 4, 3 / 2, 2 / 3]);
  return { width: Math.round(Math.sqrt(area * aspect)), height: Math.round(Math.sqrt(area / aspect)) };
}

/** Gives one surface of a pool, as `renderSurface` does. */
type SurfacePool = (random: Random) => Promise<Buffer>;

/** Each surface is rendered when it is first wanted. */
function surfacePool(random: Random, count: number): SurfacePool {
  const rendered = new Map<number, Promise<Buffer>>();
  return (chooser) => {
    const number = chooser.integer(count);
    const surface = rendered.get(number) ?? renderSurface(drawSurface(random.fork(number)));
    rendered.set(number, surface);
    return surface;
  };
}
