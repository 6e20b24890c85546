import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isDiskFull } from '../files';
import { type HeldLock, type LockedWork, withLock } from '../lock';
import type { DatasetPlaces } from '../workspace';
import { DiskFull, PrepareRunning } from './errors';

/** Paths inside the data set's folder while it is written. */
const buildingFolder = '.building';
const readyFolder = '.ready';
const formerImages = '.former-images';
const lockName = '.lock';

/**
 * Builds a new data set beside the present one and then puts it in its place.
 *
 * `build` fills a folder of its own with `images/`, `labels.csv`, `dataset.json` and `CARD.md`. One rename declares it ready: killed before, the
 * former data set is whole; killed after, the next one to open the data set finishes the exchange. Other files in the data set's folder stay.
 *
 * @throws PREPARE_RUNNING, DISK_FULL; whatever `build` throws. The former data set is then untouched.
 */
export async function replaceDataset<Result>(places: DatasetPlaces, build: (folder: string) => Promise<Result>): Promise<Result> {
  const building = path.join(places.dataset, buildingFolder);
  return withDatasetLock(places.dataset, async (held) => {
    try {
      await exchange(places);
      await rm(building, { recursive: true, force: true });
      await mkdir(path.join(building, 'images'), { recursive: true });
      const result = await build(building);
      held.check();
      await rename(building, path.join(places.dataset, readyFolder));
      await exchange(places);
      return result;
    } catch (error) {
      await rm(building, { recursive: true, force: true });
      throw isDiskFull(error) ? DiskFull(places.dataset) : error;
    }
  });
}

/** Finishes an exchange that was killed half-way. To be called before the data set is read. */
export async function finishExchange(places: DatasetPlaces): Promise<void> {
  if (!existsSync(path.join(places.dataset, readyFolder))) return;
  await withDatasetLock(places.dataset, () => exchange(places), { retries: 20, minTimeout: 200, maxTimeout: 1000 });
}

/** Every step can be repeated, so it does not matter where an earlier attempt stopped. */
async function exchange(places: DatasetPlaces): Promise<void> {
  const ready = path.join(places.dataset, readyFolder);
  const former = path.join(places.dataset, formerImages);
  if (existsSync(path.join(ready, 'images'))) {
    await rm(former, { recursive: true, force: true });
    if (existsSync(places.datasetImages)) await rename(places.datasetImages, former);
    await rename(path.join(ready, 'images'), places.datasetImages);
  }
  for (const file of [places.labelsCsv, places.datasetCard, places.datasetCardText]) {
    const next = path.join(ready, path.basename(file));
    if (existsSync(next)) await rename(next, file);
  }
  await rm(ready, { recursive: true, force: true });
  await rm(former, { recursive: true, force: true });
}

/**
 * Does `work` while nobody else writes to the data set's folder.
 *
 * @throws PREPARE_RUNNING
 */
export async function withDatasetLock<Result>(
  folder: string,
  work: (held: HeldLock) => Promise<Result>,
  retries: LockedWork<Result>['retries'] = 0,
): Promise<Result> {
  await mkdir(folder, { recursive: true });
  return withLock(folder, { lockFile: path.join(folder, lockName), retries, busy: () => PrepareRunning(folder), work });
}
