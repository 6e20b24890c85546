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
