import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DatabaseBusy, type DatabaseLog, describeFailure, findHolder, pgliteSource, postgresSource, type Source } from '../database';
import { inTurn } from '../lock';
import type { Workspace } from '../workspace';
import { JobsAway } from './errors';

/** Runs statements one after another, on one connection: that is enough for a worker, and a hundred of them are a hundred connections. */
export interface Statements {
  readonly kind: Source['kind'];
  /** @throws JOBS_AWAY; the database's own error where it answered with one */
  executeSql<Row>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
  close(): Promise<void>;
}

const pollMilliseconds = 100;
/** A connection that was lost is tried again for so long; a database that is made for the first time takes longer on a busy computer. */
const patienceMilliseconds = 10_000;
const firstPatienceMilliseconds = 60_000;

/**
 * The database of the jobs: PostgreSQL, or PGlite in a folder of the workspace, which processes of one computer share. Connects with the first statement,
 * and again when the connection is lost.
 *
 * @throws BAD_DATABASE_URL
 */
export function openStatements({ root, jobs: folder }: Workspace, url: string | undefined, log: DatabaseLog): Statements {
  const source = url ? postgresSource(url) : sharedFolder(root, folder, log);
  let connecting: Promise<pg.Pool> | undefined;
  /** A server that was never there may be a wrong address; in a folder the process that had it open may just have gone. */
  let isPatient = source.kind === 'pglite';
  let isClosed = false;

  async function connect(): Promise<pg.Pool> {
    const pool = new pg.Pool({
      ...(await source.start()),
      max: 1,
      connectionTimeoutMillis: patienceMilliseconds,
      query_timeout: 3 * patienceMilliseconds,
      keepAlive: true,
      application_name: 'visionbook jobs',
    });
    pool.on('error', () => {}); // the next statement hears of it
    return pool;
  }

  async function disconnect(lost: Promise<pg.Pool> | undefined): Promise<void> {
    if (connecting === lost) connecting = undefined;
    await lost?.then((pool) => pool.end()).catch(() => {});
  }

  /** PGlite has one session: the messages of two connections must not mix in it. */
  function query(pool: pg.Pool, text: string, values: unknown[] | undefined): Promise<pg.QueryResult> {
    if (source.kind === 'postgresql') return pool.query(text, values);
    const busy = (): Error => JobsAway('another process has kept it busy for half a minute');
    return inTurn(path.join(folder, 'statement'), { busy, work: () => pool.query(text, values) });
  }

  return {
    kind: source.kind,
    async executeSql<Row>(text: string, values?: unknown[]) {
      for (const since = performance.now(); ; await sleep(pollMilliseconds)) {
        connecting ??= connect();
        const used = connecting;
        try {
          const result = await query(await used, text, values);
          isPatient = true;
          return result as { rows: Row[] };
        } catch (error) {
          if (isAnswer(error)) throw error;
          void disconnect(used);
          if (isClosed || !isPatient || performance.now() - since > patienceMilliseconds) throw JobsAway(describeFailure(error));
        }
      }
    },
    async close() {
      isClosed = true;
      await disconnect(connecting);
      await source.stop();
    },
  };
}

/** Whether the database answered, if only with an error. SQLSTATE class 57 says that it is shutting down, or starting. */
function isAnswer(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !error.code?.startsWith('57');
}

/** A folder's PGlite: the process that comes first has it open, and those that come later speak to that one. When it ends, the next takes its place. */
function sharedFolder(root: string, folder: string, log: DatabaseLog): Source {
  const own = pgliteSource(root, folder, log);
  return {
    ...own,
    async start() {
      for (const since = performance.now(); ; await sleep(pollMilliseconds)) {
        const holder = await findHolder(folder);
        if (holder && holder.process.host !== os.hostname()) throw DatabaseBusy(folder, holder.server, holder.process.host);
        if (holder?.address) return { ...holder.address, user: 'postgres', database: 'postgres' };
        try {
          if (!holder) return await own.start();
        } catch (error) {
          if (!(await findHolder(folder))) throw error; // else another process was faster
        }
        if (performance.now() - since > firstPatienceMilliseconds) throw JobsAway('the process that has its folder open does not answer');
      }
    },
  };
}
