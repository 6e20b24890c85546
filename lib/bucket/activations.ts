import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeAtomic } from '../files';
import { type ActivationExchange, rowsIn } from '../training';
import type { Bucket } from './bucket';
import type { Claims } from './claims';
import { readPresent } from './contents';
import { ObjectDamaged } from './errors';

/** A segment's objects are named as its files are: `activations/<folder>/<id>.f16` and `.json`. */
function keyOf(folder: string, name: string): string {
  return `activations/${path.basename(folder)}/${name}`;
}

/** Activations by way of a bucket: what one machine has computed, the others bring. */
export function activationExchange(bucket: Bucket, claims: Claims): ActivationExchange {
  /** What the indices say that were read before: they do not change. */
  const indices = new Map<string, { readonly content: Buffer; readonly rows: readonly string[] }>();

  async function indexAt(key: string): Promise<{ readonly content: Buffer; readonly rows: readonly string[] }> {
    const before = indices.get(key);
    if (before) return before;
    const content = await readPresent(bucket, key);
    const rows = rowsIn(content.toString());
    if (!rows) throw ObjectDamaged(`${bucket.url}/${key}`, 'it is no index of a segment');
    indices.set(key, { content, rows });
    return { content, rows };
  }

  /** One segment after another, since each may have 50 MB, and its data first, as the store writes them. */
  async function bringInto(folder: string, missing: ReadonlySet<string>): Promise<number> {
    if (missing.size === 0) return 0;
    const keys = (await bucket.list(keyOf(folder, ''))).map(({ key }) => key);
    const wanted = new Set(missing);
    let came = 0;
    for (const key of keys.filter((one) => one.endsWith('.json'))) {
      const index = path.join(folder, path.basename(key));
      const data = keys.find((other) => other !== key && other.startsWith(key.replace(/json$/, '')));
      if (!data || existsSync(index)) continue;
      const { content, rows } = await indexAt(key);
      if (!rows.some((row) => wanted.has(row))) continue;
      await writeAtomic(path.join(folder, path.basename(data)), await readPresent(bucket, data));
      await writeAtomic(index, content);
      for (const row of rows) wanted.delete(row);
      came++;
    }
    return came;
  }

  return {
    async bring(missing) {
      let came = 0;
      for (const [folder, rows] of missing) came += await bringInto(folder, rows);
      return came;
    },
    async send({ data, index }) {
      for (const file of [data, index]) await bucket.write(keyOf(path.dirname(file), path.basename(file)), await readFile(file));
    },
    claim: (part) => claims.take(`activations/${part}`),
  };
}
