import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { threadCount } from '../lib/threads';

describe('threads', () => {
  it('are as many as the cores that may be used, unless VISIONBOOK_THREADS says otherwise', () => {
    expect(threadCount({})).toBe(availableParallelism());
    expect(threadCount({ VISIONBOOK_THREADS: '' })).toBe(availableParallelism());
    expect(threadCount({ VISIONBOOK_THREADS: '3' })).toBe(3);
  });

  it.each(['0', '-1', '1.5', 'all', '1e400'])('cannot be %s', (value) => {
    expect(() => threadCount({ VISIONBOOK_THREADS: value })).toThrow(`VISIONBOOK_THREADS is "${value}": make it a whole number from 1 on`);
  });

  it.each([
    [{ VISIONBOOK_THREADS: '9' }, '9'],
    [{ VISIONBOOK_THREADS: '1' }, '4'],
    [{ VISIONBOOK_THREADS: 'all' }, String(Math.max(4, availableParallelism()))],
    [{ VISIONBOOK_THREADS: '9', UV_THREADPOOL_SIZE: '5' }, '5'],
  ])("of Node's pool, with %o, are %s", (changes, size) => {
    const { UV_THREADPOOL_SIZE: _, VISIONBOOK_THREADS: __, ...env } = process.env;
    const file = JSON.stringify(path.resolve('lib/threadPool.cjs'));
    const { stdout } = spawnSync(process.execPath, ['-p', `require(${file}); process.env.UV_THREADPOOL_SIZE`], {
      env: { ...env, ...changes },
      encoding: 'utf8',
    });
    expect(stdout.trim()).toBe(size);
  });

  it.each([
    ['8', '4'],
    ['3', '1'],
    ['1', '1'],
  ])('of work that makes way, with VISIONBOOK_THREADS=%s, are %s, all at the lowest priority', (wanted, count) => {
    const script = `
      require('tsx/cjs');
      require('node:fs').promises.readFile('package.json').then(() => {
        require('./lib/threads').makeWay();
        const os = require('node:os');
        const priorities = require('node:fs').readdirSync('/proc/self/task').map((thread) => os.getPriority(Number(thread)));
        console.log(process.env.VISIONBOOK_THREADS, Math.min(...priorities), priorities.length > 4);
      });`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], {
      env: { ...process.env, VISIONBOOK_THREADS: wanted },
      encoding: 'utf8',
    });
    expect(stdout).toBe(`${count} 19 true\n`);
  });
});
