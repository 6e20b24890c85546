import { existsSync } from 'node:fs';
import path from 'node:path';
import { isErrorOf } from '../errors';
import { type CollageTask, type Galaxy10Task, isCollageTask, type Split, splits, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import { MissingData } from './errors';
import { openGalaxies } from './galaxy';
import { listPictures } from './pictures';

/** Raw photographs to make a data set of. */
export interface DataSource {
  /** `food11` or `galaxy10` (the raw data), `sample`, or the folder as it was named. */
  readonly name: string;
  /** Generated artwork: its metrics say nothing about photographs. */
  readonly isSample: boolean;
  /** Absolute path of the folder that holds the task's folders, or of Galaxy10's own. */
  readonly folder: string;
  /** Why this source and no other, where that is worth telling. */
  readonly note?: string;
}

/** One folder of photographs: of one class (its index in the task), or of none. */
export interface PhotoFolder {
  /** Relative to the source's folder, with `/`. */
  readonly folder: string;
  readonly split: Split;
  readonly classIndex: number | null;
}

/** The folders of photographs that collages are made of. Negatives for validation come out of those for training. */
export function photoFolders({ classes, data: { photos, negatives } }: CollageTask): PhotoFolder[] {
  const ofClasses = splits.flatMap((split) =>
    classes.map((one, classIndex) => ({ folder: `${photos[split]}/${one.folder}`, split, classIndex })),
  );
  return [
    ...ofClasses,
    { folder: negatives.train, split: 'train', classIndex: null },
    { folder: negatives.test, split: 'test', classIndex: null },
  ];
}

/** The name of a task's own raw data, such as `food11`. */
export function rawName(task: Task): string {
  return isCollageTask(task) ? task.data.photos.train.split('/')[0]! : task.data.folder;
}

/**
 * Picks the photographs to work with, by one setting.
 *
 * @param choice `auto` (the raw data where every class folder of it holds pictures, else the sample), the raw data's name (`food11`),
 *   `sample`, or a folder in the same layout as `raw`
 * @throws MISSING_DATA, which names the folder and says where to get the data
 */
export async function chooseData(workspace: Workspace, task: Task, choice = 'auto'): Promise<DataSource> {
  const raw: DataSource = { name: rawName(task), isSample: false, folder: ownFolder(task, workspace.raw) };
  const sample: DataSource = { name: 'sample', isSample: true, folder: ownFolder(task, workspace.sample) };
  if (choice === raw.name) return complete(workspace, task, raw);
  if (choice === sample.name) return complete(workspace, task, sample);
  if (choice !== 'auto') return complete(workspace, task, namedFolder(workspace, task, choice));

  const inRaw = await findLack(workspace, task, raw);
  if (!inRaw) return raw;
  if (await findLack(workspace, task, sample)) throw inRaw.error;
  return { ...sample, note: `${inRaw.folder} holds no picture, so the generated sample is used` };
}

/** The folder that a source of a task is, below the folder of all raw data. */
function ownFolder(task: Task, folder: string): string {
  return isCollageTask(task) ? folder : path.join(folder, task.data.folder);
}

/** Galaxy10's own folder may be named, or the one that holds it. */
function namedFolder(workspace: Workspace, task: Task, choice: string): DataSource {
  const named = path.resolve(choice);
  const inside = ownFolder(task, named);
  const folder = existsSync(inside) ? inside : named;
  const isSample = folder === ownFolder(task, workspace.sample) || existsSync(path.join(folder, 'sample.json'));
  return { name: choice, isSample, folder };
}

async function complete(workspace: Workspace, task: Task, source: DataSource): Promise<DataSource> {
  const lack = await findLack(workspace, task, source);
  if (lack) throw lack.error;
  return source;
}

/** What a source lacks of what a task wants: a folder without pictures, as it is shown, and the error that says so. */
interface Lack {
  readonly folder: string;
  readonly error: Error;
}

async function findLack(workspace: Workspace, task: Task, source: DataSource): Promise<Lack | undefined> {
  if (!isCollageTask(task)) return findMissingGalaxies(workspace, task, source);
  const [empty] = await emptyFolders(task, source);
  if (empty === undefined) return undefined;
  return { folder: shown(workspace, source, empty), error: missing(workspace, task, source, empty) };
}

async function findMissingGalaxies(workspace: Workspace, task: Galaxy10Task, source: DataSource): Promise<Lack | undefined> {
  const classes = task.classes.map(({ name }) => name);
  try {
    await openGalaxies(source.folder, classes);
    return undefined;
  } catch (error) {
    if (isErrorOf(error, 'MISSING_DATA')) return { folder: shown(workspace, source, ''), error };
    throw error;
  }
}

/** Folders of photographs in which a source has none. */
async function emptyFolders(task: CollageTask, source: DataSource): Promise<string[]> {
  const folders = photoFolders(task).map(({ folder }) => folder);
  const counts = await Promise.all(folders.map(async (folder) => (await listPictures(path.join(source.folder, folder))).length));
  return folders.filter((_, index) => counts[index] === 0);
}

function missing(workspace: Workspace, task: Task, source: DataSource, folder: string): Error {
  const state = existsSync(path.join(source.folder, folder)) ? 'holds no picture' : 'is missing';
  return MissingData(`${shown(workspace, source, folder)} ${state}`, adviceFor(task, source));
}

/** What to do when a source lacks photographs. */
export function adviceFor(task: Task, source: DataSource): string {
  if (source.isSample) return 'run `npm run sample`';
  const downloads = task.downloads.map(({ name, url }) => `${name} from ${url}`).join(' and ');
  return `download ${downloads}, or run \`npm run sample\` to work with generated pictures`;
}

/** A path to show: from the checkout's root where it lies inside. */
function shown(workspace: Workspace, source: DataSource, folder: string): string {
  const full = path.join(source.folder, folder);
  const relative = path.relative(workspace.root, full);
  return relative.startsWith('..') ? full : relative;
}
