import pg from 'pg';

/** Classes of SQLSTATE (appendix A of PostgreSQL's manual) that speak of the row: bad data, a broken constraint, something too large. */
const aboutTheRow = new Set(['22', '23', '54']);

/** Drizzle's error repeats the whole query, with its values; the driver's own is beneath. */
export function causeOf(error: unknown): unknown {
  return error instanceof Error && error.name !== 'AggregateError' && error.cause instanceof Error && 'query' in error
    ? error.cause
    : error;
}

/**
 * Whether a failure is the row's fault, so that trying again cannot help. All others count as an absence of the database: a lost connection, a
 * shutdown, a full disk, tables that another server is making anew.
 */
export function isRefusal(error: unknown): boolean {
  const cause = causeOf(error);
  // What cannot even be put into words for the database, such as an invalid Date.
  if (cause instanceof TypeError || cause instanceof RangeError) return true;
  return cause instanceof pg.DatabaseError && aboutTheRow.has(cause.code?.slice(0, 2) ?? '');
}

/** A failure in one line, without the query's values. */
export function describeFailure(error: unknown): string {
  const cause = causeOf(error);
  // Node tries all addresses of a host, and collects what went wrong with each.
  if (cause instanceof AggregateError) return cause.errors.map(describeFailure).join('; ');
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
