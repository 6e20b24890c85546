import { median } from 'simple-statistics';

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
