import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../progress';
import type { TrainingWatch } from '../training';
import { BatchNotFound, JobsCancelled, JobsFailed } from './errors';
import { isOpen, type JobState, type ListedJob, type Queue } from './queue';

/** Jobs that belong together: a sweep, a training, predictions. */
export interface Batch {
  readonly batch: string;
  readonly kind: ListedJob['job']['kind'];
  /** How many jobs are in each state. */
  readonly counts: Readonly<Record<JobState, number>>;
  /** How often jobs began anew: their workers were killed, or they failed. */
  readonly retries: number;
  /** How far the running ones are. */
  readonly running: readonly Progress[];
  /** Why jobs failed, each reason once. */
  readonly failures: readonly string[];
  /** Why workers left jobs that wait to others, each reason once. */
  readonly refusals: readonly string[];
}

/** Jobs by their batches, the oldest first. */
export function batchesOf(jobs: readonly ListedJob[]): Batch[] {
  const byBatch = new Map<string, ListedJob[]>();
  for (const job of jobs) byBatch.set(job.job.batch, [...(byBatch.get(job.job.batch) ?? []), job]);
  return [...byBatch].map(([batch, members]) => {
    const counts = { created: 0, retry: 0, active: 0, completed: 0, cancelled: 0, failed: 0 };
    for (const { state } of members) counts[state]++;
    const outputs = (state: JobState): unknown[] => members.flatMap((one) => (one.state === state && one.output ? [one.output] : []));
    const reasons = (state: JobState): string[] => [
      ...new Set(outputs(state).map((output) => (output as { readonly message?: string }).message ?? 'its workers were killed')),
    ];
    return {
      batch,
      kind: members[0]!.job.kind,
      counts,
      retries: members.reduce((sum, { retries }) => sum + retries, 0),
      running: outputs('active').filter(isProgress),
      failures: reasons('failed'),
      refusals: reasons('created'),
    };
  });
}

/** The output of a job that is tried again is still why it failed. */
function isProgress(output: unknown): output is Progress {
  return typeof (output as Progress).label === 'string';
}

/** Batches as rows of a table. */
export function batchRows(batches: readonly Batch[]): Readonly<Record<string, unknown>>[] {
  return batches.map(({ batch, kind, counts, retries, running }) => ({
    batch,
    kind,
    waiting: counts.created + counts.retry,
    running: counts.active,
    done: counts.completed,
    failed: counts.failed,
    cancelled: counts.cancelled,
    'begun anew': retries,
    now: running.map(({ label, done, total }) => `${label} ${done}/${total}`).join(', '),
  }));
}

/** Whether jobs of a batch wait or run. */
export function goesOn({ counts }: Pick<Batch, 'counts'>): boolean {
  return counts.created + counts.retry + counts.active > 0;
}

/**
 * Cancels what of a batch is not done; workers stop what they are at within a lease.
 *
 * @param name the batch's, or the end of it
 * @returns how many jobs there were
 * @throws BATCH_NOT_FOUND, JOBS_AWAY
 */
export async function cancelBatch(queue: Queue, name: string): Promise<{ readonly batch: string; readonly jobs: number }> {
  const jobs = await queue.list();
  const { batch } = theBatch(batchesOf(jobs).filter(goesOn), name);
  const open = jobs.filter(({ job, state }) => job.batch === batch && isOpen(state));
  await queue.cancel(open.map(({ id }) => id));
  return { batch, jobs: open.length };
}

/** The one of batches that a name, or the end of it, is of. @throws BATCH_NOT_FOUND */
export function theBatch(batches: readonly Batch[], name: string): Batch {
  const found = batches.filter(({ batch }) => batch === name || (name !== '' && batch.endsWith(name)));
  if (found.length === 1) return found[0]!;
  const known = found.length > 1 ? found : batches;
  throw BatchNotFound(
    name,
    known.map(({ batch }) => batch),
  );
}

const pollMilliseconds = 1000;

/** How to wait for a batch. */
export interface BatchWatch extends Pick<TrainingWatch, 'onProgress' | 'signal'> {
  /** Called each time that the jobs were looked at. @returns whether there is nothing to wait for; by default that no job is left */
  readonly look?: (batch: Batch) => Promise<boolean>;
  /** Shown instead of how many jobs are done. */
  readonly progress?: (batch: Batch) => Progress;
}

/**
 * Waits until the workers have done a batch. The signal only ends the waiting.
 *
 * @returns whether it is done
 * @throws JOBS_FAILED, JOBS_CANCELLED, JOBS_AWAY, and what `look` throws
 */
export async function waitForBatch(queue: Queue, name: string, { onProgress, signal, ...watch }: BatchWatch = {}): Promise<boolean> {
  const { look = async (batch) => !goesOn(batch), progress = progressOf } = watch;
  while (!signal?.aborted) {
    const [batch] = batchesOf(await queue.list(name));
    if (batch) {
      const isDone = await look(batch);
      onProgress?.(progress(batch));
      if (!goesOn(batch)) {
        if (batch.failures.length > 0) throw JobsFailed(name, batch.failures);
        if (batch.counts.cancelled > 0) throw JobsCancelled(name);
      }
      if (isDone) return true;
    }
    await sleep(pollMilliseconds, undefined, signal && { signal }).catch(() => {});
  }
  return false;
}

/** Of several jobs, how many are done; of one, how far it is. */
function progressOf(batch: Batch): Progress {
  const { counts, running } = batch;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (total === 1 && running[0]) return running[0];
  const activity = activityOf(batch);
  return { label: 'jobs', done: counts.completed, total, ...(activity && { note: activity }) };
}

/** What the workers are at, in words; nothing where all is over. */
export function activityOf({ counts, refusals }: Pick<Batch, 'counts' | 'refusals'>): string | undefined {
  if (counts.active > 0) return `${counts.active} running`;
  if (refusals.length > 0) return 'waiting for a worker that can do it: npm run jobs -- ls says what the others lack';
  return counts.created + counts.retry > 0 ? 'waiting for a worker: start one by npm run worker' : undefined;
}
