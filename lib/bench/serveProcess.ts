import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type ChildRequest, startCommand } from './children';
import { BenchFailed } from './errors';

/** A server that was started as `npm run serve` starts it, with its database. */
export interface BenchedServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly origin: string;
  readonly pid: number;
  /** From the start of its process to the first answer, in ms. */
  readonly startMs: number;
  /** Does something that needs the server. @throws BENCH_FAILED as soon as the server ends by itself */
  during<Result>(work: Promise<Result>): Promise<Result>;
  /** Ends it as a service manager does. @throws BENCH_FAILED when it does not end well */
  stop(): Promise<void>;
}

/** Whatever of the environment could lead the server elsewhere, or make it turn the bench away. */
const environment = {
  HOST: '127.0.0.1',
  PORT: '0',
  NODE_ENV: 'production',
  LOG_LEVEL: 'info',
  // A bench writes to no database but its own.
  DATABASE_URL: '',
  ADMIN_TOKEN: '',
  UPLOADS_PER_MINUTE: '0',
  // The bench says when a retraining starts.
  MIN_CORRECTIONS: '1000000',
} as const;

const announcement = /\bat (http:\/\/127\.0\.0\.1:\d+)/;
/** A new database takes ten seconds on a slow machine. */
const patience = 120_000;
const pause = 50;
/** It lets a retraining come to a stop, and requests to their end. */
const farewell = 30_000;

/**
 * Starts a server on a free port of this computer.
 *
 * @param child whose environment says where the workspace is
 * @throws BENCH_FAILED with what it said, when it does not come to answer
 */
export async function startServer(child: Pick<ChildRequest, 'cwd' | 'env' | 'signal'>): Promise<BenchedServer> {
  const what = 'server';
  const began = performance.now();
  let origin: string | undefined;
  const command = startCommand(
    {
      ...child,
      what,
      command: process.execPath,
      args: [path.join(child.cwd, 'lib/launch.cjs'), 'serve'],
      env: { ...child.env, ...environment },
    },
    {
      onErrorLine: (line) => {
        origin ??= announcement.exec(line)?.[1];
      },
    },
  );
  let hasEnded = false;
  const endedEarly = command.ended.then(() => {
    throw BenchFailed(what, 'ended by itself', command.said());
  });
  endedEarly.catch(() => {
    hasEnded = true; // `during` tells why
  });
  const during = <Result>(work: Promise<Result>): Promise<Result> => Promise.race([work, endedEarly]);

  async function whenReady(): Promise<string> {
    while (!hasEnded && performance.now() - began < patience) {
      if (origin !== undefined && (await isWell(origin))) return origin;
      await sleep(pause);
    }
    throw BenchFailed(what, `did not answer within ${patience / 1000} seconds`, command.said());
  }

  try {
    const ready = await during(whenReady());
    return {
      origin: ready,
      pid: command.pid!,
      startMs: performance.now() - began,
      during,
      stop: async () => {
        command.terminate();
        const impatience = setTimeout(command.kill, farewell);
        await command.ended.finally(() => clearTimeout(impatience));
      },
    };
  } catch (error) {
    command.kill();
    throw error;
  }
}

const healthSchema = z.object({ database: z.object({ reachable: z.boolean() }) });

/** With its database: without it, its answers would cost less. */
async function isWell(origin: string): Promise<boolean> {
  const health = healthSchema.safeParse(await (await fetch(`${origin}/health`)).json());
  return health.success && health.data.database.reachable;
}
