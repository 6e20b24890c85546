import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Dataset } from '../data';
import { relativePath } from '../files';
import type { OnProgress } from '../progress';
import type { Task } from '../tasks';
import { type DatasetPlaces, datasetIn, datasetOf, type Workspace } from '../workspace';
import type { Bucket } from './bucket';
import { bringContents, readPresent, sendContents } from './contents';
import { fileIn } from './desk';

/** What a data set consists of: files from its folder, and where their contents are. */
const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  task: z.string(),
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
});
type Manifest = z.infer<typeof manifestSchema>;

function keyOf(fingerprint: string): string {
  return `datasets/${fingerprint}.json`;
}

/** Sends a data set, under its fingerprint; one that is there is not sent again. @throws what a bucket throws, the file system's errors */
export async function sendDataset(
  bucket: Bucket,
  workspace: Workspace,
  task: Task,
  { fingerprint, pictures }: Dataset,
  onProgress?: OnProgress,
): Promise<void> {
  if ((await bucket.tagOf(keyOf(fingerprint))) !== undefined) return;
  const places = datasetOf(workspace, task.name);
  const files = [...pictures.map((picture) => picture.path), ...describing(places).filter(existsSync)];
  const hashes = await sendContents(bucket, files, onProgress);
  const named = files.map((file, index) => ({
    path: relativePath(places.dataset, file),
    sha256: hashes[index]!,
  }));
  const manifest: Manifest = { schemaVersion: 1, task: task.name, files: named };
  // After what it names, so that a data set is whole or not there.
  await bucket.write(keyOf(fingerprint), Buffer.from(JSON.stringify(manifest)));
}

/**
 * Brings a data set to a worker's desk, into a folder of its own.
 *
 * @returns the desk with this data set
 * @throws OBJECT_MISSING, OBJECT_DAMAGED, what a bucket throws, the file system's errors
 */
export async function bringDataset(
  bucket: Bucket,
  desk: Workspace,
  taskName: string,
  fingerprint: string,
  onProgress?: OnProgress,
): Promise<Workspace> {
  const workspace = { ...desk, ...datasetIn(path.join(desk.dataset, fingerprint.slice(0, 16))) };
  const places = datasetOf(workspace, taskName);
  if (existsSync(places.labelsCsv)) return workspace;
  const key = keyOf(fingerprint);
  const { files } = manifestSchema.parse(JSON.parse((await readPresent(bucket, key)).toString()));
  const wanted = files.map(({ path: name, sha256 }) => ({ file: fileIn(places.dataset, name, `${bucket.url}/${key}`), sha256 }));
  const isList = ({ file }: { readonly file: string }): boolean => file === places.labelsCsv;
  await bringContents(
    bucket,
    wanted.filter((one) => !isList(one)),
    onProgress,
  );
  // The list last: where it is, all that it lists is.
  await bringContents(bucket, wanted.filter(isList));
  return workspace;
}

/** The files of a data set that are no pictures. */
function describing({ labelsCsv, datasetCard, datasetCardText }: DatasetPlaces): string[] {
  return [labelsCsv, datasetCard, datasetCardText];
}
