import { setTimeout as sleep } from 'node:timers/promises';
import { type Bucket, openExchange } from '../bucket';
import type { DatabaseLog } from '../database';
import { isErrorOf } from '../errors';
import type { Progress } from '../progress';
import type { TrainingWatch } from '../training';
import type { Workspace } from '../workspace';
import { type Job, jobSchema, jobTitle } from './job';
import { predictPart, predictPartInBucket } from './predictions';
import { isOpen, type Queue, renewalInterval, type TakenJob } from './queue';
import { SweepDesk } from './sweeps';
import { train } from './trainings';

/** How a worker works. */
export interface WorkOptions {
  readonly workspace: Workspace;
  readonly queue: Queue;
  /** By way of which files come and go, where workers share no folder. */
  readonly bucket?: Bucket;
  /** Stops the worker: what it is at is given back. */
  readonly signal: AbortSignal;
  /** Ends when nothing is left to do, by others neither, but for what this machine cannot do. */
  readonly drains?: boolean;
  readonly log: DatabaseLog;
}

/** A worker without work asks again so soon, in ms. */
const pollMilliseconds = 1000;
/** A job that this machine cannot do rests so long, in seconds: in that time one that refuses a job a poll comes to those behind it. */
const refusalSeconds = 10;

/**
 * Does jobs, one at a time, until the signal stops it. Several workers share a queue, and a workspace or a bucket. A job that fails is noted and tried again; a worker that
 * is killed loses its lease, and another does the job. One that begins with weights which are not here stays for others.
 *
 * @throws what closing leaves, and nothing that a job throws
 */
export async function work({ workspace, queue, bucket, signal, drains = false, log }: WorkOptions): Promise<void> {
  const exchange = bucket && openExchange(bucket, workspace);
  const refused = new Set<string>();
  const desk = new SweepDesk(workspace, queue, exchange);
  const perform = (data: unknown, own: TrainingWatch): Promise<object | undefined> => {
    const job = jobSchema.parse(data);
    const watch = { ...own, ...(exchange && { exchange: exchange.activations }) };
    if (job.kind === 'trial') return desk.run(job, watch);
    if (job.kind === 'training') return train(workspace, job, watch, exchange);
    return exchange ? predictPartInBucket(exchange, job, watch) : predictPart(workspace, job, watch);
  };
  try {
    while (!signal.aborted) {
      try {
        const job = await queue.take();
        if (job) {
          await attend({ queue, job, signal, log, perform, refused });
          continue;
        }
        await desk.leave();
        if (drains && (await isIdle(queue, refused))) return;
      } catch (error) {
        log.error({ reason: (error as Error).message }, 'no job can be taken now; trying on');
      }
      await pause(signal);
    }
  } finally {
    desk.close();
  }
}

interface Attendance {
  readonly queue: Queue;
  readonly job: TakenJob;
  readonly signal: AbortSignal;
  readonly log: DatabaseLog;
  readonly perform: (data: unknown, watch: TrainingWatch) => Promise<object | undefined>;
  /** Ids of jobs that were left to other workers. */
  readonly refused: Set<string>;
}

/** Does a job, and keeps its lease meanwhile. */
async function attend({ queue, job, signal, log, perform, refused }: Attendance): Promise<void> {
  const title = jobTitle(job.data as Job);
  const since = performance.now();
  const lost = new AbortController();
  let progress: Progress | undefined;
  const renew = async (): Promise<void> => {
    if (!(await queue.renew(job, progress))) lost.abort();
  };
  // One that does not come through is tried again soon; while the database is away, nobody else gets the job either.
  const renewing = setInterval(() => void renew().catch(() => {}), renewalInterval(queue));
  try {
    const result = await perform(job.data, {
      signal: AbortSignal.any([signal, lost.signal]),
      onProgress: (latest) => {
        progress = latest;
      },
    });
    await renew();
    if (lost.signal.aborted) return log.warn({}, `${title}: cancelled, or given to another worker`);
    if (!result) return await queue.release(job);
    await queue.complete(job, result);
    log.info({ seconds: Math.round((performance.now() - since) / 100) / 10 }, `${title}: done`);
  } catch (error) {
    if (lost.signal.aborted) return log.warn({}, `${title}: cancelled, or given to another worker`);
    if (signal.aborted) return await queue.release(job);
    const reason = (error as Error).message;
    // These two are no fault of the job, which would fail as often as it may within seconds: another machine or a later time can do it.
    if (isErrorOf(error, 'BUCKET_AWAY')) {
      log.error({ reason }, `${title}: given back`);
      return await queue.release(job);
    }
    if (isErrorOf(error, 'WEIGHTS_ELSEWHERE')) {
      if (!refused.has(job.id)) log.error({ reason }, `${title}: left to other workers`);
      refused.add(job.id);
      await queue.release(job, { reason, seconds: refusalSeconds });
      return await pause(signal);
    }
    log.error({ reason }, `${title}: failed`);
    await queue.fail(job, error);
  } finally {
    clearInterval(renewing);
  }
}

/** Whether there is nothing left that this worker could do. */
async function isIdle(queue: Queue, refused: ReadonlySet<string>): Promise<boolean> {
  const jobs = await queue.list();
  return jobs.every(({ id, state }) => refused.has(id) || !isOpen(state));
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(pollMilliseconds, undefined, { signal }).catch(() => {});
}
