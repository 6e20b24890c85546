import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openWorkspace } from '../lib/workspace';
import { runCommand, startCommand } from './cli.fixture';
import { temporaryFolder } from './data.fixtures';

const { root, venvBin } = openWorkspace({ env: {} });
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The Dockerfile's instructions, each in one line, by stage. */
function stagesOf(text: string): Instruction[][] {
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim());
  const instructions = lines.map((line) => {
    const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line)!;
    return { name: name!, rest: rest!.trim() };
  });
  const starts = instructions.flatMap(({ name }, index) => (name === 'FROM' ? index : []));
  return starts.map((start, index) => instructions.slice(start, starts[index + 1]));
}

const stages = stagesOf(read('Dockerfile'));
const final = stages.at(-1)!;
const one = (name: string): string => final.find((instruction) => instruction.name === name)!.rest;
const environment = Object.fromEntries(
  final.flatMap(({ name, rest }) => (name === 'ENV' ? rest.split(/\s+/).map((pair) => pair.split('=') as [string, string]) : [])),
);
/** What is copied of the build context. */
const copied = stages
  .flat()
  .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
  .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1));

/** The lines of `.dockerignore`. */
const ignored = read('.dockerignore')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'));

const compose = parse(read('compose.yaml'));
/** The variables that `lib/server/config.ts` reads. */
const settings = [...read('lib/server/config.ts').matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => name!);

/** Runs the image's health check as Docker does, with the image's environment and no shell. @returns its exit code */
function checkHealth(port: number): Promise<number> {
  const [command, ...args] = JSON.parse(/\bCMD (\[.*\])$/.exec(one('HEALTHCHECK'))![1]!) as string[];
  const env = { PATH: process.env.PATH, ...environment, PORT: String(port) };
  return new Promise((resolve) => execFile(command!, args, { env }, (error) => resolve(error ? Number(error.code) : 0)));
}

describe('the Dockerfile', () => {
  it('is made of one base, whose Node is one that visionbook takes and whose release of Debian is named', () => {
    const bases = stages.map(([from]) => from!.rest.split(' ')[0]);
    expect(new Set(bases)).toEqual(new Set(['node:20-bookworm-slim']));
    expect(JSON.parse(read('package.json')).engines.node).toBe('>=20.19');
  });

  it('copies what is there and is in the build context, and the context has nothing else', () => {
    expect(copied.filter((source) => !existsSync(path.join(root, source)))).toEqual([]);
    const topmost = [...new Set(copied.map((source) => source.split('/')[0]!))].sort();
    expect(ignored).toEqual(['*', ...topmost.map((source) => `!${source}`)]);
  });

  it('runs as somebody other than root, in a process that gets its signals itself', () => {
    expect(one('USER')).toBe('1000:1000');
    expect(one('STOPSIGNAL')).toBe('SIGTERM');
    const [command, file] = JSON.parse(one('ENTRYPOINT')) as string[];
    expect(command).toBe('node');
    expect(existsSync(path.join(root, file!))).toBe(true);
    expect(final.findIndex(({ name }) => name === 'USER')).toBeLessThan(final.findIndex(({ name }) => name === 'ENTRYPOINT'));
  });

  it('starts a command that there is', async () => {
    const { code, stdout } = await runCommand({ env: {} }, ...(JSON.parse(one('CMD')) as string[]), '--help');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^Usage: visionbook serve /) });
  });

  it('keeps everything that is written in its volume', () => {
    expect(environment.VISIONBOOK_HOME).toBe(one('VOLUME'));
    const { outputs, corrections, experiments, dataset } = openWorkspace({ env: environment, cwd: root });
    for (const folder of [outputs, corrections, experiments, dataset]) expect(path.dirname(folder)).toBe('/data');
  });

  it('sets variables that the server reads', () => {
    for (const name of Object.keys(environment)) expect([...settings, 'VISIONBOOK_HOME']).toContain(name);
    expect(environment.PORT).toBe(one('EXPOSE'));
  });
});

