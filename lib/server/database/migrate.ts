import { sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import type pg from 'pg';
import { schemaName } from './schema';

/** Any number that no other program locks: "visionbo" in ASCII. */
const lockKey = '8532477865708380783';
const idSequence = `${schemaName}.predictions_id_seq`;

/** Brings the tables to this version's schema. Servers that start at once do so one after the other. */
export async function migrateSchema(pool: pg.Pool, folder: string): Promise<void> {
  await oneAtATime(pool, (database) => runMigrations(database, folder));
}

/** Drops the tables with all that is in them and makes them anew. Numbers go on from where they were: some may be reserved already. */
export async function resetSchema(pool: pg.Pool, folder: string): Promise<void> {
  await oneAtATime(pool, async (database) => {
    const [lastId] = await nextIds(database, 1);
    await database.execute(sql`drop schema ${sql.identifier(schemaName)} cascade`);
    await runMigrations(database, folder);
    await database.execute(sql`select setval(${idSequence}, ${lastId!}::bigint)`);
  });
}

/** Numbers for predictions that nobody else gets. */
export async function nextIds(database: NodePgDatabase, count: number): Promise<number[]> {
  const { rows } = await database.execute<{ id: string }>(sql`select nextval(${idSequence}) as id from generate_series(1, ${count}::int)`);
  return rows.map(({ id }) => Number(id));
}

function runMigrations(database: NodePgDatabase, folder: string): Promise<void> {
  return migrate(database, { migrationsFolder: folder, migrationsSchema: schemaName, migrationsTable: 'migrations' });
}

async function oneAtATime(pool: pg.Pool, work: (database: NodePgDatabase) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [lockKey]);
    await work(drizzle(client));
    await client.query('select pg_advisory_unlock($1)', [lockKey]);
    client.release();
  } catch (error) {
    // Closing the connection gives the lock back, whatever went wrong.
    client.release(true);
    throw error;
  }
}
