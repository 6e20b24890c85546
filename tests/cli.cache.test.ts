import { cpSync, readdirSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readRuns } from '../lib/experiments';
import { type Ended, runCommand, startCommand } from './cli.fixture';
import { put, temporaryFolder } from './data.fixtures';
import { copyOfTrained, type TestHome } from './pipeline.fixture';

const hour = 3600e3;
const headOnly = ['train', 'food', '--set', 'stages=[{"name":"head","trainableLayers":0,"learningRate":1e-3,"epochs":2}]'];

/** A folder of the store, as the file system has it. */
interface Entry {
  readonly name: string;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly lastUsed: Date;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const total = (entries: readonly Entry[]): number => entries.reduce((sum, { bytes }) => sum + bytes, 0);

describe('cache', () => {
  let home: TestHome;
  let store: string;

  beforeEach(async () => {
    home = await copyOfTrained();
    store = home.workspace.activations;
  });

  const run = (...args: string[]): Promise<Ended> => runCommand(home, 'cache', ...args);
  /** What is in the store's folders, the one used last first. */
  const entries = (): Entry[] =>
    readdirSync(store)
      .map((name) => {
        const files = readdirSync(path.join(store, name)).map((file) => path.join(store, name, file));
        const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
        const used = files.filter((file) => file.endsWith('.json')).map((file) => statSync(file).mtime.getTime());
        return { name, files, bytes, lastUsed: new Date(Math.max(...used)) };
      })
      .sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime());
  const listing = (listed: readonly Entry[], limit = '10240.0 MiB'): string =>
    [
      ...listed.map(({ name, bytes, lastUsed }) => `${mebibytes(bytes).padStart(12)}  last used ${lastUsed.toISOString()}  ${name}\n`),
      `${mebibytes(total(listed)).padStart(12)}  of ${limit} (VISIONBOOK_CACHE_GIB) in ${store}\n`,
    ].join('');
  const setAge = ({ files }: Pick<Entry, 'files'>, hours: number): void => {
    const time = new Date(Date.now() - hours * hour);
    for (const file of files) utimesSync(file, time, time);
  };

  it('is empty before the first training, and there is nothing to clear', async () => {
    const folder = temporaryFolder();
    const empty = { env: { VISIONBOOK_HOME: folder } };
    const [listed, cleared] = await Promise.all([runCommand(empty, 'cache', 'ls'), runCommand(empty, 'cache', 'clear')]);
    const activations = path.join(folder, 'outputs/activations');
    expect(listed).toEqual({
      code: 0,
      stdout: `     0.0 MiB  of 10240.0 MiB (VISIONBOOK_CACHE_GIB) in ${activations}\n`,
      stderr: '',
    });
    expect(cleared).toEqual({ code: 0, stdout: `0.0 MiB freed in ${activations}\n`, stderr: '' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ls prints size and last use of what each cut keeps, the latest used first, and their sum beside the limit', async () => {
    const [first] = entries();
    setAge(first!, 5);
    const listed = entries();
    expect(listed.map(({ name }) => name.replace(/-[0-9a-f]{16}$/, ''))).toContain('global_average_pooling2d');
    expect(listed.length).toBeGreaterThan(1);
    expect(listed.at(-1)!.name).toBe(first!.name);
    expect(await run('ls')).toEqual({ code: 0, stdout: listing(listed), stderr: '' });
  });

  it('ls takes the limit from VISIONBOOK_CACHE_GIB, and says how to write it', async () => {
    const [half, wrong] = await Promise.all(
      ['0.5', '10 GiB'].map((VISIONBOOK_CACHE_GIB) => startCommand(home, ['cache', 'ls'], { VISIONBOOK_CACHE_GIB }).ended),
    );
    expect(half).toEqual({ code: 0, stdout: listing(entries(), '512.0 MiB'), stderr: '' });
    expect(wrong!.code).toBe(1);
    expect(wrong!.stderr).toBe(
      'VISIONBOOK_CACHE_GIB is "10 GiB": make it a number of GiB from 0 on, such as 10 or 0.5, or unset it (BAD_CACHE_SIZE)\n',
    );
  });

  it.each([
    ['90m', 2],
    ['12h', 13],
    ['30d', 24 * 31],
  ])('clear --older-than %s removes what was last used %d hours ago, and keeps what is younger', async (time, hours) => {
    const [old, ...young] = entries();
    setAge(old!, hours);
    for (const entry of young) setAge(entry, 1);
    const kept = entries().filter(({ name }) => name !== old!.name);
    const { code, stdout, stderr } = await run('clear', '--older-than', time);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${mebibytes(old!.bytes)} freed in ${store}\n`, stderr: '' });
    expect(entries()).toEqual(kept);
  });

  it.each(['30', '1w', '-3h', '1.5d', 'h', ''])('clear --older-than "%s" says how to write a time, and removes nothing', async (time) => {
    const before = entries();
    const { code, stdout, stderr } = await run('clear', `--older-than=${time}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: option '--older-than <time>'.* write a number with m, h or d, such as 12h\.\n/);
    expect(entries()).toEqual(before);
  });

  it('clear removes everything, and the next training computes it again, to the same numbers', async () => {
    const [before] = (await readRuns(home.workspace)).runs;
    const cleared = entries();
    expect(await run('clear')).toEqual({ code: 0, stdout: `${mebibytes(total(cleared))} freed in ${store}\n`, stderr: '' });
    expect(readdirSync(store)).toEqual([]);
    expect((await run('ls')).stdout).toBe(listing([]));

    const { code, stderr } = await runCommand(home, ...headOnly);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^frozen layers: (\d+)\/\1 /m);
    const after = (await readRuns(home.workspace)).runs.at(-1);
    expect(after!.metrics.test!.loss).toBeCloseTo(before!.metrics.test!.loss, 4);
    const again = cleared.filter(({ name }) => name.startsWith('global_average_pooling2d'));
    expect(entries().map(({ name, bytes }) => [name, bytes])).toEqual(again.map(({ name, bytes }) => [name, bytes]));
  });

  it('leaves alone what is not its own and what may still be being written, and removes what a killed process left', async () => {
    const [entry] = entries();
    const listed = listing(entries());
    put(store, 'notes.txt', 'mine');
    put(store, `${entry!.name}/notes.txt`, 'mine');
    for (const name of ['young.tmp', 'young.f16', 'old.tmp', 'old.f16', 'old.json.123456']) put(store, `${entry!.name}/${name}`, 'half');
    setAge({ files: ['old.tmp', 'old.f16', 'old.json.123456'].map((name) => path.join(store, entry!.name, name)) }, 2);
    expect(await run('ls')).toEqual({ code: 0, stdout: listed, stderr: '' });
    const { code, stderr } = await run('clear');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readdirSync(store).sort()).toEqual([entry!.name, 'notes.txt'].sort());
    expect(readdirSync(path.join(store, entry!.name)).sort()).toEqual(['notes.txt', 'young.f16', 'young.tmp']);
  });

  it('is kept within VISIONBOOK_CACHE_GIB by a training: what it does not use goes, what it uses stays', async () => {
    const head = entries().find(({ name }) => name.startsWith('global_average_pooling2d'))!;
    cpSync(path.join(store, head.name), path.join(store, 'another-model'), { recursive: true });
    const limit = { VISIONBOOK_CACHE_GIB: '0.0001' };
    const { code, stderr } = await startCommand(home, headOnly, limit).ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/frozen layers/);
    expect(entries().map(({ name, bytes }) => [name, bytes])).toEqual([[head.name, head.bytes]]);
    expect((await startCommand(home, ['cache', 'ls'], limit).ended).stdout).toBe(listing(entries(), '0.1 MiB'));
  });
});
