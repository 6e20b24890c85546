import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isMissing, readTextIfPresent, sha256, writeAtomic } from '../files';
import type { OfficialWeights } from './officialWeights';

/** Weights as a file, with the SHA-256 of what is in it. */
export interface StoredWeights {
  readonly file: string;
  readonly sha256: string;
}

const recordSchema = z.object({ url: z.string(), sha256: z.string(), downloadedAt: z.string() });

/**
 * Official weights in the folder of downloads. Keras names no hash for most of its files, so the first download's is written down beside the file,
 * and a file that has changed since does not count; one that was put there by hand does.
 *
 * @returns undefined where there are none, or only damaged ones
 */
export async function cachedWeights(folder: string, { file: name, md5 }: OfficialWeights): Promise<StoredWeights | undefined> {
  const file = path.join(folder, name);
  const content = await readFile(file).catch((error) => {
    if (!isMissing(error)) throw error;
  });
  if (!content) return undefined;
  const hash = sha256(content);
  const recorded = await readRecord(file);
  if (recorded && recorded !== hash) return undefined;
  if (md5 && md5 !== createHash('md5').update(content).digest('hex')) return undefined;
  return { file, sha256: hash };
}

/** Writes down what a download brought. */
export async function recordDownload({ file, sha256: hash }: StoredWeights, url: string): Promise<void> {
  await writeAtomic(recordOf(file), `${JSON.stringify({ url, sha256: hash, downloadedAt: new Date().toISOString() })}\n`);
}

async function readRecord(file: string): Promise<string | undefined> {
  const text = await readTextIfPresent(recordOf(file));
  try {
    return text === undefined ? undefined : recordSchema.parse(JSON.parse(text)).sha256;
  } catch {
    return 'damaged'; // equals no hash: the file is downloaded again
  }
}

function recordOf(file: string): string {
  return `${file}.json`;
}
