import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { mapOnCores } from '../data';
import { sha256, sha256File, writeAtomic } from '../files';
import type { OnProgress } from '../progress';
import type { Bucket } from './bucket';
import { FileChanged, ObjectMissing } from './errors';

/** Transfers under way: they wait for the network, and not for cores. */
const transfersAtOnce = 16;

/** Does something with every item that is a transfer each. @throws the first failure, when those under way have ended */
export function transferAll<Item, Result>(items: readonly Item[], transfer: (item: Item) => Promise<Result>): Promise<Result[]> {
  return mapOnCores(items, transfer, transfersAtOnce);
}

/** Where a file's content is, whatever the file is called: what is the same is there once. */
function keyOf(hash: string): string {
  return `contents/${hash}`;
}

/**
 * Sends what is in files, as far as it is not there.
 *
 * @returns the SHA-256 of each
 * @throws FILE_CHANGED, what a bucket throws, the file system's errors
 */
export async function sendContents(bucket: Bucket, files: readonly string[], onProgress?: OnProgress): Promise<string[]> {
  const hashes = await mapOnCores(files, sha256File);
  const there = new Set((await bucket.list(keyOf(''))).map(({ key }) => key));
  const fileOf = new Map(files.map((file, index) => [hashes[index]!, file]));
  const missing = [...fileOf].filter(([hash]) => !there.has(keyOf(hash)));
  let done = 0;
  await transferAll(missing, async ([hash, file]) => {
    const content = await readFile(file);
    if (sha256(content) !== hash) throw FileChanged(file);
    await bucket.write(keyOf(hash), content);
    onProgress?.({ label: 'to the bucket', done: ++done, total: missing.length });
  });
  return hashes;
}

/** Whether a content is there. @throws what a bucket throws */
export async function hasContents(bucket: Bucket, hash: string): Promise<boolean> {
  return (await bucket.tagOf(keyOf(hash))) !== undefined;
}

/** A file that is to have this content. */
export interface WantedFile {
  readonly file: string;
  readonly sha256: string;
}

/**
 * Brings what files are to contain, each whole or not at all; those that have it already stay.
 *
 * @throws OBJECT_MISSING, OBJECT_DAMAGED, what a bucket throws, the file system's errors
 */
export async function bringContents(bucket: Bucket, wanted: readonly WantedFile[], onProgress?: OnProgress): Promise<void> {
  let done = 0;
  await transferAll(wanted, async ({ file, sha256: hash }) => {
    if (!(existsSync(file) && (await sha256File(file)) === hash)) await writeAtomic(file, await readPresent(bucket, keyOf(hash)));
    onProgress?.({ label: 'from the bucket', done: ++done, total: wanted.length });
  });
}

/** What is in an object that must be there. @throws OBJECT_MISSING, OBJECT_DAMAGED */
export async function readPresent(bucket: Bucket, key: string): Promise<Buffer> {
  const content = await bucket.read(key);
  if (!content) throw ObjectMissing(`${bucket.url}/${key}`);
  return content;
}
