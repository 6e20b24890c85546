/** The middle of some numbers, or the mean of the two in the middle. @throws RangeError when there are none */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The median of so many calls, in milliseconds, after a fifth as many that are not counted. */
export async function medianMs(call: (index: number) => Promise<unknown>, count: number, onDone: (done: number) => void): Promise<number> {
  const times: number[] = [];
  for (let index = -Math.ceil(count / 5); index < count; index++) {
    const time = await timed(() => call(Math.abs(index)));
    if (index < 0) continue;
    times.push(time);
    onDone(times.length);
  }
  return median(times);
}

/** Milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
