import { copyFile, link, readFile } from 'node:fs/promises';
import path from 'node:path';
import { readTextIfPresent, sha256 } from '../files';
import type { Task } from '../tasks';
import { datasetOf, type Workspace } from '../workspace';
import { isMade, readDatasetCard } from './card';
import { mapOnCores } from './cores';
import { NameTaken } from './errors';
import { type LabelRow, parseLabels } from './labelsCsv';
import { listPictures } from './pictures';

/** A row of `labels.csv` with what its picture's file holds. */
export type HashedRow = LabelRow & { readonly sha256: string };

/** Names of the pictures that somebody put among the images by hand. */
async function addedNames(workspace: Workspace, task: Task): Promise<string[]> {
  // A card that cannot be read is about to be replaced: the form of the names then decides, as without a card.
  const card = await readDatasetCard(workspace, task).catch(() => undefined);
  return (await listPictures(datasetOf(workspace, task.name).datasetImages)).filter((name) => !isMade(name, card));
}

/** @throws NAME_TAKEN when a picture that was put there by hand has a name that a generated one needs */
export async function refuseTakenNames(workspace: Workspace, task: Task, filenames: Iterable<string>): Promise<void> {
  const planned = new Set(filenames);
  const taken = (await addedNames(workspace, task)).find((name) => planned.has(name));
  if (taken !== undefined) throw NameTaken(path.join(datasetOf(workspace, task.name).datasetImages, taken));
}

/**
 * Takes pictures that were put there by hand over into the new data set's images; those that have labels, with their labels.
 *
 * @throws BAD_LABELS when their labels cannot be read
 */
export async function keepAdded(workspace: Workspace, task: Task, images: string): Promise<HashedRow[]> {
  const { datasetImages, labelsCsv } = datasetOf(workspace, task.name);
  const names = await addedNames(workspace, task);
  if (names.length === 0) return [];
  await mapOnCores(names, (name) => linkOrCopy(path.join(datasetImages, name), path.join(images, name)));
  const text = await readTextIfPresent(labelsCsv);
  const rows = text === undefined ? [] : parseLabels(text, labelsCsv, task);
  const kept = rows.filter(({ filename }) => names.includes(filename));
  return hashRows(kept, images);
}

/** Rows with what their pictures' files hold. @throws the file system's error where one is missing */
export function hashRows(rows: readonly LabelRow[], images: string): Promise<HashedRow[]> {
  return mapOnCores(rows, async (row) => ({ ...row, sha256: sha256(await readFile(path.join(images, row.filename))) }));
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to);
  }
}
