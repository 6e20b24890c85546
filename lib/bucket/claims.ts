import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket } from './bucket';

/** A claim that did not change for so long, in ms, belongs to a machine that is gone. */
const staleMilliseconds = 30_000;
/** So often a claim is renewed while it stands. */
const renewals = 4;
/** How soon one asks again for what another machine is at, in ms. */
const pollMilliseconds = 1000;

/** Ends a claim. */
export type Release = () => Promise<void>;

/**
 * Says to other machines that this one is at a piece of work, so that they do something else meanwhile. A claim that is no longer renewed goes to whoever
 * watches it for long enough, by a clock of its own: those of different machines are never compared. Claims save work, and no more: what two machines do
 * at once all the same is harmless.
 */
export class Claims {
  /** The tags that claims of others had, and since when; empty of one that was not looked at yet. */
  private readonly seen = new Map<string, { readonly tag: string; readonly since: number }>();

  constructor(
    private readonly bucket: Bucket,
    private readonly patience = staleMilliseconds,
  ) {}

  /** @returns undefined where another machine is at it */
  async take(name: string): Promise<Release | undefined> {
    const key = `claims/${name}`;
    const before = this.seen.get(key);
    // What others were at a moment ago is only looked at: a hundred machines may be waiting for it.
    const present = before && (await this.bucket.tagOf(key));
    if (present !== undefined && !this.isStale(key, present)) return undefined;
    const tag = await this.bucket.write(key, newClaim(), present === undefined ? 'absent' : { tag: present });
    if (tag === undefined) {
      this.seen.set(key, { tag: '', since: performance.now() });
      return undefined;
    }
    this.seen.delete(key);
    return this.hold(key, tag);
  }

  /** Does work when no other machine is at it. @throws the signal's reason */
  async whenFree<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    for (;;) {
      signal?.throwIfAborted();
      const release = await this.take(name);
      if (release) return work().finally(release);
      await sleep(pollMilliseconds, undefined, signal && { signal });
    }
  }

  private isStale(key: string, tag: string): boolean {
    const before = this.seen.get(key)!;
    if (before.tag === tag) return performance.now() - before.since >= this.patience;
    this.seen.set(key, { tag, since: performance.now() });
    return false;
  }

  private hold(key: string, first: string): Release {
    let tag: string | undefined = first;
    let renewal: Promise<void> = Promise.resolve();
    const renew = async (): Promise<void> => {
      if (tag !== undefined) tag = await this.bucket.write(key, newClaim(), { tag });
    };
    const renewing = setInterval(() => {
      renewal = renew().catch(() => {}); // the next one may come through; until then nobody is kept from taking over
    }, this.patience / renewals);
    return async () => {
      clearInterval(renewing);
      await renewal;
      // One that stays is taken over by whoever needs it.
      if (tag !== undefined) await this.bucket.remove(key).catch(() => {});
    };
  }
}

/** Never twice the same, so that its tag is another one each time. */
function newClaim(): Uint8Array {
  return Buffer.from(crypto.randomUUID());
}
