import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { DatabaseLog } from '../lib/database';
import { type Database, type DatabaseOptions, type NewPrediction, openDatabase } from '../lib/server/database';
import type { Workspace } from '../lib/workspace';
import { temporaryFolder, temporaryWorkspace } from './data.fixtures';

/** A log that a test can read. */
export interface CollectedLog extends DatabaseLog {
  readonly lines: { readonly level: string; readonly details: object; readonly message: string }[];
}

export function collectLog(): CollectedLog {
  const lines: CollectedLog['lines'] = [];
  const at = (level: string) => (details: object, message: string) => {
    lines.push({ level, details, message });
  };
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

/** A prediction of the food task; the picture is another one for each `number`, and each is a second later than the one before. */
export function prediction(number: number, changes: Partial<NewPrediction> = {}): NewPrediction {
  return {
    id: null,
    task: 'food',
    filename: `picture ${number}.jpg`,
    sha256: number.toString(16).padStart(64, '0'),
    modelRun: 'run-1',
    probabilities: [0.9, 0.1, 0.25],
    classes: ['lacteos', 'arroz', 'frutas/verduras'],
    decision: { kind: 'classes', classes: ['lacteos'] },
    prediction: 'lacteos',
    confidence: 0.9,
    milliseconds: 12.5,
    createdAt: new Date(Date.UTC(2026, 2, 1, 9, 0, number)),
    uploadFile: `${number}.jpg`,
    ...changes,
  };
}

/** A kind of database that the same tests run on. */
export interface Backend {
  readonly name: 'PGlite' | 'PostgreSQL';
  /** Why it cannot be tested here. */
  readonly missing?: string;
  /** Makes an empty database. */
  create(): Promise<Place>;
}

/** An empty database of a backend, which goes away and comes back. */
export interface Place {
  readonly options: Pick<DatabaseOptions, 'workspace' | 'url'>;
  /** Ends the database as a crash does. */
  crash(): Promise<void>;
  /** Keeps it from coming back until `comeBack`. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

/** The backends; the servers that they need run while a test file does. */
export function backends(): Backend[] {
  return [pgliteBackend(), postgresBackend()];
}

/** Opens a database that the test closes when it ends. */
export async function openFor(place: Pick<Place, 'options'>, more: Partial<DatabaseOptions> = {}): Promise<Database> {
  const database = await openDatabase({ log: collectLog(), ...place.options, ...more });
  onTestFinished(() => database.close());
  return database;
}

/** PGlite takes some seconds to make an empty database: it is made once, and copied. */
function pgliteBackend(): Backend {
  let template: Workspace;
  beforeAll(async () => {
    template = temporaryWorkspace();
    const database = await openDatabase({ workspace: template, log: collectLog() });
    await reachable(database);
    await database.close();
  });
  return {
    name: 'PGlite',
    async create() {
      const workspace = temporaryWorkspace();
      await cp(template.database, workspace.database, { recursive: true });
      const data = path.join(workspace.database, 'data');
      const crash = async (): Promise<void> => {
        process.kill(pgliteProcess(workspace)!, 'SIGKILL');
      };
      return {
        options: { workspace },
        crash,
        async goAway() {
          await crash();
          renameSync(data, `${data}.away`);
          writeFileSync(data, 'no database');
        },
        async comeBack() {
          rmSync(data);
          renameSync(`${data}.away`, data);
        },
      };
    },
  };
}

/** The process that has a workspace's database open. */
export function pgliteProcess({ database }: Workspace): number | undefined {
  const file = path.join(database, 'holder.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).process.pid : undefined;
}

/** Waits until a database is reachable. @throws when it is not within two minutes */
export async function reachable(database: Database): Promise<void> {
  for (let tries = 0; !database.health().reachable; tries++) {
    if (tries === 2400) throw new Error(`the database did not come: ${database.health().reason}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A PostgreSQL server of the newest installed version, in a temporary folder, that only this user reaches. */
export function postgresBackend(): Backend {
  const programs = findPostgres();
  if (!programs) return { name: 'PostgreSQL', missing: 'PostgreSQL is not installed', create: () => Promise.reject() };
  const folder = temporaryFolder();
  const data = path.join(folder, 'data');
  const user = unprivileged();
  let server: ChildProcess | undefined;
  let databases = 0;

  async function start(): Promise<void> {
    const settings = ['listen_addresses=', 'fsync=off', 'autovacuum=off', 'max_connections=100'].flatMap((setting) => ['-c', setting]);
    server = spawn(path.join(programs!, 'postgres'), ['-D', data, '-k', folder, ...settings], { cwd: folder, stdio: 'ignore', ...user });
    for (let tries = 0; ; tries++) {
      try {
        await admin('select 1');
        return;
      } catch (error) {
        if (tries === 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    const ending = server;
    server = undefined;
    if (!ending || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
  }

  async function admin(statement: string): Promise<void> {
    const client = new pg.Client({ host: folder, user: 'postgres', database: 'postgres' });
    client.on('error', () => {});
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  beforeAll(async () => {
    mkdirSync(data);
    if (user.uid !== undefined) for (const owned of [folder, data]) chownSync(owned, user.uid, user.gid!);
    const settings = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
    await promisify(execFile)(path.join(programs, 'initdb'), ['-D', data, ...settings], { cwd: folder, ...user });
    await start();
  });
  afterAll(() => stop('SIGINT'));

  return {
    name: 'PostgreSQL',
    async create() {
      const name = `test_${++databases}`;
      await admin(`create database ${name}`);
      return {
        options: { workspace: temporaryWorkspace(), url: `postgres://postgres@/${name}?host=${encodeURIComponent(folder)}` },
        async crash() {
          await stop('SIGQUIT');
          await start();
        },
        goAway: () => stop('SIGQUIT'),
        comeBack: start,
      };
    },
  };
}

/** The folder with `postgres` and `initdb`: where Debian has it, or on the path. */
function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((one, other) => Number(other) - Number(one)) : [];
  const folders = [...versions.map((version) => path.join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(path.delimiter)];
  return folders.find((folder) => ['postgres', 'initdb'].every((program) => existsSync(path.join(folder, program))));
}

/** PostgreSQL does not run as root: then it runs as the user that its package made, or else as the one that owns nothing. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const line =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((one) => one.startsWith('postgres:')) ?? 'nobody:x:65534:65534';
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
