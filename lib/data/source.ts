import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Split, splits, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import { MissingData } from './errors';
import { listPictures } from './pictures';

/** Raw photographs to make a data set of. */
export interface DataSource {
  /** `food11` (the raw data), `sample`, or the folder as it was named. */
  readonly name: string;
  /** Generated artwork: its metrics say nothing about photographs. */
  readonly isSample: boolean;
  /** Absolute path of the folder that holds the task's folders. */
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

/** The folders of photographs that a task wants. Negatives for validation come out of those for training. */
export function photoFolders(task: Task): PhotoFolder[] {
  const classes = splits.flatMap((split) =>
    task.classes.map((one, classIndex) => ({ folder: `${task.photos[split]}/${one.folder}`, split, classIndex })),
  );
  return [
    ...classes,
    { folder: task.negatives.train, split: 'train', classIndex: null },
    { folder: task.negatives.test, split: 'test', classIndex: null },
  ];
}

/** The name of a task's own raw data, such as `food11`. */
export function rawName(task: Task): string {
  return task.photos.train.split('/')[0]!;
}

/**
 * Picks the photographs to work with, by one setting.
 *
 * @param choice `auto` (the raw data where every class folder of it holds pictures, else the sample), the raw data's name (`food11`),
 *   `sample`, or a folder in the same layout as `raw`
 * @throws MISSING_DATA, which names the folder and says where to get the data
 */
export async function chooseData(workspace: Workspace, task: Task, choice = 'auto'): Promise<DataSource> {
  const raw: DataSource = { name: rawName(task), isSample: false, folder: workspace.raw };
  const sample: DataSource = { name: 'sample', isSample: true, folder: workspace.sample };
  if (choice === raw.name) return complete(workspace, task, raw);
  if (choice === sample.name) return complete(workspace, task, sample);
  if (choice !== 'auto') return complete(workspace, task, namedFolder(workspace, choice));

  const emptyInRaw = await emptyFolders(task, raw);
  if (emptyInRaw.length === 0) return raw;
  if ((await emptyFolders(task, sample)).length > 0) throw missing(workspace, task, raw, emptyInRaw[0]!);
  return { ...sample, note: `${shown(workspace, raw, emptyInRaw[0]!)} holds no picture, so the generated sample is used` };
}

function namedFolder(workspace: Workspace, choice: string): DataSource {
  const folder = path.resolve(choice);
  const isSample = folder === workspace.sample || existsSync(path.join(folder, 'sample.json'));
  return { name: choice, isSample, folder };
}

async function complete(workspace: Workspace, task: Task, source: DataSource): Promise<DataSource> {
  const [empty] = await emptyFolders(task, source);
  if (empty !== undefined) throw missing(workspace, task, source, empty);
  return source;
}

async function emptyFolders(task: Task, source: DataSource): Promise<string[]> {
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
