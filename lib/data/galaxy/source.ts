import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../../files';
import { NoGalaxies } from './errors';
import { openFolders } from './folders';
import { countClasses, type GalaxySource } from './galaxies';
import { openHdfFile } from './hdfFile';

/**
 * Opens what there is of Galaxy10 in a folder: the first of an `.h5` file like Galaxy10_DECals.h5 (`images`, `ans`); `train*.h5` and
 * `val*.h5`, whose split is kept; a folder a class. A path to an `.h5` file opens that.
 *
 * @param classes names, in the order of the labels' numbers
 * @throws MISSING_DATA, BAD_GALAXY_FILE, UNKNOWN_GALAXY_LABELS, UNKNOWN_GALAXY_FOLDERS
 */
export async function openGalaxies(folder: string, classes: readonly string[]): Promise<GalaxySource> {
  if (isHdfName(folder) && existsSync(folder)) return openHdfFile(folder, classes.length);
  const files = (await namesIn(folder)).filter(isHdfName);
  const whole = files.find((name) => !/^(train|val)/i.test(name));
  if (whole !== undefined) return openHdfFile(path.join(folder, whole), classes.length);
  if (files.length > 0) return openPair(folder, files, classes.length);
  return openFolders(folder, classes);
}

async function openPair(folder: string, files: readonly string[], classes: number): Promise<GalaxySource> {
  const [train, validation] = [/^train/i, /^val/i].map((prefix) => files.find((name) => prefix.test(name)));
  if (train === undefined || validation === undefined) {
    throw NoGalaxies(folder, `has ${files[0]} but no ${train === undefined ? 'train_128.h5' : 'val_128.h5'} beside it`);
  }
  const first = await openHdfFile(path.join(folder, train), classes);
  const second = await openHdfFile(path.join(folder, validation), classes);
  if (first.size !== second.size) {
    throw NoGalaxies(folder, `has ${train} with pictures of ${first.size} pixels and ${validation} with some of ${second.size}`);
  }
  const labels = Uint8Array.from([...first.labels, ...second.labels]);
  return {
    size: first.size,
    labels,
    counts: countClasses(labels, classes),
    heldOut: Uint8Array.from(labels, (_, index) => (index < first.labels.length ? 0 : 1)),
    async *pictures() {
      yield* first.pictures();
      for await (const picture of second.pictures()) yield { ...picture, index: picture.index + first.labels.length };
    },
  };
}

function isHdfName(name: string): boolean {
  return /\.(h5|hdf5)$/i.test(name) && !path.basename(name).startsWith('.');
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isMissing(error)) throw NoGalaxies(folder, 'is missing');
    throw error;
  }
}
