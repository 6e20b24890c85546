import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { and, desc, eq, sql } from 'drizzle-orm';
import { type DatabaseLog, pgliteSource, postgresSource, waitUntilFree } from '../../database';
import type { Workspace } from '../../workspace';
import { openConnection } from './connection';
import { reserveIds } from './ids';
import { nextIds, resetSchema } from './migrate';
import { openPredictions, type Predictions, type Read, storable } from './predictions';
import type { MirroredVersion, NewCorrection, NewPrediction, StoredCorrection, StoredVersion } from './records';
import { corrections, predictions, versions } from './schema';
import { bufferedWriter } from './writer';

/** How the database is. */
export interface DatabaseHealth {
  readonly reachable: boolean;
  /** Why it cannot be reached. */
  readonly reason?: string;
  /** Rows that wait to be written. */
  readonly buffered: number;
  /** Rows that were lost because too many waited. */
  readonly dropped: number;
  /** Rows that were lost because the database would not have them. */
  readonly refused: number;
}

/**
 * The server's memory: predictions, corrections' audit, model versions. What is recorded waits in a buffer while the database is away, and is
 * written when it is back. Reading first writes what waits, so that one reads what one wrote; it throws DATABASE_AWAY.
 */
export interface Database {
  readonly kind: 'pglite' | 'postgresql';
  health(): DatabaseHealth;
  /** A number for a prediction; null when none is left because the database is away. */
  nextId(): number | null;
  /** Never throws, and waits for nothing. */
  record(prediction: NewPrediction): void;
  /** Writes what waits. @throws DATABASE_AWAY */
  flush(): Promise<void>;
  readonly predictions: Predictions;
  readonly corrections: {
    /** Never throws, and waits for nothing. */
    add(correction: NewCorrection): void;
    /** The latest first. */
    list(filter: { readonly task?: string; readonly sha256?: string; readonly limit: number }): Promise<StoredCorrection[]>;
  };
  readonly versions: {
    /** Writes how a task's versions are now, sooner or later. Never throws. */
    mirror(task: string, versions: readonly MirroredVersion[]): void;
    /** The newest first. */
    list(task: string): Promise<StoredVersion[]>;
  };
  /** Empties the database, of what waits too, and makes its tables anew. @throws DATABASE_AWAY */
  reset(): Promise<void>;
  /** Writes what waits, for some seconds if need be; what cannot be written is lost, and the log says so. Then closes the database. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly workspace: Workspace;
  /** Where a PostgreSQL database is; without it the workspace's folder is used. */
  readonly url?: string | undefined;
  readonly log: DatabaseLog;
  /** So many predictions wait at most while the database is away. */
  readonly capacity?: number;
  /** So long `close` tries to write what waits, in ms. */
  readonly closeWithin?: number;
}

/** A database that is there answers sooner; the server need not wait for the others. */
const patienceMilliseconds = 2_000;

/**
 * Opens PostgreSQL, or the workspace's folder without an address, and brings the tables up to date. A database that is away is no error: it is
 * connected to when it is back.
 *
 * @throws BAD_DATABASE_URL; DATABASE_BUSY when another server has the folder open
 */
