import { describe, expect, it } from 'vitest';
import { bufferedWriter } from '../lib/server/database/writer';
import { collectLog } from './server.database.fixtures';

/** A writer to a table that is a list; `refuses` and `away` say what it does not take. */
function open({ capacity = 10_000, refuses = (_row: number): boolean => false } = {}) {
  const table = { batches: [] as number[][], isAway: false, writing: 0, mostWriting: 0 };
  const log = collectLog();
  const writer = bufferedWriter<number>({
    what: 'row',
    capacity,
    log,
    async write(rows) {
      table.writing++;
      table.mostWriting = Math.max(table.mostWriting, table.writing);
      await new Promise((resolve) => setTimeout(resolve, 1));
      table.writing--;
      if (table.isAway) throw new Error('connection lost');
      if (rows.some(refuses)) throw new RangeError('no such time');
      table.batches.push(rows);
    },
  });
  return { table, log, writer };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('the buffer in front of a table', () => {
  it('writes rows by itself a moment after they came, all that came meanwhile at once', async () => {
    const { table, writer } = open();
    for (const row of upTo(20)) writer.add(row);
    expect(table.batches).toEqual([]);
    await expect.poll(() => table.batches).toEqual([upTo(20)]);
    expect(writer.counts()).toEqual({ buffered: 0, dropped: 0, refused: 0 });
  });

  it('writes in order, at most 500 rows at once and one batch at a time, whoever asks for it', async () => {
    const { table, writer } = open();
    const flushes: Promise<void>[] = [];
    for (const row of upTo(1234)) {
      writer.add(row);
      if (row % 100 === 0) flushes.push(writer.flush());
    }
    await Promise.all([...flushes, writer.flush()]);
    expect(table.batches.flat()).toEqual(upTo(1234));
    expect(Math.max(...table.batches.map((batch) => batch.length))).toBe(500);
    expect(table.mostWriting).toBe(1);
  });

  it('has written a row when the flush that was asked for after it ends, though another flush ends just then', async () => {
    const { table, writer } = open();
    writer.add(0);
    const flush = writer.flush();
    // In the same turn as the other's end, whatever it does then.
    const next = Promise.race([flush]).then(() => {
      writer.add(1);
      return writer.flush();
    });
    writer.flush().then(() => writer.add(2));
    await next;
    expect(table.batches.flat().sort()).toEqual([0, 1, 2]);
  });

  it('keeps rows in order while the table is away', async () => {
    const { table, writer } = open();
    for (const row of upTo(600)) writer.add(row);
    await writer.flush();
    table.isAway = true;
    for (const row of upTo(700)) writer.add(600 + row);
    await expect(writer.flush()).rejects.toThrow('connection lost');
    writer.add(1300);
    expect(writer.counts().buffered).toBe(701);
    table.isAway = false;
    await writer.flush();
    expect(table.batches.flat()).toEqual(upTo(1301));
  });

  it('drops the oldest when it is full, also of those that were being written, and says so once', async () => {
    const { table, writer, log } = open({ capacity: 100 });
    table.isAway = true;
    for (const row of upTo(100)) writer.add(row);
    const flush = writer.flush();
    for (const row of upTo(50)) writer.add(100 + row);
    await expect(flush).rejects.toThrow('connection lost');
    expect(writer.counts()).toEqual({ buffered: 100, dropped: 50, refused: 0 });
    expect(log.lines).toHaveLength(1);
    table.isAway = false;
    await writer.flush();
    expect(table.batches.flat()).toHaveLength(100);
  });

  it.each([
    ['the first', [0]],
    ['the last of a batch', [499]],
    ['neighbours', [0, 1, 2]],
    ['some here and there', [7, 250, 251, 499, 500]],
    ['all', upTo(600)],
  ])('leaves out rows that are refused, and only those: %s', async (_, bad) => {
    const { table, writer, log } = open({ refuses: (row) => bad.includes(row) });
    for (const row of upTo(600)) writer.add(row);
    await writer.flush();
    expect(table.batches.flat()).toEqual(upTo(600).filter((row) => !bad.includes(row)));
    expect(writer.counts()).toEqual({ buffered: 0, dropped: 0, refused: bad.length });
    expect(log.lines).toHaveLength(bad.length);
  });
});
