import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../files';
import type { OnProgress } from '../../progress';
import { Random } from '../../random';
import { type Galaxy10Task, type PictureSettings, type Split, splits } from '../../tasks';
import { datasetOf, type Workspace } from '../../workspace';
import { type HashedRow, keepAdded, refuseTakenNames } from '../added';
import { pictureName } from '../card';
import { mapOnCores } from '../cores';
import { countGalaxies } from '../counts';
import { replaceDataset } from '../datasetFolder';
import { describeDataset, licencesOf } from '../describe';
import { encodeJpeg } from '../pictures';
import { bySplit } from '../split';
import type { GalaxyCard } from './card';
import type { GalaxyPicture, GalaxySource, UnreadableGalaxy } from './galaxies';
import { groupSameSky, type SkyPrint, skyPrint } from './likeness';
import { openGalaxies } from './source';
import { splitStratified } from './split';

export interface PrepareGalaxiesOptions {
  readonly workspace: Workspace;
  readonly task: Galaxy10Task;
  /** Where the pictures are (see `openGalaxies`), and what the card calls that. */
  readonly source: { readonly folder: string; readonly name: string; readonly isSample: boolean };
  readonly settings: Pick<PictureSettings, 'seed' | 'split' | 'perClass' | 'jpegQuality'>;
  readonly onProgress?: OnProgress;
  readonly now?: () => Date;
}

/** A picture as it lies in the folder that is being built. */
interface StoredGalaxy {
  readonly label: number;
  readonly name: string;
  readonly sha256: string;
  /** Its name until its split is known. */
  readonly file: string;
  /** Its position in the source. */
  readonly index: number;
}

/** Pictures encoded at a time: enough to keep every core busy, and little memory. */
const batchSize = 64;

/** Groups of copies that a card shows. */
const shownGroups = 20;

/**
 * Makes the task's data set: `images`, `labels.csv`, `dataset.json` and `CARD.md`. Every usable picture is kept, as JPEG, in the size it has; each
 * class is split by the same shares, and pictures of the same sky are in one split. Balancing changes which training pictures are used and how
 * often, not the files (`balanceClasses`); the card says what it comes to. The same seed gives the same bytes. Pictures that somebody put among
 * the images by hand are kept, with their labels.
 *
 * JPEG at quality 95 with colour at half resolution, because that is how the pictures came: the survey's viewer sends JPEG so, and
 * Galaxy10 is made of that. On 60 pictures of Galaxy10: 19 kB each where PNG takes 142, and off by 1.0 grey level (root mean square)
 * where the sky scatters by 10.
 *
 * @throws MISSING_DATA, BAD_GALAXY_FILE, UNKNOWN_GALAXY_LABELS, UNKNOWN_GALAXY_FOLDERS, TOO_FEW_PICTURES, NAME_TAKEN, BAD_LABELS
 *   (of pictures put there by hand), PREPARE_RUNNING, DISK_FULL; the former data set is then untouched
 */
export async function prepareGalaxies(options: PrepareGalaxiesOptions): Promise<GalaxyCard> {
  const { workspace, task, source, settings, now = () => new Date() } = options;
  const classes = task.classes.map(({ name }) => name);
  const galaxies = await openGalaxies(source.folder, classes);
  return replaceDataset(datasetOf(workspace, task.name), async (folder) => {
    const images = path.join(folder, 'images');
    const started = performance.now();
    const { stored, prints, skipped } = await storePictures(galaxies, images, options);
    const written = performance.now();
    const groups = groupSameSky(prints, galaxies.positions); // only files have positions, and they have no picture that is skipped
    const compared = performance.now();

    const labels = stored.map(({ label }) => label);
    const heldOut = galaxies.heldOut && stored.map(({ index }) => galaxies.heldOut![index]!);
    const random = new Random(settings.seed).fork('split');
    const split = splitStratified({ labels, groups, ...(heldOut && { heldOut }) }, classes, settings.split, random);
    const made = nameBySplit(stored, split, classes.length);
    await refuseTakenNames(
      workspace,
      task,
      made.map(({ filename }) => filename),
    );
    await mapOnCores(made, ({ file, filename }) => rename(path.join(images, file), path.join(images, filename)));
    const added = await keepAdded(workspace, task, images);
    const rows: HashedRow[] = [...made, ...added];

    const card: GalaxyCard = {
      version: 1,
      task: task.name,
      data: { name: source.name, isSample: source.isSample },
      ...(await licencesOf(source.folder)),
      createdAt: now().toISOString(),
      settings: {
        seed: settings.seed,
        imageSize: galaxies.size,
        split: settings.split,
        perClass: settings.perClass,
        jpegQuality: settings.jpegQuality,
      },
      classes,
      keptSplit: galaxies.heldOut !== undefined,
      made: bySplit((one) => split.filter((own) => own === one).length),
      added: added.length,
      ...countGalaxies(rows, classes, settings),
      duplicates: describeGroups(stored, groups, heldOut),
      skipped: skipped.map((picture) => ({ ...picture, reason: 'unreadable' as const })),
      timings: { pictures: seconds(written - started), comparing: seconds(compared - written) },
    };
    await describeDataset(folder, { task, rows, card });
    return card;
  });
}

