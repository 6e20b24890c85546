import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isDiskFull } from '../../files';
import { withLock } from '../../lock';
import { SampleBusy, SampleDiskFull } from './errors';

/** Fills a new folder, which then takes the old one's place. */
type ReplaceWith = (fill: (unfinished: string) => Promise<void>) => Promise<void>;

/**
 * Does `work`, which may replace the folder, while no other process does. A new folder is filled beside the old one and exchanged by
 * rename, so that the old one is whole until the new one is. What a killed run left beside the folder is removed.
 *
 * @param isKept whether something in the old folder, by its name, belongs to somebody else and goes on into the new one
 * @throws SAMPLE_BUSY, DISK_FULL; whatever `work` throws
 */
export async function replaceFolder<Result>(
  folder: string,
  work: (replaceWith: ReplaceWith) => Promise<Result>,
  isKept: (name: string) => boolean = () => false,
): Promise<Result> {
  await mkdir(path.dirname(folder), { recursive: true });
  const unfinished = `${folder}.unfinished`;
  const former = `${folder}.former`;
  return withLock(folder, {
    busy: () => SampleBusy(folder),
    work: async (held) => {
      try {
        await removeFolders(unfinished, former);
        return await work(async (fill) => {
          await mkdir(unfinished);
          await fill(unfinished);
          held.check();
          if (existsSync(folder)) {
            const kept = (await readdir(folder)).filter(isKept);
            for (const name of kept) await rename(path.join(folder, name), path.join(unfinished, name));
            await rename(folder, former);
          }
          await rename(unfinished, folder);
        });
      } catch (error) {
        throw isDiskFull(error) ? SampleDiskFull(folder) : error;
      } finally {
        if (!held.isLost()) await removeFolders(unfinished, former);
      }
    },
  });
}

async function removeFolders(...folders: readonly string[]): Promise<void> {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}
