import path from 'node:path';
import { VisionbookError } from '../errors';
import type { OnProgress } from '../progress';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { buildFoodSample, type SampleCard } from './sample';
import { chooseData, type DataSource, rawName } from './source';

/** The seed of the sample that everybody gets. */
const sampleSeed = 1;

/** Builds the task's sample, or finds it built. @throws what `buildFoodSample` throws */
export function buildSample(
  workspace: Workspace,
  task: Task,
  { seed = sampleSeed, onProgress }: { seed?: number; onProgress?: OnProgress } = {},
): Promise<SampleCard> {
  const packages = path.join(workspace.root, 'node_modules');
  return buildFoodSample({ folder: workspace.sample, packages, task, seed, ...(onProgress && { onProgress }) });
}

/**
 * The photographs to work with, as `chooseData` picks them; the sample is built where it is picked and missing.
 *
 * @param choice `auto`, the raw data's name, `sample`, or a folder
 * @throws MISSING_DATA, and what `buildFoodSample` throws
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
    if (error instanceof VisionbookError && error.code === 'MISSING_DATA') return false;
    throw error;
  }
}
