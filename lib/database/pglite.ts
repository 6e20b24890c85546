import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Address } from './holder';
import type { DatabaseLog } from './log';
import type { Source } from './source';

/** What the process with the database says: where it listens, that it has made a new database, or why it cannot go on. */
export type PgliteReport = { readonly address: Address } | { readonly isNew: true } | { readonly problem: string };

/** Where in its folder the database itself is. */
export function dataIn(folder: string): string {
  return path.join(folder, 'data');
}

/** Whether a database was made in a folder. */
export function hasDatabase(folder: string): boolean {
  return existsSync(dataIn(folder));
}

/** Writing what is in memory takes less. */
const patienceMilliseconds = 5_000;
/** So many of its last lines on stderr are logged when it fails. */
const linesKept = 15;

/**
 * A database in a folder. PGlite, PostgreSQL in WebAssembly, has a process of its own, so that its 300 MB are not the caller's and a
 * long query does not hold it up; it is spoken to as any other PostgreSQL. Each `start` begins with a new process: the old one is gone, or did
 * not answer.
 *
 * It takes one connection: pglite-socket lets the messages of several interleave in one session, where they overwrite each other's statements.
 */
export function pgliteSource(root: string, folder: string, log: DatabaseLog): Source {
  let child: ChildProcess | undefined;
  let isStopped = false;

  function launch(): ChildProcess {
    const started = fork(path.join(root, 'lib', 'database', 'pglite.cjs'), [folder], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    const said: string[] = [];
    createInterface({ input: started.stderr! }).on('line', (line) => {
      said.push(line);
      if (said.length > linesKept) said.shift();
    });
    let socketFolder: string | undefined;
    started.on('message', (report: PgliteReport) => {
      if ('address' in report && path.isAbsolute(report.address.host)) socketFolder = report.address.host;
    });
    started.on('close', (code, signal) => {
      if (child === started) log.error({ code, signal, said }, 'the process with the database has ended');
      // A process that was killed leaves it.
      if (socketFolder) void rm(socketFolder, { recursive: true, force: true });
    });
    return started;
  }

  async function start(): Promise<Address> {
    await endChild();
    if (isStopped) throw new Error('closed');
    child = launch();
    const report = await firstReport(child);
    if ('problem' in report) throw new Error(report.problem);
    return 'isNew' in report ? start() : report.address;
  }

  async function endChild(): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending) await end(ending);
  }

  return {
    kind: 'pglite',
    connections: 1,
    start: async () => ({ ...(await start()), user: 'postgres', database: 'postgres' }),
    async stop() {
      isStopped = true;
      await endChild();
    },
  };
}

function firstReport(child: ChildProcess): Promise<PgliteReport> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(message as PgliteReport));
    child.once('error', (error) => resolve({ problem: `its process could not be started: ${error.message}` }));
    child.once('exit', (code, signal) => resolve({ problem: `its process ended with ${signal ?? `code ${code}`}` }));
  });
}

/** Closing the channel asks the process to close the database; one that does not is killed, and the database recovers at the next start. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.disconnect();
  const impatience = setTimeout(() => child.kill('SIGKILL'), patienceMilliseconds);
  await ended;
  clearTimeout(impatience);
}