interface Stored {
  readonly stored: readonly StoredGalaxy[];
  /** Of each stored picture. */
  readonly prints: readonly SkyPrint[];
  readonly skipped: readonly UnreadableGalaxy[];
}

/** Writes every picture under a name for the time being: which split it will be in depends on all of them. */
async function storePictures(galaxies: GalaxySource, images: string, { settings, onProgress }: PrepareGalaxiesOptions): Promise<Stored> {
  const stored: StoredGalaxy[] = [];
  const prints: SkyPrint[] = [];
  const skipped: UnreadableGalaxy[] = [];
  const total = galaxies.labels.length;
  const store = async (batch: readonly GalaxyPicture[]): Promise<void> => {
    const written = await mapOnCores(batch, async ({ index, label, name, pixels }) => {
      const jpeg = await encodeJpeg(pixels, galaxies.size, settings.jpegQuality);
      const file = `${index}.jpg`;
      await writeFile(path.join(images, file), jpeg);
      return { index, label, name, sha256: sha256(jpeg), file };
    });
    stored.push(...written);
    for (const { pixels } of batch) prints.push(skyPrint(pixels, galaxies.size));
    onProgress?.({ label: 'Storing galaxies', done: stored.length + skipped.length, total });
  };
  let batch: GalaxyPicture[] = [];
  for await (const picture of galaxies.pictures((unreadable) => skipped.push(unreadable))) {
    batch.push(picture);
    if (batch.length < batchSize) continue;
    await store(batch);
    batch = [];
  }
  await store(batch);
  return { stored, prints, skipped };
}

/** Gives the pictures names by split, counted in the source's order; the rows come by split. */
function nameBySplit(stored: readonly StoredGalaxy[], split: readonly Split[], classes: number): (HashedRow & { readonly file: string })[] {
  const counted = bySplit(() => 0);
  const rows = stored.map(({ label, name, sha256, file }, index) => {
    const filename = pictureName(split[index]!, 'collages', ++counted[split[index]!]);
    const labels = Array.from({ length: classes }, (_, classIndex) => Number(classIndex === label));
    return { filename, labels, source: name, sha256, file };
  });
  return splits.flatMap((one) => rows.filter((_, index) => split[index] === one));
}

function describeGroups(
  stored: readonly StoredGalaxy[],
  groups: readonly number[],
  heldOut: readonly number[] | undefined,
): GalaxyCard['duplicates'] {
  const members = new Map<number, number[]>();
  groups.forEach((group, index) => {
    members.set(group, [...(members.get(group) ?? []), index]);
  });
  const copies = [...members.values()].filter((group) => group.length > 1);
  const differIn = (values: readonly number[]) => (group: readonly number[]) => new Set(group.map((index) => values[index])).size > 1;
  return {
    groups: copies.length,
    pictures: copies.reduce((sum, group) => sum + group.length, 0),
    largest: Math.max(0, ...copies.map((group) => group.length)),
    conflicts: copies.filter(differIn(stored.map(({ label }) => label))).length,
    leaks: heldOut ? copies.filter(differIn(heldOut)).length : 0,
    examples: copies.slice(0, shownGroups).map((group) => group.map((index) => stored[index]!.name)),
  };
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
