import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isMissing, readTextIfPresent, writeAtomic } from '../files';

/**
 * A file of the activation store and its index: `<id>.f16` or `<id>.f32`, rows of numbers, and `<id>.json`, what each row belongs to: the SHA-256 of a
 * picture, or that and a view of it. The index is written last, so a segment is whole or does not count, and two processes never write the same one. The index file's
 * modification time is when the segment was last used.
 */
export interface Segment {
  readonly data: string;
  readonly index: string;
  readonly rows: readonly string[];
}

/** How activations are stored: half the bytes and 11 bits of precision, or all 24. */
export type Precision = 'float16' | 'float32';

/** File name extension and bytes a number. */
export const formats = { float16: { extension: '.f16', bytes: 2 }, float32: { extension: '.f32', bytes: 4 } } as const;

const indexSchema = z.object({ rows: z.array(z.string()) });

/** A folder's segments. One whose index cannot be read, or whose data is not as long as that says, is removed: it is computed again. */
export async function readSegments(folder: string, precision: Precision, rowBytes: number): Promise<Segment[]> {
  await mkdir(folder, { recursive: true });
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const segments: Segment[] = [];
  for (const name of names) {
    const index = path.join(folder, name);
    const data = index.replace(/\.json$/, formats[precision].extension);
    const rows = await readRows(index);
    if (rows && rows.length * rowBytes === (await sizeOf(data))) segments.push({ data, index, rows });
    else await removeSegment({ data, index });
  }
  return segments;
}

/** Writes a segment: its data, on disk for sure, then its index. @returns where it is */
export async function writeSegment(
  folder: string,
  precision: Precision,
  chunks: readonly (Uint16Array | Float32Array)[],
  rows: readonly string[],
): Promise<Pick<Segment, 'data' | 'index'>> {
  const name = path.join(folder, randomUUID());
  const file = await open(`${name}.tmp`, 'w');
  try {
    for (const chunk of chunks) await file.writeFile(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    await file.sync();
  } finally {
    await file.close();
  }
  const segment = { data: `${name}${formats[precision].extension}`, index: `${name}.json` };
  await rename(`${name}.tmp`, segment.data);
  await writeAtomic(segment.index, JSON.stringify({ rows }));
  return segment;
}

/** Removes a segment, the index first: what is left after a kill is data that nobody reads. Who has it open reads on. */
export async function removeSegment({ data, index }: Pick<Segment, 'data' | 'index'>): Promise<void> {
  await rm(index, { force: true });
  await rm(data, { force: true });
}

/** Notes that segments are used now. */
export async function touchSegments(segments: readonly Segment[], now = new Date()): Promise<void> {
  for (const { index } of segments) {
    await utimes(index, now, now).catch((error) => {
      if (!isMissing(error)) throw error; // another process evicted it, and it is open here
    });
  }
}

async function readRows(index: string): Promise<string[] | undefined> {
  const text = await readTextIfPresent(index);
  return text === undefined ? undefined : rowsIn(text);
}

/** What the rows of a segment belong to, by the text of its index; undefined where that is none. */
export function rowsIn(index: string): string[] | undefined {
  try {
    return indexSchema.parse(JSON.parse(index)).rows;
  } catch {
    return undefined;
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
