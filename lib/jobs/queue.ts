import PgBoss from 'pg-boss';
import { type DatabaseLog, describeFailure, hasDatabase } from '../database';
import type { Progress } from '../progress';
import type { Workspace } from '../workspace';
import { BadLease, JobsAway } from './errors';
import { type Job, jobId } from './job';
import { openStatements } from './statements';

const name = 'jobs';
const schema = 'visionbook_jobs';
/** A job whose worker was killed, or that failed, is tried again so many times. */
const retryLimit = 3;
/** Seconds before a job that failed is tried again: time for another machine to take it. */
const retryDelay = 2;
/** So many times in its lease a job is renewed, and looked for jobs whose lease has ended. */
const renewals = 4;
/** Jobs that are over are kept so long, to be listed. */
const keepSeconds = 7 * 24 * 3600;

export type JobState = keyof PgBoss.JobStates;

/** Whether a job in this state waits or runs. */
export function isOpen(state: JobState): boolean {
  return state === 'created' || state === 'retry' || state === 'active';
}

/** A job as the queue has it; that of predictions without its files. */
export interface ListedJob {
  readonly id: string;
  readonly job: { readonly kind: Job['kind']; readonly batch: string };
  readonly state: JobState;
  /** How often it began anew. */
  readonly retries: number;
  /** How far a running one is; what became of one that is over; why workers left one that waits to others. */
  readonly output: unknown;
}

/** A job that this process is to do. */
export interface TakenJob {
  readonly id: string;
  /** Unchecked: another version of the project may have sent it. */
  readonly data: unknown;
  readonly retryCount: number;
}

/** Why a worker left a job to others, and for how many seconds it rests. */
export interface Refusal {
  readonly reason: string;
  readonly seconds: number;
}

/** The jobs that are to do, in a database that any number of workers share. Every method throws JOBS_AWAY. */
export interface Queue {
  readonly kind: 'pglite' | 'postgresql';
  /** Seconds after which a silent worker's job goes to another. */
  readonly lease: number;
  /** The database's time, which clocks of machines need not agree with. */
  now(): Promise<string>;
  /**
   * Adds jobs, those with the highest priority first to be done. One that is there already stays as it is, unless it is done: then it is to do again.
   *
   * @param doneBefore a time of the database: what was done later stays done, since the sender may not have known
   */
  send(jobs: readonly { readonly job: Job; readonly priority?: number }[], doneBefore?: string): Promise<void>;
  /** The next job, which is this process' for a lease. */
  take(): Promise<TakenJob | undefined>;
  /** Prolongs the lease, and notes how far the job is. @returns whether the job is still this process' */
  renew(job: TakenJob, progress?: Progress): Promise<boolean>;
  /** Gives a job back that was not done, as if it had not been begun. Whoever cannot do it says why, and keeps others from asking for it at once. */
  release(job: TakenJob, refusal?: Refusal): Promise<void>;
  complete(job: TakenJob, result: object): Promise<void>;
  /** Notes why a job failed; it is tried again, but not for ever. */
  fail(job: TakenJob, error: unknown): Promise<void>;
  /** Jobs of a batch, or all, the oldest first. */
  list(batch?: string): Promise<ListedJob[]>;
  /** Takes jobs out; the workers that do them stop. */
  cancel(ids: readonly string[]): Promise<void>;
  /** Removes a batch's jobs that failed or were cancelled, so that they can be sent again. */
  forget(batch: string): Promise<void>;
  close(): Promise<void>;
}

