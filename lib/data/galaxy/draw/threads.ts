import path from 'node:path';
import { setImmediate as otherWork } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Random } from '../../../random';
import { openWorkspace } from '../../../workspace';
import { photographGalaxy } from './picture';

/** A picture to draw: of which class, and the seed of its own stream of chance. */
export interface DrawJob {
  readonly classIndex: number;
  readonly seed: string;
}

/** Jobs from which on threads are worth starting: each takes as long to start as to draw some twenty pictures. */
const manyJobs = 100;

/** Jobs that wait in front of each thread, so that none is ever idle. */
const jobsAhead = 3;

/** @returns RGB, shape [256, 256, 3] */
export function drawJob({ classIndex, seed }: DrawJob): Uint8Array {
  return photographGalaxy(classIndex, new Random(seed));
}

/**
 * Draws pictures, in so many threads where there are many, and gives them in the jobs' order. What is drawn does not depend on the threads.
 *
 * @throws what goes wrong in a thread
 */
export async function* drawJobs(jobs: readonly DrawJob[], threads: number, many = manyJobs): AsyncGenerator<Uint8Array> {
  if (threads === 1 || jobs.length < many) {
    for (const job of jobs) {
      yield drawJob(job);
      await otherWork(); // such as keeping a folder's lock alive
    }
    return;
  }
  const pool = Array.from({ length: threads }, () => new Artist());
  try {
    const drawn: Promise<Uint8Array>[] = [];
    for (let next = 0; next < jobs.length; next++) {
      while (drawn.length < jobs.length && drawn.length < next + threads * jobsAhead) {
        const picture = pool[drawn.length % threads]!.draw(jobs[drawn.length]!);
        picture.catch(() => {}); // whoever waits for it hears of it
        drawn.push(picture);
      }
      yield await drawn[next]!;
      drawn[next] = Promise.resolve(new Uint8Array()); // frees the pixels
    }
  } finally {
    await Promise.all(pool.map((artist) => artist.end()));
  }
}

interface Waiting {
  readonly resolve: (pixels: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that draws one picture after the other. */
class Artist {
  // Node's flags for this process, such as those of a test runner, are not for it.
  private readonly worker = new Worker(path.join(openWorkspace().root, 'lib/data/galaxy/draw/worker.cjs'), { execArgv: [] });
  private readonly waiting: Waiting[] = [];

  constructor() {
    this.worker.on('message', (pixels: Uint8Array) => this.waiting.shift()?.resolve(pixels));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', () => this.fail(new Error('a thread that draws galaxies has ended')));
  }

  draw(job: DrawJob): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.worker.postMessage(job);
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private fail(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
