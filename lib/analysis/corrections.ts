import { readFile } from 'node:fs/promises';
import { readPending, recordCorrection } from '../corrections';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';

/** A picture, and what it really shows. */
export interface ChosenCorrection {
  readonly path: string;
  /** One 0 or 1 for each class, in the task's order. */
  readonly labels: readonly number[];
}

/**
 * Writes corrections as the web app does: a row each in `corrections/pending.csv`, and a copy of the picture. Corrected again, a picture keeps one row.
 *
 * @returns how many pictures have a pending correction now
 * @throws NOT_CORRECTABLE, and what else `recordCorrection` throws; those before are then kept
 */
export async function makeCorrections(workspace: Workspace, task: Task, chosen: readonly ChosenCorrection[]): Promise<number> {
  for (const { path, labels } of chosen) await recordCorrection(workspace, task, { content: await readFile(path), labels });
  return (await readPending(workspace, task)).length;
}
