import { utimesSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunRecord } from '../experiments';
// Not by the room's door: all that is behind it would double the time in which the process with the database starts.
import { isAlive, thisProcess } from '../experiments/process';
import { readTextIfPresent, writeJson } from '../files';
import { inTurn } from '../lock';
import { DatabaseBusy } from './errors';

/** The process that has a folder's database open: PGlite itself does not notice a second one, and both would spoil it. */
export interface Holder {
  readonly process: RunRecord['process'];
  /** The process that started it, which a user knows. */
  readonly server: number;
  /** Where it listens, once it does. */
  readonly address?: Address;
}

/** Where a database on this computer listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A folder that is this process'. */
export interface HeldFolder {
  /** Tells others where the database listens. */
  announce(address: Address): Promise<void>;
  /** Takes the mark away. */
  release(): Promise<void>;
}

const renewMilliseconds = 5_000;
/** A process of another host, or container, cannot be looked up: it is gone when it has not renewed its mark for so long. */
const silentMilliseconds = 60_000;
/** A server that was just killed leaves a process behind which closes the database: so long is it waited for. */
const patienceMilliseconds = 3_000;
const pollMilliseconds = 50;

/**
 * Waits for a process that is about to end, if one has the folder open.
 *
 * @throws DATABASE_BUSY when it does not end
 */
export async function waitUntilFree(folder: string): Promise<void> {
  for (const since = performance.now(); ; await sleep(pollMilliseconds)) {
    const holder = await findHolder(folder);
    if (!holder) return;
    if (performance.now() - since > patienceMilliseconds) throw DatabaseBusy(folder, holder.server, holder.process.host);
  }
}

/**
 * Marks the folder as this process'.
 *
 * @throws DATABASE_BUSY
 */
export async function holdFolder(folder: string): Promise<HeldFolder> {
  const file = holderFile(folder);
  const mine: Holder = { process: thisProcess(), server: process.ppid };
  await inTurn(file, {
    busy: () => DatabaseBusy(folder, process.ppid, os.hostname()),
    work: async () => {
      const holder = await findHolder(folder);
      if (holder) throw DatabaseBusy(folder, holder.server, holder.process.host);
      await writeJson(file, mine);
    },
  });
  const renewing = setInterval(() => utimesSync(file, new Date(), new Date()), renewMilliseconds).unref();
  return {
    announce: (address) => writeJson(file, { ...mine, address }),
    async release() {
      clearInterval(renewing);
      await rm(file, { force: true });
    },
  };
}

/** The living process that has the folder open. */
export async function findHolder(folder: string): Promise<Holder | undefined> {
  const file = holderFile(folder);
  const text = await readTextIfPresent(file);
  if (text === undefined) return undefined;
  const holder: Holder = JSON.parse(text);
  if (holder.process.host === os.hostname()) return isAlive(holder.process) ? holder : undefined;
  const { mtimeMs } = await stat(file);
  return Date.now() - mtimeMs < silentMilliseconds ? holder : undefined;
}

function holderFile(folder: string): string {
  return path.join(folder, 'holder.json');
}