describe("the image's health check", () => {
  it.each([
    [200, 0],
    [500, 1],
  ])('of a server that answers %d ends with %d', async (status, code) => {
    const server = createServer(({ url }, response) => response.writeHead(url === '/health' ? status : 404).end('{}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect(await checkHealth((server.address() as AddressInfo).port)).toBe(code);
    server.close();
  });

  it('of a server that is not there ends with 1', async () => {
    expect(await checkHealth(9)).toBe(1);
  });
});

describe('a server with the environment of the image', () => {
  it('is healthy before there is a model, and ends well when it is told to', async () => {
    const port = await freePort();
    const env = { ...environment, HOST: '127.0.0.1', PORT: String(port), VISIONBOOK_HOME: temporaryFolder() };
    const { child, ended } = startCommand({ env }, JSON.parse(one('CMD')) as string[]);
    await expect.poll(() => checkHealth(port), { timeout: 60_000, interval: 500 }).toBe(0);
    child.kill(one('STOPSIGNAL') as NodeJS.Signals);
    expect(await ended).toMatchObject({ code: 0 });
    expect(await checkHealth(port)).toBe(1);
  }, 120_000);
});

/** One that is free now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('compose.yaml', () => {
  const { app, database } = compose.services;
  const set = Object.entries(app.environment as Record<string, string | null>);

  it('names every variable that the server reads, and none that nobody does', () => {
    const forOthers = ['PGPASSWORD', 'MIN_CORRECTIONS', 'VISIONBOOK_OFFLINE', 'VISIONBOOK_SETTINGS', 'VISIONBOOK_THREADS'];
    const named = [...set.map(([name]) => name), ...Object.keys(environment)];
    expect(settings.filter((name) => !named.includes(name))).toEqual([]);
    expect(set.map(([name]) => name).filter((name) => ![...settings, ...forOthers].includes(name))).toEqual([]);
  });

  it('does not start without the secrets, and says what to do', () => {
    expect(app.environment.ADMIN_TOKEN).toMatch(/^\$\{ADMIN_TOKEN:\?.+\}$/);
    for (const password of [app.environment.PGPASSWORD, database.environment.POSTGRES_PASSWORD])
      expect(password).toMatch(/^\$\{POSTGRES_PASSWORD:\?.+\}$/);
  });

  it('leads the server to its database, as the same user', () => {
    const { hostname, username, pathname, password } = new URL(app.environment.DATABASE_URL);
    expect(compose.services).toHaveProperty([hostname]);
    expect({ username, name: pathname.slice(1), password }).toEqual({
      username: database.environment.POSTGRES_USER,
      name: database.environment.POSTGRES_DB,
      password: '', // it is in PGPASSWORD, which the driver takes where the address has none
    });
    const client = new pg.Client({ connectionString: app.environment.DATABASE_URL });
    expect(client.password ?? null).toBe(process.env.PGPASSWORD ?? null);
  });

  it('waits for a healthy database, starts again what ends, and passes signals on', () => {
    expect(app.depends_on).toEqual({ database: { condition: 'service_healthy' } });
    expect(database.healthcheck.test).toContain('pg_isready');
    expect([app.restart, database.restart, app.init]).toEqual(['unless-stopped', 'unless-stopped', true]);
  });

  it('publishes the server to this computer alone unless it is told otherwise, and the database to nobody', () => {
    expect(app.ports).toEqual([`\${BIND:-127.0.0.1}:\${PORT:-5000}:${one('EXPOSE')}`]);
    expect(database).not.toHaveProperty('ports');
  });

  it('keeps what is written in volumes, and lets nothing else be written', () => {
    expect(app.volumes).toEqual([`data:${one('VOLUME')}`]);
    expect(Object.keys(compose.volumes).sort()).toEqual(['data', 'database']);
    expect([app.read_only, app.tmpfs]).toEqual([true, ['/tmp']]);
  });
});

describe('linters', () => {
  it.runIf(existsSync(path.join(venvBin, 'hadolint')))('find nothing in the Dockerfile', () => {
    const { status, stdout } = spawnSync(path.join(venvBin, 'hadolint'), ['Dockerfile'], { cwd: root, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it.runIf(existsSync(path.join(venvBin, 'check-jsonschema')))('find that compose.yaml is as its specification says', () => {
    const args = ['--builtin-schema', 'vendor.compose-spec', 'compose.yaml'];
    const { status, stdout } = spawnSync(path.join(venvBin, 'check-jsonschema'), args, { cwd: root, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^ok /) });
  });
});
