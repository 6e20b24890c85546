import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '../lib/experiments/process';
import { openDatabase } from '../lib/server/database';
import type { Workspace } from '../lib/workspace';
import { temporaryWorkspace } from './data.fixtures';
import { backends, collectLog, openFor, pgliteProcess, prediction, reachable } from './server.database.fixtures';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const away = { code: 'DATABASE_AWAY', status: 503 };

for (const backend of backends()) {
  describe.skipIf(backend.missing)(`while ${backend.name} is away${backend.missing ? `: ${backend.missing}` : ''}`, () => {
    it('takes predictions, refuses to read, says why, and writes everything when it is back', async () => {
      const log = collectLog();
      const place = await backend.create();
      const database = await openFor(place, { log });
      await reachable(database);
      await expect.poll(() => database.nextId()).not.toBeNull();
      database.record(prediction(1));
      await database.flush();
      await place.goAway();
      await expect.poll(() => database.health()).toMatchObject({ reachable: false, reason: expect.stringMatching(/./) });

      const started = performance.now();
      const ids = range(1200).map(() => database.nextId());
      for (const [index, id] of ids.entries()) database.record(prediction(index + 2, { id }));
      expect(performance.now() - started).toBeLessThan(1000);
      database.corrections.add({ task: 'food', sha256: '1', labels: [1, 0, 0], action: 'added', predictionId: 1, createdAt: new Date() });
      expect(ids[0]).not.toBeNull();
      expect(ids.at(-1)).toBeNull();
      expect(database.health()).toMatchObject({ buffered: 1201 });
      await expect(database.predictions.list({ limit: 1 })).rejects.toMatchObject(away);
      await expect(database.predictions.get(1)).rejects.toMatchObject(away);
      await expect(database.flush()).rejects.toMatchObject(away);
      await expect(database.reset()).rejects.toMatchObject(away);

      await place.comeBack();
      await reachable(database);
      await expect.poll(() => database.health().buffered, { timeout: 30_000 }).toBe(0);
      const { total, predictions } = await database.predictions.list({ limit: 1 });
      expect(total).toBe(1201);
      expect(predictions).toMatchObject([{ filename: 'picture 1201.jpg' }]);
      await expect.poll(() => database.nextId()).not.toBeNull();
      expect(log.lines.map(({ message }) => message)).toEqual(
        expect.arrayContaining(['the connection to the database is lost', 'the database is reachable']),
      );
    });

    it('starts all the same, and makes its tables when it comes', async () => {
      const place = await backend.create();
      const before = await openFor(place);
      await reachable(before);
      await place.goAway();
      await before.close();
      const started = performance.now();
      const database = await openFor(place);
      expect(performance.now() - started).toBeLessThan(4000);
      expect(database.health().reachable).toBe(false);
      database.record(prediction(1));
      await place.comeBack();
      await reachable(database);
      expect((await database.predictions.list({ limit: 1 })).total).toBe(1);
    });

    it('loses nothing and writes nothing twice when it crashes again and again in the middle', async () => {
      const place = await backend.create();
      const database = await openFor(place);
      for (let round = 0; round < 3; round++) {
        await reachable(database);
        for (const number of range(1500)) database.record(prediction(round * 1500 + number));
        const flushed = database.flush().catch(() => {});
        await place.crash();
        await flushed;
        await expect.poll(() => database.health().reachable && database.health().buffered, { timeout: 30_000 }).toBe(0);
      }
      const seen = new Set<string>();
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await database.predictions.list({ limit: 200, ...(cursor && { cursor }) });
        for (const { filename } of page.predictions) seen.add(filename);
        expect(page.total).toBe(4500);
        cursor = page.next;
      }
      expect(seen.size).toBe(4500);
    });

    it('writes what waits before it closes, when it comes back in time', async () => {
      const place = await backend.create();
      const database = await openDatabase({ log: collectLog(), ...place.options, closeWithin: 30_000 });
      await reachable(database);
      await place.goAway();
      await expect.poll(() => database.health().reachable).toBe(false);
      database.record(prediction(1));
      const closed = database.close();
      await place.comeBack();
      await closed;
      const again = await openFor(place);
      await reachable(again);
      expect((await again.predictions.list({ limit: 1 })).total).toBe(1);
    });

    it('closes without it after some time, and says how much was lost', async () => {
      const log = collectLog();
      const place = await backend.create();
      const database = await openDatabase({ log, ...place.options, closeWithin: 200 });
      await reachable(database);
      await place.goAway();
      await expect.poll(() => database.health().reachable).toBe(false);
      for (const number of range(3)) database.record(prediction(number));
      const started = performance.now();
      await database.close();
      expect(performance.now() - started).toBeLessThan(8000);
      expect(log.lines).toContainEqual(
        expect.objectContaining({
          level: 'error',
          message: expect.stringContaining('rows are lost'),
          details: expect.objectContaining({ lost: 3 }),
        }),
      );
      await place.comeBack();
    });

    it('keeps the newest of more predictions than it has room for, and says that it loses some', async () => {
      const log = collectLog();
      const place = await backend.create();
      const database = await openFor(place, { log, capacity: 10 });
      await reachable(database);
      await place.goAway();
      await expect.poll(() => database.health().reachable).toBe(false);
      for (const number of range(25)) database.record(prediction(number));
      expect(database.health()).toMatchObject({ buffered: 10, dropped: 15 });
      expect(log.lines.filter(({ message }) => message.includes('being lost'))).toHaveLength(1);
      await place.comeBack();
      await reachable(database);
      const { predictions } = await database.predictions.list({ limit: 200 });
      expect(predictions.map(({ filename }) => filename)).toEqual(range(10).map((number) => `picture ${26 - number}.jpg`));
    });
  });

  describe.skipIf(backend.name === 'PGlite' || backend.missing)(`servers that share ${backend.name}`, () => {
    it('may all start at once on an empty database', async () => {
      const place = await backend.create();
      const logs = range(6).map(() => collectLog());
      const servers = await Promise.all(logs.map((log) => openFor(place, { log })));
      await Promise.all(servers.map(reachable));
      expect(logs.flatMap(({ lines }) => lines).filter(({ level }) => level !== 'info')).toEqual([]);
      for (const [index, server] of servers.entries()) server.record(prediction(index));
      await Promise.all(servers.map((server) => server.flush()));
      expect((await servers[0]!.predictions.list({ limit: 1 })).total).toBe(6);
      const client = new pg.Client({ connectionString: place.options.url });
      await client.connect();
      const { rows } = await client.query('select hash, count(*)::int from visionbook.migrations group by hash');
      await client.end();
      const folder = path.join(place.options.workspace.root, 'lib', 'server', 'database', 'migrations');
      expect(rows.map((row) => row.count)).toEqual(
        readdirSync(folder)
          .filter((file) => file.endsWith('.sql'))
          .map(() => 1),
      );
    });

    it('go on when one of them makes the database anew', async () => {
      const place = await backend.create();
      const [one, other] = [await openFor(place), await openFor(place)];
      await Promise.all([one, other].map(reachable));
      const ids = range(3).map(() => other.nextId());
      await one.reset();
      for (const [index, id] of ids.entries()) other.record(prediction(index, { id }));
      for (const number of range(250)) one.record(prediction(number, { id: one.nextId() }));
      // The other one may have found no tables for a moment.
      const isWritten = () => [one, other].every((server) => server.health().reachable && server.health().buffered === 0);
      await expect.poll(isWritten, { timeout: 10_000 }).toBe(true);
      expect((await one.predictions.list({ limit: 1 })).total).toBe(253);
    });

    it('leave tables alone that are none of theirs', async () => {
      const place = await backend.create();
      const client = new pg.Client({ connectionString: place.options.url });
      await client.connect();
      onTestFinished(() => client.end());
      await client.query('create table predictions (mine text)');
      await client.query("insert into predictions values ('kept')");
      const database = await openFor(place);
      await reachable(database);
      await database.reset();
      expect((await client.query('select * from predictions')).rows).toEqual([{ mine: 'kept' }]);
    });

    it('get over an administrator who ends their connections', async () => {
      const place = await backend.create();
      const database = await openFor(place);
      await reachable(database);
      const client = new pg.Client({ connectionString: place.options.url });
      await client.connect();
      onTestFinished(() => client.end());
      for (const number of range(20)) {
        database.record(prediction(number));
        await client.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
        );
      }
      await expect.poll(() => database.health().reachable && database.health().buffered, { timeout: 30_000 }).toBe(0);
      expect((await database.predictions.list({ limit: 1 })).total).toBe(20);
    });
  });
}

