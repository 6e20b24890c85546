import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { writeAtomic } from '../files';
import { pathFromHome, type Workspace } from '../workspace';
import type { Bucket, WriteCondition } from './bucket';
import { transferAll } from './contents';
import { fileIn } from './desk';

/** Sends a file under its path in the workspace. @throws what a bucket throws, the file system's errors */
export async function sendFile(bucket: Bucket, workspace: Workspace, file: string, condition?: WriteCondition): Promise<void> {
  await bucket.write(pathFromHome(workspace, file), await readFile(file), condition);
}

/**
 * Brings the files of a folder, and of those below, that are not here.
 *
 * @throws OBJECT_DAMAGED, what a bucket throws, the file system's errors
 */
export async function bringFolder(bucket: Bucket, workspace: Workspace, folder: string): Promise<void> {
  const listed = await bucket.list(`${pathFromHome(workspace, folder)}/`);
  const files = listed.map(({ key }) => fileIn(workspace.home, key, `${bucket.url}/${key}`));
  await transferAll(
    files.filter((file) => !existsSync(file)),
    (file) => bringFile(bucket, workspace, file),
  );
}

/** Brings a file, in place of what is here. @returns whether there is one @throws as `bringFolder` */
export async function bringFile(bucket: Bucket, workspace: Workspace, file: string): Promise<boolean> {
  const content = await bucket.read(pathFromHome(workspace, file));
  if (content) await writeAtomic(file, content);
  return content !== undefined;
}
