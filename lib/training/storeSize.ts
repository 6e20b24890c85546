import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { BadCacheSize } from './errors';
import { removeSegment } from './segments';

/** What is in one folder of the activation store: one tensor of one frozen model. */
export interface StoreEntry {
  readonly name: string;
  readonly bytes: number;
  readonly segments: number;
  readonly lastUsed: Date;
}

interface StoredSegment {
  readonly folder: string;
  readonly data: string;
  readonly index: string;
  readonly bytes: number;
  readonly usedAt: number;
}

interface Leftover {
  readonly file: string;
  readonly writtenAt: number;
}

/** What a killed process was writing stays so long, in ms: a living one may still be at it. */
const leftoverAge = 3600e3;
const gibibyte = 2 ** 30;

/**
 * How many bytes the activation store may take: `VISIONBOOK_CACHE_GIB`, in GiB, or 10.
 *
 * @throws BAD_CACHE_SIZE
 */
export function storeLimit(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const { VISIONBOOK_CACHE_GIB: wanted } = env;
  if (!wanted) return 10 * gibibyte;
  const gibibytes = Number(wanted);
  if (!Number.isFinite(gibibytes) || gibibytes < 0) throw BadCacheSize(wanted);
  return gibibytes * gibibyte;
}

/** What is in the store, the most recently used first. */
export async function listStore(folder: string): Promise<StoreEntry[]> {
  const { segments } = await scan(folder);
  const byFolder = new Map<string, StoredSegment[]>();
  for (const segment of segments) byFolder.set(segment.folder, [...(byFolder.get(segment.folder) ?? []), segment]);
  const entries = [...byFolder].map(([name, members]) => ({
    name,
    bytes: totalBytes(members),
    segments: members.length,
    lastUsed: new Date(Math.max(...members.map(({ usedAt }) => usedAt))),
  }));
  return entries.sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime());
}

/**
 * Removes what has not been used for some time; all of it by default. Another process that is reading goes on with what it has open.
 *
 * @param olderThan milliseconds
 * @returns bytes that were freed
 */
export async function clearStore(folder: string, { olderThan = 0, now = Date.now() } = {}): Promise<number> {
  await removeLeftovers(folder, now);
  const { segments } = await scan(folder);
  return removeAll(
    folder,
    segments.filter(({ usedAt }) => usedAt <= now - olderThan),
  );
}

/**
 * Keeps the store within its limit: removes what killed processes left, then the least recently used segments.
 *
 * @param inUse index files of segments that stay, even when they alone are more than the limit
 */
export async function limitStore(
  folder: string,
  { limit, inUse = new Set<string>(), now = Date.now() }: { limit: number; inUse?: ReadonlySet<string>; now?: number },
): Promise<void> {
  await removeLeftovers(folder, now);
  const { segments } = await scan(folder);
  let excess = totalBytes(segments) - limit;
  const victims: StoredSegment[] = [];
  for (const segment of segments.filter(({ index }) => !inUse.has(index)).sort((a, b) => a.usedAt - b.usedAt)) {
    if (excess <= 0) break;
    victims.push(segment);
    excess -= segment.bytes;
  }
  await removeAll(folder, victims);
}

async function removeAll(folder: string, segments: readonly StoredSegment[]): Promise<number> {
  for (const segment of segments) await removeSegment(segment);
  for (const name of new Set(segments.map((segment) => segment.folder))) {
    // Only an empty folder goes; one that another process has just written to stays.
    const left = await readdir(path.join(folder, name)).catch(() => ['gone already']);
    if (left.length === 0) await rm(path.join(folder, name), { recursive: true, force: true });
  }
  return totalBytes(segments);
}

async function removeLeftovers(folder: string, now: number): Promise<void> {
  const { leftovers } = await scan(folder);
  for (const { file, writtenAt } of leftovers) if (writtenAt < now - leftoverAge) await rm(file, { force: true });
}

/** All segments of all folders, and the files that belong to none. */
async function scan(folder: string): Promise<{ segments: StoredSegment[]; leftovers: Leftover[] }> {
  const segments: StoredSegment[] = [];
  const leftovers: Leftover[] = [];
  for (const name of await namesIn(folder)) {
    const files = new Map<string, { bytes: number; time: number }>();
    for (const file of await namesIn(path.join(folder, name))) {
      const found = await stat(path.join(folder, name, file)).catch(() => undefined); // removed meanwhile
      if (found) files.set(file, { bytes: found.size, time: found.mtime.getTime() }); // whole milliseconds: mtimeMs has a fraction
    }
    for (const [file, { bytes, time }] of files) {
      const [, id, extension] = /^(.*)(\.f16|\.f32)$/.exec(file) ?? [];
      const index = id !== undefined ? files.get(`${id}.json`) : undefined;
      const at = (part: string): string => path.join(folder, name, part);
      if (index) segments.push({ folder: name, data: at(file), index: at(`${id}.json`), bytes: bytes + index.bytes, usedAt: index.time });
      else if (extension || /\.tmp$|\.json\.\d+$/.test(file)) leftovers.push({ file: at(file), writtenAt: time });
    }
  }
  return { segments, leftovers };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function totalBytes(segments: readonly StoredSegment[]): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}
