import path from 'node:path';
import { isErrorOf } from '../errors';
import type { OnProgress } from '../progress';
import { isCollageTask, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import { buildGalaxySample } from './galaxy';
import { buildFoodSample } from './sample';
import { chooseData, type DataSource, rawName } from './source';

/** The seed of the sample that everybody gets. */
const sampleSeed = 1;

/** A task's sample as it lies on disk. */
export interface BuiltSample {
  readonly folder: string;
  readonly pictures: number;
}

/** Builds the task's sample, or finds it built. @throws what `buildFoodSample` and `buildGalaxySample` throw */
export async function buildSample(
  workspace: Workspace,
  task: Task,
  { seed = sampleSeed, onProgress }: { seed?: number; onProgress?: OnProgress } = {},
): Promise<BuiltSample> {
  const options = { seed, ...(onProgress && { onProgress }) };
  if (!isCollageTask(task)) {
    const folder = path.join(workspace.sample, task.data.folder);
    const { perClass } = await buildGalaxySample({ ...options, folder });
    return { folder, pictures: perClass * task.classes.length };
  }
  const packages = path.join(workspace.root, 'node_modules');
  const { counts } = await buildFoodSample({ ...options, folder: workspace.sample, packages, task });
  return { folder: workspace.sample, pictures: Object.values(counts).reduce((sum, count) => sum + count, 0) };
}

/**
 * The photographs to work with, as `chooseData` picks them; the sample is built where it is picked and missing.
 *
 * @param choice `auto`, the raw data's name, `sample`, or a folder
 * @throws MISSING_DATA, and what `buildSample` throws
 */
export async function openData(
  workspace: Workspace,
  task: Task,
  { choice = 'auto', onProgress }: { choice?: string; onProgress?: OnProgress } = {},
): Promise<DataSource> {
  if (choice === 'sample' || (choice === 'auto' && !(await hasRawData(workspace, task)))) {
    await buildSample(workspace, task, onProgress && { onProgress });
  }
  return chooseData(workspace, task, choice);
}

async function hasRawData(workspace: Workspace, task: Task): Promise<boolean> {
  try {
    await chooseData(workspace, task, rawName(task));
    return true;
  } catch (error) {
    if (isErrorOf(error, 'MISSING_DATA')) return false;
    throw error;
  }
}
