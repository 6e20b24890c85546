import pg from 'pg';
import { BadDatabaseUrl } from './errors';

/** Where a PostgreSQL server is to be found, and what it takes to have one there. */
export interface Source {
  readonly kind: 'pglite' | 'postgresql';
  /** So many connections at most. */
  readonly connections: number;
  /** Called before each attempt to connect. @returns where to connect to */
  start(): Promise<pg.ClientConfig>;
  stop(): Promise<void>;
}

/**
 * A server that runs anyway.
 *
 * @throws BAD_DATABASE_URL
 */
export function postgresSource(url: string): Source {
  if (!/^postgres(ql)?:\/\//.test(url)) throw BadDatabaseUrl();
  const config = { connectionString: url };
  try {
    new pg.Client(config);
  } catch {
    // The driver's error may repeat the password.
    throw BadDatabaseUrl();
  }
  return { kind: 'postgresql', connections: 10, start: async () => config, stop: async () => {} };
}
