import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import writeFileAtomically from 'write-file-atomic';

/**
 * Writes a file whole or not at all: to a temporary file beside it, fsync, rename. Makes the folder where it is missing.
 *
 * @throws the file system's error (disk full, no permission); the earlier content is then still there
 */
export async function writeAtomic(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFileAtomically(
    file,
    typeof content === 'string' ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength),
  );
}

/** Writes a value as indented JSON, whole or not at all. @throws the file system's error */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeAtomic(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** SHA-256 of bytes or text, in hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** SHA-256 of a file, in hex, without holding it in memory. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** A file's text, or undefined where there is no such file; every other failure is thrown. */
export async function readTextIfPresent(file: string): Promise<string | undefined> {
  return (await readIfPresent(file))?.toString();
}

/** What a file holds, or undefined where there is no such file; every other failure is thrown. */
export async function readIfPresent(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A file's path from a folder, with `/` on every system. */
export function relativePath(folder: string, file: string): string {
  return path.relative(folder, file).split(path.sep).join('/');
}

/** Whether an error of the file system says that there is no such file or folder. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Whether an error of the file system says that there is no room left. */
export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
