import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** Works in a temporary home folder, which is gone afterwards. */
export async function inTemporaryHome<Result>(work: (home: string) => Promise<Result>): Promise<Result> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-bench-'));
  try {
    return await work(home);
  } finally {
    // What was killed a moment ago may still be writing its last file.
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}
