import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { clearStore, listStore, storeLimit } from '../lib/training';
import { readSegments, writeSegment } from '../lib/training/segments';
import { limitStore } from '../lib/training/storeSize';
import { put, temporaryFolder } from './data.fixtures';

const hour = 3600e3;
const rowBytes = 2000;

describe('the size of the activation store', () => {
  let folder: string;
  let now: number;
  beforeEach(() => {
    folder = temporaryFolder();
    now = Date.now();
  });

  const age = (file: string, hours: number): void => {
    const time = new Date(now - hours * hour);
    utimesSync(file, time, time);
  };
  /** Writes a segment of one row that was last used some hours ago, and gives its index file. */
  const segment = async (name: string, hours: number): Promise<string> => {
    const place = path.join(folder, name);
    const before = new Set(existsSync(place) ? readdirSync(place) : []);
    await readSegments(place, 'float16', rowBytes); // makes the folder
    await writeSegment(place, 'float16', [new Uint16Array(rowBytes / 2)], [`${name} ${hours}`]);
    const index = path.join(place, readdirSync(place).find((file) => file.endsWith('.json') && !before.has(file))!);
    age(index, hours);
    return index;
  };

  it('is 10 GiB, or what VISIONBOOK_CACHE_GIB says', () => {
    expect(storeLimit({})).toBe(10 * 2 ** 30);
    expect(storeLimit({ VISIONBOOK_CACHE_GIB: '0.5' })).toBe(2 ** 29);
    expect(storeLimit({ VISIONBOOK_CACHE_GIB: '0' })).toBe(0);
  });

  it.each(['-1', 'much', '10GiB', 'Infinity'])('cannot be %s', (value) => {
    expect(() => storeLimit({ VISIONBOOK_CACHE_GIB: value })).toThrow(`VISIONBOOK_CACHE_GIB is "${value}": make it a number of GiB`);
  });

  it('is kept by removing the least recently used segments first, but none in use', async () => {
    const [old, older, oldest, recent] = [await segment('a', 5), await segment('b', 6), await segment('a', 7), await segment('b', 1)];
    await limitStore(folder, { limit: 3 * 2100, inUse: new Set([oldest!]), now });
    expect([old, older, oldest, recent].map((index) => existsSync(index!))).toEqual([true, false, true, true]);
    await limitStore(folder, { limit: 0, inUse: new Set([oldest!]), now });
    expect([old, older, oldest, recent].map((index) => existsSync(index!))).toEqual([false, false, true, false]);
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('leaves out what killed processes left: it is removed after an hour, in which it may still be being written', async () => {
    const index = await segment('a', 2);
    const leftovers = ['x.tmp', 'y.f16', 'y.f32', 'z.json.123456'];
    for (const hours of [2, 0.5]) {
      for (const name of leftovers) {
        put(folder, `a/${hours}${name}`, 'half');
        age(path.join(folder, `a/${hours}${name}`), hours);
      }
    }
    await limitStore(folder, { limit: 1e6, now });
    const id = path.basename(index, '.json');
    const left = readdirSync(path.join(folder, 'a')).filter((name) => !name.startsWith(id));
    expect(left.sort()).toEqual(leftovers.map((name) => `0.5${name}`).sort());
  });

  it('is listed by folder, the latest used first', async () => {
    await segment('a', 5);
    await segment('b', 2);
    await segment('b', 9);
    writeFileSync(path.join(folder, 'a stray file'), 'text');
    const [first, second, ...others] = await listStore(folder);
    expect(others).toEqual([]);
    expect(first).toMatchObject({ name: 'b', segments: 2, lastUsed: new Date(now - 2 * hour) });
    expect(first!.bytes).toBeGreaterThan(2 * rowBytes);
    expect(second).toMatchObject({ name: 'a', segments: 1 });
    expect(await listStore(path.join(folder, 'nowhere'))).toEqual([]);
  });

  it('becomes nothing by clearing, or less by clearing what is old', async () => {
    await segment('a', 5);
    const recent = await segment('b', 2);
    const freed = await clearStore(folder, { olderThan: 3 * hour, now });
    expect(freed).toBeGreaterThanOrEqual(rowBytes);
    expect(readdirSync(folder)).toEqual(['b']);
    expect(existsSync(recent)).toBe(true);
    await clearStore(folder, { now });
    expect(readdirSync(folder)).toEqual([]);
    expect(await clearStore(path.join(folder, 'nowhere'))).toBe(0);
  });
});
