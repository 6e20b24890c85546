import { mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { DatabaseUnreadable } from './errors';
import { describeFailure } from './failures';
import { type Address, holdFolder } from './holder';
import { dataIn, hasDatabase, type PgliteReport } from './pglite';

/** Sockets' paths have 108 bytes on Linux and 104 on macOS, with the zero at the end. */
const longestSocketPath = 103;
const socketName = '.s.PGSQL.5432';
/** The server has one, and so has each worker of this computer; a new one may come before the last is seen to be gone. */
const mostConnections = 32;

/**
 * Has the PGlite database of a folder open and speaks PostgreSQL's protocol, until the process that started this one closes the channel between
 * them or is gone. Says on that channel where it listens, or why it does not. Never rejects.
 */
export async function servePglite(folder: string): Promise<void> {
  // Ctrl-C reaches all processes of a terminal, and some service managers signal all of a service: the server still has rows to write then.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  let opened: OpenFolder | undefined;
  process.on('disconnect', () => {
    const closing = Promise.resolve(opened?.close());
    closing.catch((error) => console.error(error)).finally(() => process.exit());
  });
  try {
    opened = await openFolder(folder);
    report(opened ? { address: opened.address } : { isNew: true });
  } catch (error) {
    report({ problem: describeFailure(error) });
  }
}

interface OpenFolder {
  readonly address: Address;
  close(): Promise<void>;
}

/** @returns undefined when the database had to be made first: that takes three times the memory, which only a new process gives back */
async function openFolder(folder: string): Promise<OpenFolder | undefined> {
  const held = await holdFolder(folder);
  const data = dataIn(folder);
  if (!hasDatabase(folder)) {
    await makeDatabase(data);
    await held.release();
    return undefined;
  }
  const database = await openData(data);
  const { server, address, remove } = await listen(database);
  await held.announce(address);
  return {
    address,
    async close() {
      await server.stop();
      await database.close();
      await held.release();
      await remove();
    },
  };
}

/** @throws DATABASE_UNREADABLE */
async function openData(data: string): Promise<PGlite> {
  try {
    // A killed process leaves it, and PGlite does not start beside it. Nobody else has the folder.
    await rm(path.join(data, 'postmaster.pid'), { force: true });
    return await PGlite.create(data);
  } catch (error) {
    throw DatabaseUnreadable(data, describeFailure(error));
  }
}

/** Makes an empty database beside its place and moves it there: one that is half made cannot be opened, or told from a whole one. */
async function makeDatabase(data: string): Promise<void> {
  const unfinished = `${data}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await (await PGlite.create(unfinished)).close();
  await rename(unfinished, data);
}

/** Listens where only this user can connect: on a socket in a private folder. Where that cannot be, on a free port of this computer. */
async function listen(db: PGlite) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'visionbook-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const socket = path.join(folder, socketName);
  const isPossible = process.platform !== 'win32' && Buffer.byteLength(socket) <= longestSocketPath;
  const where = isPossible ? { path: socket } : { host: '127.0.0.1', port: 0 };
  const server = new PGLiteSocketServer({ db, maxConnections: mostConnections, ...where });
  await server.start();
  const port = Number(server.getServerConn().split(':').at(-1));
  return { server, remove, address: isPossible ? { host: folder, port: 5432 } : { host: '127.0.0.1', port } };
}

function report(message: PgliteReport): void {
  // The process that started this one may have gone meanwhile.
  if (process.connected) process.send!(message);
}
