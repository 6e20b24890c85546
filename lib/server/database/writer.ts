import { type DatabaseLog, describeFailure, isRefusal } from '../../database';

/** Rows that wait to be written. */
export interface BufferedWriter<Row> {
  /** Takes a row; it is written a moment later. Never throws. */
  add(row: Row): void;
  /** Writes all rows that wait. @throws DATABASE_AWAY, or what else stopped it: the rows then still wait */
  flush(): Promise<void>;
  counts(): WriterCounts;
}

export interface WriterCounts {
  readonly buffered: number;
  /** Lost because the buffer was full. */
  readonly dropped: number;
  /** Lost because the database would not have them. */
  readonly refused: number;
}

export interface WriterOptions<Row> {
  /** What the log calls a row. */
  readonly what: string;
  /** So many rows wait at most; then the oldest makes room for the newest. */
  readonly capacity: number;
  /** Writes rows at once or not at all; writing the same rows again must change nothing, for the answer to a commit can be lost. */
  readonly write: (rows: Row[]) => Promise<void>;
  readonly log: DatabaseLog;
}

/** PostgreSQL takes 65,535 values in a statement; this many rows are written as fast each as any more are. */
const rowsPerStatement = 500;
/** Rows wait so long for company. */
const waitMilliseconds = 100;

/** A buffer in front of a table: rows are written in their order and in batches, one batch at a time. */
export function bufferedWriter<Row>({ what, capacity, write, log }: WriterOptions<Row>): BufferedWriter<Row> {
  let waiting: Row[] = [];
  let inFlight: Row[] = [];
  let dropped = 0;
  let refused = 0;
  let flushing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  function makeRoom(): void {
    const surplus = waiting.length - capacity;
    if (surplus <= 0) return;
    waiting.splice(0, surplus);
    if (dropped === 0)
      log.error(
        { capacity },
        `the database has been away for so long that ${what}s are being lost: the oldest of those that wait go first`,
      );
    dropped += surplus;
  }

  async function writeAll(): Promise<void> {
    try {
      while (waiting.length > 0) {
        inFlight = waiting.splice(0, rowsPerStatement);
        await writeOrRefuse(inFlight);
      }
    } finally {
      waiting = [...inFlight, ...waiting];
      inFlight = [];
      makeRoom();
      // Here, and not in a later microtask: a row that comes in between would be left out of the flush that is to write it.
      flushing = undefined;
    }
  }

  /** Finds rows that the database refuses by halving the batch, and leaves them out: they would hold up the others for ever. */
  async function writeOrRefuse(rows: Row[]): Promise<void> {
    try {
      await write(rows);
      inFlight = inFlight.slice(rows.length);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (rows.length === 1) {
        inFlight = inFlight.slice(1);
        refused++;
        log.error({ reason: describeFailure(error) }, `the database refuses a ${what}: it is lost`);
        return;
      }
      const half = Math.ceil(rows.length / 2);
      await writeOrRefuse(rows.slice(0, half));
      await writeOrRefuse(rows.slice(half));
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length > 0) flushing ??= writeAll();
    return flushing ?? Promise.resolve();
  }

  return {
    add(row) {
      waiting.push(row);
      makeRoom();
      // Whoever asked for this flush is not there to hear of a failure; the connection logs it, and flushes when the database is back.
      timer ??= setTimeout(() => flush().catch(() => {}), waitMilliseconds).unref();
    },
    flush,
    counts: () => ({ buffered: waiting.length + inFlight.length, dropped, refused }),
  };
}
