/** Numbers for predictions, reserved in the database before they are needed: an answer does not wait for it. */
export interface ReservedIds {
  /** The next one; null when none is left, and more are on their way or the database is away. */
  take(): number | null;
  /** Reserves more; a failure is no harm, for the next call tries again. */
  refill(): void;
}

/** As many as are predicted in some seconds. Those that are left when the server stops are never used. */
const reservedAtOnce = 200;

/** @param reserve asks the database for so many numbers that nobody else gets */
export function reserveIds(reserve: (count: number) => Promise<number[]>): ReservedIds {
  let left: number[] = [];
  let isRefilling = false;

  async function refillIfFew(): Promise<void> {
    if (isRefilling || left.length > reservedAtOnce / 2) return;
    isRefilling = true;
    try {
      const more = await reserve(reservedAtOnce);
      left = [...left, ...more];
    } catch {
      // The connection logs it, and calls for more when the database is back.
    } finally {
      isRefilling = false;
    }
  }

  return {
    take() {
      const id = left.shift() ?? null;
      void refillIfFew();
      return id;
    },
    refill: () => void refillIfFew(),
  };
}
