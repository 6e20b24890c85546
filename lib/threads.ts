import { readdirSync } from 'node:fs';
import os, { availableParallelism } from 'node:os';
import { defineError } from './errors';

export const BadThreads = defineError(
  'BAD_THREADS',
  422,
  (value: string) => `VISIONBOOK_THREADS is "${value}": make it a whole number from 1 on, or unset it to use every core`,
);

/**
 * How many threads may compute at once: `VISIONBOOK_THREADS`, or one for each core that this process may use. Every engine takes it from here (ONNX
 * Runtime, TensorFlow, sharp); `lib/threadPool.cjs` does the same for Node's own threads, which must be told before they start.
 *
 * @throws BAD_THREADS
 */
export function threadCount(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const { VISIONBOOK_THREADS: wanted } = env;
  if (!wanted) return availableParallelism();
  const count = Number(wanted);
  if (!Number.isInteger(count) || count < 1) throw BadThreads(wanted);
  return count;
}

/**
 * Makes way for other processes: the lowest priority, and half the threads. To be called before any engine is loaded. On Linux every thread has a
 * priority of its own, which those that it starts inherit: the threads that Node has started by now are told one by one.
 */
export function makeWay(): void {
  process.env.VISIONBOOK_THREADS = String(Math.max(1, Math.floor(threadCount() / 2)));
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [process.pid];
  for (const thread of threads) os.setPriority(thread, os.constants.priority.PRIORITY_LOW);
}
