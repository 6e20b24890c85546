import type { Segment } from './segments';

/** Activations that machines with stores of their own have from each other. */
export interface ActivationExchange {
  /**
   * Brings segments that others have computed.
   *
   * @param missing the rows that are wanted, by the folders of the store that lack them
   * @returns how many segments came
   */
  bring(missing: ReadonlyMap<string, ReadonlySet<string>>): Promise<number>;
  /** Sends a segment that was computed here. */
  send(segment: Pick<Segment, 'data' | 'index'>): Promise<void>;
  /** Says that this machine computes a part. @returns how to say that it no longer does; undefined where another machine is at it */
  claim(part: string): Promise<(() => Promise<void>) | undefined>;
}
