import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Bucket, bringContents, type Exchange, hasContents, sendContents } from '../bucket';
import type { FoundWeights, WeightsIdentity } from '../models';

/** Sends weights that are in a file; those of a package come with every machine's own set-up. @throws what a bucket throws, the file system's errors */
export async function sendWeights(bucket: Bucket, { file }: Pick<FoundWeights, 'file'>): Promise<void> {
  if (file !== undefined) await sendContents(bucket, [file]);
}

/**
 * Brings weights that are in a file: where the user named it, to the desk under that name, and official ones to where this machine keeps downloads, unless it
 * has some there already.
 *
 * @returns the file to name in its turn
 * @throws what a bucket throws, the file system's errors
 */
export async function bringWeights(
  { bucket, desk }: Exchange,
  named: string | undefined,
  { source, sha256 }: WeightsIdentity,
): Promise<string | undefined> {
  if (named !== undefined) {
    const file = path.join(desk.outputs, 'named-weights', sha256.slice(0, 16), path.basename(named));
    await bringContents(bucket, [{ file, sha256 }]);
    return file;
  }
  const file = path.join(desk.weights, path.basename(source));
  if (!existsSync(file) && (await hasContents(bucket, sha256))) await bringContents(bucket, [{ file, sha256 }]);
  return undefined;
}
