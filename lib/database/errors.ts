import { defineError } from '../errors';

export const DatabaseBusy = defineError(
  'DATABASE_BUSY',
  503,
  (folder: string, pid: number, host: string) =>
    `process ${pid} on ${host} has the database in ${folder} open: stop it, or set DATABASE_URL to a PostgreSQL database, which any number of servers share`,
);
export const DatabaseUnreadable = defineError(
  'DATABASE_UNREADABLE',
  503,
  (folder: string, reason: string) => `${folder} holds no database that can be opened (${reason}): move it away, and an empty one is made`,
);
export const BadDatabaseUrl = defineError(
  'BAD_DATABASE_URL',
  422,
  () => 'DATABASE_URL is no address of a PostgreSQL database: write postgres://user:password@host:5432/name, or unset it to use a folder',
);
