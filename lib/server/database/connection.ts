import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { type DatabaseLog, describeFailure, isRefusal, type Source } from '../../database';
import { DatabaseAway } from './errors';
import { migrateSchema } from './migrate';

/** What a query works with. */
export interface Session {
  readonly database: NodePgDatabase;
  readonly pool: pg.Pool;
}

/** A connection that comes back by itself. */
export interface Connection {
  /** `reason`: why the database cannot be reached. */
  state(): { readonly reachable: boolean; readonly reason?: string };
  /**
   * Runs a query, or several.
   *
   * @throws DATABASE_AWAY; the driver's error when the database would not have the values
   */
  run<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
  /** Resolves when the database is reachable: now, or when it is back. */
  whenReachable(): Promise<void>;
  /** Ends the connections and what the source started. */
  close(): Promise<void>;
}

export interface ConnectionOptions {
  readonly source: Source;
  /** The folder of migrations. */
  readonly migrations: string;
  readonly log: DatabaseLog;
  /** Called each time the database has become reachable. */
  readonly onReachable: () => void;
}

const connectMilliseconds = 5_000;
/** The slowest query reads an index or counts a table; one that takes longer than this will not end. */
const queryMilliseconds = 30_000;
const firstPause = 250;
const longestPause = 15_000;
/** Whoever still runs a query when the connection is closed gets so long. */
const farewellMilliseconds = 2_000;

/** Connects in the background, brings the tables up to date, and does so again whenever the connection is lost. */
export function openConnection({ source, migrations, log, onReachable }: ConnectionOptions): Connection {
  let session: Session | undefined;
  let reason = 'connecting';
  /** In a row; a connection that is lost at once counts as one that failed. */
  let failures = 0;
  let connectedAt = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let attempt: Promise<void> = connect();
  let waiters: (() => void)[] = [];

  async function connect(): Promise<void> {
    let pool: pg.Pool | undefined;
    try {
      const opened = openPool(await source.start(), source.connections);
      pool = opened;
      const next = { pool: opened, database: drizzle(opened) };
      // Without a listener a lost connection would end the process; an idle one tells it here first.
      opened.on('error', (error) => lose(next, error));
      opened.on('connect', (client) => client.on('error', (error) => lose(next, error)));
      await migrateSchema(opened, migrations);
      if (isClosed) return await endPool(opened);
      session = next;
      connectedAt = performance.now();
      log.info({ kind: source.kind }, 'the database is reachable');
      for (const resolve of waiters) resolve();
      waiters = [];
      onReachable();
    } catch (error) {
      if (pool) void endPool(pool);
      failed(error);
    }
  }

  /** Notes why, and tries again: soon, then at longer and longer intervals. */
  function failed(error: unknown): void {
    if (isClosed) return;
    const why = describeFailure(error);
    // One line for each new reason: a database that is away all night fills no disk.
    if (failures === 0 || why !== reason) log.error({ kind: source.kind, reason: why }, 'the database cannot be reached; trying on');
    reason = why;
    tryAgain();
  }

  function lose(lost: Session, error: unknown): void {
    if (session !== lost || isClosed) return;
    session = undefined;
    if (performance.now() - connectedAt > longestPause) failures = 0;
    reason = describeFailure(error);
    log.warn({ kind: source.kind, reason }, 'the connection to the database is lost');
    void endPool(lost.pool);
    tryAgain();
  }

  function tryAgain(): void {
    // The random half keeps servers that lost the same database from coming back in step.
    const pause = Math.min(longestPause, firstPause * 2 ** failures) * (0.5 + Math.random() / 2);
    failures++;
    timer = setTimeout(() => {
      attempt = connect();
    }, pause);
  }

  return {
    state: () => (session ? { reachable: true } : { reachable: false, reason }),
    async run(work) {
      for (;;) {
        const used = session;
        if (!used) throw DatabaseAway(reason);
        try {
          return await work(used);
        } catch (error) {
          if (isRefusal(error)) throw error;
          lose(used, error);
          // What waited for a connection that was lost may hear of it when there is a new one already. Doing it again changes nothing, see `write`.
          if (!session) throw DatabaseAway(describeFailure(error));
        }
      }
    },
    whenReachable: () => (session ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
    async close() {
      isClosed = true;
      clearTimeout(timer);
      if (session) await endPool(session.pool);
      session = undefined;
      reason = 'closed';
      await source.stop();
      // One that is under way ends when it sees that it is not wanted any more.
      await Promise.race([attempt, sleep(connectMilliseconds, undefined, { ref: false })]);
    },
  };
}

function openPool(config: pg.ClientConfig, max: number): pg.Pool {
  return new pg.Pool({
    ...config,
    max,
    // One is kept open: it notices when the database goes.
    min: 1,
    connectionTimeoutMillis: connectMilliseconds,
    query_timeout: queryMilliseconds,
    keepAlive: true,
    application_name: 'visionbook',
  });
}

/** Ends a pool; what a broken connection has to say about it is of no use. */
async function endPool(pool: pg.Pool): Promise<void> {
  await Promise.race([pool.end().catch(() => {}), sleep(farewellMilliseconds, undefined, { ref: false })]);
}