export async function openDatabase({ workspace, url, log, capacity = 10_000, closeWithin = 5_000 }: DatabaseOptions): Promise<Database> {
  if (!url) await waitUntilFree(workspace.database);
  const source = url ? postgresSource(url) : pgliteSource(workspace.root, workspace.database, log);
  const migrations = path.join(workspace.root, 'lib', 'server', 'database', 'migrations');

  const predictionWriter = bufferedWriter<typeof predictions.$inferInsert>({ what: 'prediction', capacity, log, write: writePredictions });
  const correctionWriter = bufferedWriter<typeof corrections.$inferInsert>({
    what: 'correction',
    capacity,
    log,
    write: async (rows) => {
      await connection.run(({ database }) => database.insert(corrections).values(rows).onConflictDoNothing());
    },
  });
  const versionWriter = bufferedWriter<typeof versions.$inferInsert>({ what: 'version', capacity, log, write: writeVersions });
  const writers = [predictionWriter, correctionWriter, versionWriter];
  const ids = reserveIds((count) => connection.run(({ database }) => nextIds(database, count)));
  const connection = openConnection({
    source,
    migrations,
    log,
    onReachable: () => {
      ids.refill();
      flush().catch(() => {}); // whatever stopped it is logged, and tried again
    },
  });

  async function flush(): Promise<void> {
    await Promise.all(writers.map((writer) => writer.flush()));
  }

  const read: Read = async (query) => {
    await flush();
    return connection.run(({ database }) => query(database));
  };

  /** The same row twice is the same prediction: its numbers are given before it is written, and kept when that has to be done again. */
  async function writePredictions(rows: (typeof predictions.$inferInsert)[]): Promise<void> {
    await connection.run(async ({ database }) => {
      const unnumbered = rows.filter((row) => row.id === undefined);
      const numbers = unnumbered.length > 0 ? await nextIds(database, unnumbered.length) : [];
      for (const [index, row] of unnumbered.entries()) row.id = numbers[index]!;
      await database.insert(predictions).values(rows).onConflictDoNothing();
    });
  }

  async function writeVersions(rows: (typeof versions.$inferInsert)[]): Promise<void> {
    // A statement may not change one row twice: of each version the last state counts.
    const latest = [...new Map(rows.map((row) => [JSON.stringify([row.task, row.run]), row])).values()];
    const { state, reason, createdAt, mirroredAt, details } = versions;
    const set = Object.fromEntries(
      Object.entries({ state, reason, createdAt, mirroredAt, details }).map(([name, column]) => [
        name,
        sql`excluded.${sql.identifier(column.name)}`,
      ]),
    );
    await connection.run(({ database }) =>
      database
        .insert(versions)
        .values(latest)
        .onConflictDoUpdate({ target: [versions.task, versions.run], set }),
    );
  }

  function buffered(): number {
    return writers.reduce((sum, writer) => sum + writer.counts().buffered, 0);
  }

  /** Ends when nothing waits any more, or never. */
  async function drain(): Promise<void> {
    while (buffered() > 0) {
      await connection.whenReachable();
      await flush().catch(() => {});
    }
  }

  await Promise.race([connection.whenReachable(), sleep(patienceMilliseconds, undefined, { ref: false })]);
  return {
    kind: source.kind,
    health() {
      const counts = writers.map((writer) => writer.counts());
      const sum = (name: 'dropped' | 'refused') => counts.reduce((total, one) => total + one[name], 0);
      return { ...connection.state(), buffered: buffered(), dropped: sum('dropped'), refused: sum('refused') };
    },
    nextId: () => ids.take(),
    record({ id, other, ...rest }) {
      predictionWriter.add({
        ...rest,
        filename: storable(rest.filename),
        ...(id !== null && { id }),
        ...(other && { other }),
      });
    },
    flush,
    predictions: openPredictions(read),
    corrections: {
      add(correction) {
        correctionWriter.add({ ...correction, key: randomUUID() });
      },
      list({ task, sha256, limit }) {
        const matches = and(
          task === undefined ? undefined : eq(corrections.task, task),
          sha256 === undefined ? undefined : eq(corrections.sha256, sha256),
        );
        return read(async (database) => {
          const rows = await database
            .select()
            .from(corrections)
            .where(matches)
            .orderBy(desc(corrections.createdAt), desc(corrections.id))
            .limit(limit);
          return rows.map(({ key: _, ...row }) => row);
        });
      },
    },
    versions: {
      mirror(task, mirrored) {
        const mirroredAt = new Date();
        for (const version of mirrored) {
          const { run, state, reason = null, createdAt } = version;
          versionWriter.add({ task, run, state, reason, createdAt: new Date(createdAt), mirroredAt, details: version });
        }
      },
      list: (task) =>
        read(async (database) =>
          database.select().from(versions).where(eq(versions.task, task)).orderBy(desc(versions.createdAt), desc(versions.run)),
        ),
    },
    async reset() {
      await flush();
      await connection.run(({ pool }) => resetSchema(pool, migrations));
    },
    async close() {
      await Promise.race([drain(), sleep(closeWithin, undefined, { ref: false })]);
      const lost = buffered();
      if (lost > 0)
        log.error({ lost, reason: connection.state().reason }, 'rows are lost: the database did not come back in time to write them');
      await connection.close();
    },
  };
}