describe('an address of a database', () => {
  it.each(['mysql://host/name', 'localhost:5432', 'postgres://host:port/name'])('is refused when it is %s', async (url) => {
    const options = { workspace: temporaryWorkspace(), url, log: collectLog() };
    await expect(openDatabase(options)).rejects.toMatchObject({ code: 'BAD_DATABASE_URL' });
  });

  it('is not repeated in the error, for it has a password', async () => {
    const options = { workspace: temporaryWorkspace(), url: 'postgres://me:secret@host:port/name', log: collectLog() };
    await expect(openDatabase(options)).rejects.not.toThrow(/secret/);
  });

  it('where nobody answers holds up a start for two seconds', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const started = performance.now();
    const database = await openDatabase({
      workspace: temporaryWorkspace(),
      url: `postgres://me:secret@127.0.0.1:${port}/name`,
      log: collectLog(),
      closeWithin: 100,
    });
    expect(performance.now() - started).toBeLessThan(3000);
    expect(database.health()).toMatchObject({ reachable: false, reason: 'connecting' });
    await database.close();
    silent.close();
  });
});

const server = path.join(__dirname, 'server.database.process.cjs');

/** Another server on a folder, when it has written so many predictions. */
async function startServer({ database }: Workspace, count: number): Promise<{ child: ChildProcess; said: unknown }> {
  const home = path.dirname(path.dirname(database));
  const child = fork(server, [String(count)], { env: { ...process.env, VISIONBOOK_HOME: home }, execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said] = await once(child, 'message');
  return { child, said };
}

describe('a folder with a database', () => {
  const pglite = backends().find(({ name }) => name === 'PGlite')!;

  it('is made on the first start, even if making it was cut short before', async () => {
    const workspace = temporaryWorkspace();
    mkdirSync(path.join(workspace.database, 'data.new', 'base'), { recursive: true });
    writeFileSync(path.join(workspace.database, 'data.new', 'PG_VERSION'), '1');
    const database = await openFor({ options: { workspace } });
    await reachable(database);
    database.record(prediction(1));
    expect((await database.predictions.list({ limit: 1 })).total).toBe(1);
    expect(readdirSync(workspace.database).sort()).toEqual(['data', 'holder.json']);
  });

  it('is opened by one server only: the second one says which has it and what to do', async () => {
    const { options } = await pglite.create();
    const { child, said } = await startServer(options.workspace, 3);
    expect(said).toEqual({ written: 3 });
    const refused = openDatabase({ ...options, log: collectLog() });
    await expect(refused).rejects.toMatchObject({ code: 'DATABASE_BUSY', status: 503 });
    await expect(refused).rejects.toThrow(new RegExp(`process ${child.pid} on .* stop it, or set DATABASE_URL`));
    child.send('close');
    await once(child, 'exit');
    const database = await openFor({ options });
    await reachable(database);
    expect((await database.predictions.list({ limit: 1 })).total).toBeGreaterThan(3);
  });

  it('opens again with all that was written when its server was killed, and the process with the database ends', async () => {
    const { options } = await pglite.create();
    for (let round = 1; round <= 3; round++) {
      const { child, said } = await startServer(options.workspace, 500);
      expect(said).toEqual({ written: 500 });
      const holder = pgliteProcess(options.workspace)!;
      child.kill('SIGKILL');
      const database = await openDatabase({ ...options, log: collectLog() });
      await reachable(database);
      // It gives the folder up a moment before it is gone.
      await expect.poll(() => isAlive({ pid: holder, host: os.hostname() })).toBe(false);
      expect((await database.predictions.list({ limit: 1 })).total).toBeGreaterThanOrEqual(500 * round);
      await database.close();
    }
  });

  it('opens again when its server and the process with the database were killed at once', async () => {
    const { options } = await pglite.create();
    const { child } = await startServer(options.workspace, 700);
    process.kill(pgliteProcess(options.workspace)!, 'SIGKILL');
    child.kill('SIGKILL');
    const database = await openFor({ options });
    await reachable(database);
    expect((await database.predictions.list({ limit: 1 })).total).toBeGreaterThanOrEqual(700);
  });

  it('is waited for when another host has it, for a minute after that host was heard of last', async () => {
    const { options } = await pglite.create();
    const file = path.join(options.workspace.database, 'holder.json');
    writeFileSync(file, JSON.stringify({ process: { pid: 1, host: `not-${os.hostname()}` }, server: 12 }));
    const refused = openDatabase({ ...options, log: collectLog() });
    await expect(refused).rejects.toThrow(/process 12 on not-/);
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(file, longAgo, longAgo);
    const database = await openFor({ options });
    await reachable(database);
  });

  it('leaves no process, no mark and no socket behind when it is closed', async () => {
    const { options } = await pglite.create();
    const sockets = (): string[] => readdirSync(os.tmpdir()).filter((name) => existsSync(path.join(os.tmpdir(), name, '.s.PGSQL.5432')));
    const before = sockets();
    const database = await openDatabase({ ...options, log: collectLog() });
    await reachable(database);
    const holder = pgliteProcess(options.workspace)!;
    const opened = sockets().filter((name) => !before.includes(name));
    await database.close();
    expect(() => process.kill(holder, 0)).toThrow(/ESRCH/);
    expect(readdirSync(options.workspace.database)).toEqual(['data']);
    for (const name of opened) expect(existsSync(path.join(os.tmpdir(), name))).toBe(false);
  });

  it('is not closed by Ctrl-C before the server has written what waits', async () => {
    const { options } = await pglite.create();
    const database = await openFor({ options });
    await reachable(database);
    const holder = pgliteProcess(options.workspace)!;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(holder, signal);
    database.record(prediction(1));
    expect((await database.predictions.list({ limit: 1 })).total).toBe(1);
    expect(pgliteProcess(options.workspace)).toBe(holder);
  });

  it('that holds no database is left as it is, and named in the log', async () => {
    const log = collectLog();
    const workspace = temporaryWorkspace();
    mkdirSync(workspace.database, { recursive: true });
    const file = path.join(workspace.database, 'data');
    writeFileSync(file, 'mine');
    const database = await openFor({ options: { workspace } }, { log, closeWithin: 100 });
    await expect.poll(() => log.lines.filter(({ level }) => level === 'error').length, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(database.health()).toMatchObject({ reachable: false, reason: expect.stringContaining(workspace.database) });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});
