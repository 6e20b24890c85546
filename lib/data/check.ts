import path from 'node:path';
import { VisionbookError } from '../errors';
import type { OnProgress } from '../progress';
import { isCollageTask, type Task } from '../tasks';
import { auditPhotos, describeAudit } from './audit';
import { openGalaxies, type UnreadableGalaxy } from './galaxy';
import { listPictures } from './pictures';
import { type DataSource, photoFolders } from './source';

/**
 * Looks at a task's raw data without changing it: what there is of each class, and what cannot be used.
 *
 * @returns lines for a terminal
 * @throws what `openGalaxies` throws
 */
export async function checkData(
  source: DataSource,
  task: Task,
  { onProgress }: { readonly onProgress?: OnProgress } = {},
): Promise<string> {
  if (isCollageTask(task)) return describeAudit(await auditPhotos(source, task, onProgress ? { onProgress } : {}));
  const names = task.classes.map(({ name }) => name);
  const { size, counts, labels, heldOut, pictures } = await openGalaxies(source.folder, names);
  const unreadable: UnreadableGalaxy[] = [];
  let read = 0;
  for await (const _ of pictures((picture) => unreadable.push(picture))) {
    read++;
    onProgress?.({ label: 'Checking pictures', done: read + unreadable.length, total: labels.length });
  }
  const width = Math.max(...names.map(({ length }) => length));
  return [
    source.name === source.folder ? source.name : `${source.name}: ${source.folder}`,
    `${'class'.padEnd(width)}  pictures`,
    ...names.map((name, index) => `${name.padEnd(width)}  ${String(counts[index]).padStart(8)}${counts[index] === 0 ? '  (none)' : ''}`),
    '',
    `${labels.length} pictures of ${size}x${size} pixels`,
    `Unreadable, left out: ${unreadable.length}`,
    ...unreadable.map(({ file, detail }) => `  ${file}: ${detail}`),
    heldOut
      ? `Held out for validation: ${heldOut.reduce((sum, one) => sum + one, 0)}`
      : 'Not split yet: prepare does that, and keeps pictures of the same sky together',
  ].join('\n');
}

/** Pictures of a task's raw data, by folder of photographs or by class; each 0 where there is no raw data. */
export async function countPictures(raw: string, task: Task): Promise<{ readonly folder: string; readonly count: number }[]> {
  if (isCollageTask(task)) {
    const folders = photoFolders(task).map(({ folder }) => folder);
    return Promise.all(folders.map(async (folder) => ({ folder, count: (await listPictures(path.join(raw, folder))).length })));
  }
  const names = task.classes.map(({ name }) => name);
  try {
    const { counts } = await openGalaxies(path.join(raw, task.data.folder), names);
    return names.map((name, index) => ({ folder: name, count: counts[index]! }));
  } catch (error) {
    if (error instanceof VisionbookError) return names.map((folder) => ({ folder, count: 0 }));
    throw error;
  }
}
