import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type LockOptions, lock } from 'proper-lockfile';

/** A lock that was not renewed for so long, in ms, belongs to a process that was killed. */
const staleAfter = 5000;

/** A lock while it is held. */
export interface HeldLock {
  /** True when another process took the lock meanwhile, as may happen after the computer slept. */
  isLost(): boolean;
  /** @throws the error of a lock that is busy, when this one was lost */
  check(): void;
}

/** How to lock a folder. */
export interface LockedWork<Result> {
  /** The file that is the lock; beside the folder by default. */
  readonly lockFile?: string;
  /** How to wait for a lock that is busy; not at all by default. */
  readonly retries?: LockOptions['retries'];
  /** The error to throw when another process holds the lock. */
  readonly busy: () => Error;
  readonly work: (held: HeldLock) => Promise<Result>;
}

/**
 * Does work on a folder while no other process does.
 *
 * @throws what `busy` makes, and whatever `work` throws
 */
export async function withLock<Result>(folder: string, { lockFile, retries = 0, busy, work }: LockedWork<Result>): Promise<Result> {
  let lost = false;
  const onCompromised = (): void => {
    lost = true;
  };
  let release: () => Promise<void>;
  try {
    release = await lock(folder, {
      realpath: false,
      retries,
      stale: staleAfter,
      onCompromised,
      ...(lockFile && { lockfilePath: lockFile }),
    });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ELOCKED' ? busy() : error;
  }
  try {
    return await work({
      isLost: () => lost,
      check: () => {
        if (lost) throw busy();
      },
    });
  } finally {
    if (!lost) await release();
  }
}

/** What waits for its turn on a file of this process, by the file. */
const turns = new Map<string, Promise<unknown>>();
/** A process that was killed while it held the lock keeps others waiting for `staleAfter`; work on one small file takes some milliseconds. */
const patient = { retries: 300, factor: 1.2, minTimeout: 10, maxTimeout: 100, randomize: true };

/**
 * Does pieces of work on a file one after another: those of this process in the order in which they were asked for, and none while another process
 * works on it. The lock is a folder beside the file, `<file>.lock`.
 *
 * @throws what `busy` makes when another process has held the lock for half a minute, and whatever `work` throws
 */
export async function inTurn<Result>(file: string, { busy, work }: Pick<LockedWork<Result>, 'busy' | 'work'>): Promise<Result> {
  const before = turns.get(file);
  const turn = (async () => {
    await before;
    await mkdir(path.dirname(file), { recursive: true });
    return withLock(file, { retries: patient, busy, work });
  })();
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  turns.set(file, ended);
  try {
    return await turn;
  } finally {
    if (turns.get(file) === ended) turns.delete(file);
  }
}