export interface QueueOptions {
  readonly workspace: Workspace;
  readonly log: DatabaseLog;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens the queue, in the PostgreSQL database of `DATABASE_URL` or in a folder, and makes its tables where they are missing. It is pg-boss, whose leases are
 * made short here, and renewed: a killed worker's job is taken up within seconds, however long it takes.
 *
 * @throws BAD_DATABASE_URL, BAD_LEASE, JOBS_AWAY
 */
export async function openQueue({ workspace, log, env = process.env }: QueueOptions): Promise<Queue> {
  const lease = leaseOf(env);
  const statements = openStatements(workspace, env.DATABASE_URL, log);
  const boss = new PgBoss({
    db: statements as PgBoss.Db,
    schema,
    schedule: false,
    maintenanceIntervalSeconds: Math.max(1, Math.floor(lease / renewals)),
    archiveCompletedAfterSeconds: keepSeconds,
  });
  boss.on('error', (error) => log.warn({ reason: describeFailure(error) }, 'the queue could not be looked after'));
  try {
    await boss.start();
    await boss.createQueue(name);
  } catch (error) {
    await statements.close();
    throw error instanceof Error && 'status' in error ? error : JobsAway(describeFailure(error));
  }
  /** Of a job that is still held by whoever took it then: one that was given to another has been tried once more. */
  const held = `name = '${name}' and id = $1 and retry_count = $2 and state = 'active'`;
  const { executeSql } = statements;
  return {
    kind: statements.kind,
    lease,
    async now() {
      const { rows } = await executeSql<{ now: string }>('select clock_timestamp()::text as now');
      return rows[0]!.now;
    },
    async send(jobs, doneBefore) {
      if (jobs.length === 0) return;
      const rows = jobs.map(({ job, priority = 0 }) => ({
        id: jobId(job),
        name,
        data: job,
        priority,
        retryLimit,
        retryDelay,
        expireInSeconds: lease,
      }));
      const done = `delete from ${schema}.job where name = '${name}' and id = any($1::uuid[]) and state = 'completed'
        and ($2::timestamptz is null or completed_on < $2)`;
      await executeSql(done, [rows.map(({ id }) => id), doneBefore ?? null]);
      await boss.insert(rows);
    },
    async take() {
      const [job] = await boss.fetch(name, { includeMetadata: true });
      return job;
    },
    async renew({ id, retryCount }, progress) {
      const values = [id, retryCount, lease, JSON.stringify(progress ?? null)];
      const set = `started_on = now(), expire_in = $3 * interval '1 second', output = $4::jsonb`;
      const { rows } = await executeSql(`update ${schema}.job set ${set} where ${held} returning id`, values);
      return rows.length > 0;
    },
    async release({ id, retryCount }, refusal) {
      const values = [id, retryCount, refusal?.seconds ?? 0, refusal ? JSON.stringify({ message: refusal.reason }) : null];
      const set = `state = 'created', started_on = null, start_after = now() + $3 * interval '1 second', output = $4::jsonb`;
      await executeSql(`update ${schema}.job set ${set} where ${held}`, values);
    },
    complete: ({ id }, result) => boss.complete(name, id, result),
    fail: ({ id }, error) => boss.fail(name, id, { message: describeFailure(error) }),
    async list(batch) {
      const { rows } = await executeSql<ListedJob>(
        `select id, data - 'files' - 'contents' - 'settings' as job, state, retry_count as retries, output from ${schema}.job
         where name = '${name}' and ($1::text is null or data->>'batch' = $1) order by created_on, id`,
        [batch ?? null],
      );
      return rows;
    },
    cancel: (ids) => boss.cancel(name, [...ids]),
    async forget(batch) {
      const over = `delete from ${schema}.job where name = '${name}' and data->>'batch' = $1 and state in ('failed', 'cancelled')`;
      await executeSql(over, [batch]);
    },
    async close() {
      await boss.stop({ graceful: false });
      await statements.close();
    },
  };
}

/**
 * How many jobs of a batch wait or run, for whoever needs no queue: a database that is not there is not made, nor are its tables.
 *
 * @throws BAD_DATABASE_URL, JOBS_AWAY
 */
export async function countOpenJobs({ workspace, log, env = process.env }: QueueOptions, batch: string): Promise<number> {
  if (!env.DATABASE_URL && !hasDatabase(workspace.jobs)) return 0;
  const statements = openStatements(workspace, env.DATABASE_URL, log);
  try {
    const { rows: tables } = await statements.executeSql<{ isThere: boolean }>(
      `select to_regclass('${schema}.job') is not null as "isThere"`,
    );
    if (!tables[0]!.isThere) return 0;
    const { rows } = await statements.executeSql<{ count: number }>(
      `select count(*)::int as count from ${schema}.job where name = '${name}' and data->>'batch' = $1 and state <= 'active'`,
      [batch],
    );
    return rows[0]!.count;
  } finally {
    await statements.close();
  }
}

/** Longer than any step of a training that keeps the process from renewing it, on a computer that is busy too. */
const defaultLease = 30;

function leaseOf({ VISIONBOOK_JOB_LEASE: wanted }: Readonly<Record<string, string | undefined>>): number {
  if (!wanted) return defaultLease;
  const seconds = Number(wanted);
  if (!(seconds >= 3)) throw BadLease(wanted);
  return seconds;
}

/** How often a job in hand is renewed, in ms. */
export function renewalInterval({ lease }: Pick<Queue, 'lease'>): number {
  return (1000 * lease) / renewals;
}
