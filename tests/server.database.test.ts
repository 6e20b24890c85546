import { execFile } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, type NewPrediction, openDatabase, type PredictionFilter, type StoredPrediction } from '../lib/server/database';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { backends, collectLog, openFor, prediction, reachable } from './server.database.fixtures';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

function recordAll(database: Database, predictions: readonly NewPrediction[]): void {
  for (const one of predictions) database.record(one);
}

/** All pages of a list, one after another; `between` happens after each. */
async function allPages(database: Database, filter: PredictionFilter, between = () => {}): Promise<StoredPrediction[]> {
  const found: StoredPrediction[] = [];
  for (let cursor: string | undefined; ; ) {
    const { predictions, next } = await database.predictions.list({ ...filter, ...(cursor && { cursor }) });
    found.push(...predictions);
    if (next === null) return found;
    cursor = next;
    between();
  }
}

const filenames = (found: readonly { filename: string }[]): string[] => found.map(({ filename }) => filename);

for (const backend of backends()) {
  describe.skipIf(backend.missing)(`the database on ${backend.name}${backend.missing ? `: ${backend.missing}` : ''}`, () => {
    async function open(): Promise<Database> {
      const database = await openFor(await backend.create());
      await reachable(database);
      return database;
    }

    it('gives a prediction back as it was recorded, with a number', async () => {
      const database = await open();
      const recorded = prediction(1, {
        createdAt: new Date('2026-03-01T09:05:07.123Z'),
        filename: "tarta “Ñandú” '); drop schema visionbook cascade; --.jpg",
        other: { run: 'run-2', probabilities: [0.4, 0.2, 0.7], agrees: false },
      });
      database.record(recorded);
      const {
        predictions: [found],
        total,
        next,
      } = await database.predictions.list({ limit: 10 });
      expect({ ...found, id: null }).toEqual({ ...recorded, correctedLabels: null });
      expect(found!.id).toEqual(expect.any(Number));
      expect(await database.predictions.get(found!.id)).toEqual(found);
      expect({ total, next }).toEqual({ total: 1, next: null });
    });

    it('numbers predictions before they are written, and each one differently', async () => {
      const database = await open();
      const ids: number[] = [];
      while (ids.length < 700) {
        const id = database.nextId();
        // More are on their way.
        if (id === null) await new Promise((resolve) => setTimeout(resolve, 5));
        else ids.push(id);
      }
      expect(new Set(ids).size).toBe(700);
      database.record(prediction(1, { id: ids[0]! }));
      database.record(prediction(2));
      expect(await database.predictions.get(ids[0]!)).toMatchObject({ filename: 'picture 1.jpg' });
      const { predictions } = await database.predictions.list({ limit: 10 });
      expect(ids).not.toContain(predictions.find(({ filename }) => filename === 'picture 2.jpg')!.id);
    });

    it('gives servers that share it different numbers', async () => {
      const place = await backend.create();
      const servers = [await openFor(place), ...(place.options.url ? [await openFor(place)] : [])];
      for (const server of servers) await reachable(server);
      for (const server of servers) await expect.poll(() => server.nextId()).not.toBeNull();
      const ids = range(90).flatMap(() => servers.map((server) => server.nextId()));
      expect(ids).not.toContain(null);
      expect(new Set(ids).size).toBe(90 * servers.length);
    });

    it('has no prediction of a number that was never given, or that is no number', async () => {
      const database = await open();
      for (const id of [1e6, -1, 0.5, Number.NaN, 2 ** 60]) expect(await database.predictions.get(id)).toBeUndefined();
    });

    it('lists the latest first, page by page, each once, though many came in the same millisecond and more come meanwhile', async () => {
      const database = await open();
      const noon = Date.UTC(2026, 2, 1, 12);
      recordAll(
        database,
        range(95).map((number) => prediction(number, { createdAt: new Date(noon + Math.floor(number / 10)) })),
      );
      let more = 1000;
      const found = await allPages(database, { limit: 10 }, () => {
        more++;
        database.record(prediction(more, { createdAt: new Date(noon + more) }));
      });
      expect(new Set(filenames(found))).toEqual(new Set(range(95).map((number) => `picture ${number}.jpg`)));
      expect(found).toHaveLength(95);
      const order = found.map(({ createdAt, id }) => [createdAt.getTime(), id] as const);
      expect(order).toEqual([...order].sort((one, other) => other[0] - one[0] || other[1] - one[1]));
    });

    it('pages through 10,000 predictions', async () => {
      const database = await open();
      recordAll(
        database,
        range(10_000).map((number) => prediction(number)),
      );
      const found = await allPages(database, { task: 'food', limit: 200 });
      expect(found).toHaveLength(10_000);
      expect(new Set(found.map(({ id }) => id)).size).toBe(10_000);
      expect(database.health()).toMatchObject({ buffered: 0, dropped: 0, refused: 0 });
    });

    it('gives at most 200 at once', async () => {
      const database = await open();
      recordAll(
        database,
        range(250).map((number) => prediction(number)),
      );
      const { predictions, total } = await database.predictions.list({ limit: 1000 });
      expect(predictions).toHaveLength(200);
      expect(total).toBe(250);
    });

    it('takes no cursor that it did not give', async () => {
      const database = await open();
      for (const cursor of ['', 'x', '1', '1.', '1.2.3', "1.2'; drop table predictions", '99999999999999999999.1', '1.1e3', '-1.1']) {
        await expect(database.predictions.list({ limit: 1, cursor })).rejects.toMatchObject({ code: 'BAD_CURSOR', status: 400 });
      }
    });

    describe('when it filters', () => {
      const day = (number: number): Date => new Date(Date.UTC(2026, 2, number));
      const recorded = [
        prediction(1, { filename: 'Flan.jpg', createdAt: day(1), confidence: 0.9 }),
        prediction(2, {
          filename: '100% rice_bowl.png',
          createdAt: day(2),
          decision: { kind: 'classes', classes: ['lacteos', 'arroz'] },
          prediction: 'lacteos, arroz',
          confidence: 0.6,
          modelRun: 'run-2',
        }),
        prediction(3, { filename: 'car\\wheel.jpg', createdAt: day(3), decision: { kind: 'none' }, prediction: 'none', confidence: 0.8 }),
        prediction(4, {
          filename: 'flancake.jpg',
          createdAt: day(4),
          decision: { kind: 'uncertain', mostLikely: 'arroz' },
          prediction: 'uncertain (most likely arroz)',
          confidence: 0.47,
        }),
        prediction(5, {
          task: 'galaxy',
          filename: 'm51.jpg',
          createdAt: day(5),
          classes: ['Spiral'],
          decision: { kind: 'classes', classes: ['Spiral'] },
        }),
      ];
      let database: Database;
      beforeAll(async () => {
        database = await openDatabase({ log: collectLog(), ...(await backend.create()).options });
        await reachable(database);
        recordAll(database, recorded);
      });
      afterAll(() => database.close());

      it.each<[string, Partial<PredictionFilter>, number[]]>([
        ['a task', { task: 'galaxy' }, [5]],
        ['a task that there is not', { task: 'bread' }, []],
        ['a class that was found', { decision: 'arroz' }, [2]],
        ['several classes, one of which is looked for', { decision: 'lacteos' }, [2, 1]],
        ['none', { decision: 'none' }, [3]],
        ['uncertain', { decision: 'uncertain' }, [4]],
        ['a decision that would end the query', { decision: '\'"}' }, []],
        ['the decision in words', { prediction: 'lacteos' }, [5, 1]],
        ['a model', { model: 'run-2' }, [2]],
        ['a time from which on, which is included', { from: day(4) }, [5, 4]],
        ['a time before which, which is not', { to: day(2) }, [1]],
        ['a part of a name, whatever its capitals', { search: 'FLAN' }, [4, 1]],
        ['a percent sign, which is no wildcard', { search: '0%' }, [2]],
        ['an underscore, which is none either', { search: 'l_n' }, []],
        ['a backslash', { search: 'r\\w' }, [3]],
        ['a zero character', { search: 'a\0b' }, []],
        ['how sure', { minConfidence: 0.6, maxConfidence: 0.8 }, [3, 2]],
        ['unsure decisions', { uncertain: true }, [4]],
        ['sure ones', { uncertain: false, task: 'food' }, [3, 2, 1]],
        ['several things at once', { task: 'food', search: 'flan', minConfidence: 0.5 }, [1]],
      ])('finds %s', async (_, filter, expected) => {
        const { predictions, total } = await database.predictions.list({ ...filter, limit: 10 });
        expect(filenames(predictions)).toEqual(expected.map((number) => recorded[number - 1]!.filename));
        expect(total).toBe(expected.length);
      });
    });

    it('finds the latest prediction of a picture', async () => {
      const database = await open();
      const { sha256 } = prediction(1);
      recordAll(database, [prediction(3, { sha256 }), prediction(2, { sha256 }), prediction(9), prediction(5, { sha256, task: 'galaxy' })]);
      expect(await database.predictions.latestOf(sha256)).toMatchObject({ filename: 'picture 5.jpg' });
      expect(await database.predictions.latestOf(sha256, 'food')).toMatchObject({ filename: 'picture 3.jpg' });
      expect(await database.predictions.latestOf('00')).toBeUndefined();
    });

    it('tells what a picture was corrected to: the latest word on it, or nothing after it was taken back', async () => {
      const database = await open();
      recordAll(database, [prediction(1), prediction(2)]);
      const at = (second: number): Date => new Date(Date.UTC(2026, 2, 2, 0, 0, second));
      const correction = { task: 'food', sha256: prediction(1).sha256, predictionId: null };
      const labels = async (): Promise<unknown> =>
        (await database.predictions.list({ limit: 10 })).predictions.map((one) => one.correctedLabels);
      database.corrections.add({ ...correction, labels: [0, 1, 0], action: 'added', createdAt: at(1) });
      expect(await labels()).toEqual([null, [0, 1, 0]]);
      database.corrections.add({ ...correction, labels: [0, 0, 0], action: 'replaced', createdAt: at(2) });
      database.corrections.add({ ...correction, task: 'galaxy', labels: [1], action: 'added', createdAt: at(9) });
      expect(await labels()).toEqual([null, [0, 0, 0]]);
      database.corrections.add({ ...correction, labels: null, action: 'undone', createdAt: at(2) });
      expect(await labels()).toEqual([null, null]);
      const listed = await database.corrections.list({ task: 'food', sha256: correction.sha256, limit: 2 });
      expect(listed).toMatchObject([
        { action: 'undone', labels: null },
        { action: 'replaced', labels: [0, 0, 0], createdAt: at(2), predictionId: null },
      ]);
    });

    it('names the pictures to review: kept, not corrected, each once by its latest prediction, the least sure first', async () => {
      const database = await open();
      recordAll(database, [
        prediction(1, { confidence: 0.3 }),
        prediction(2, { confidence: 0.2, sha256: prediction(1).sha256 }),
        prediction(3, { confidence: 0.1, sha256: prediction(1).sha256, createdAt: prediction(1).createdAt, task: 'galaxy' }),
        prediction(4, { confidence: 0.05, uploadFile: null }),
        prediction(5, { confidence: 0.15 }),
        prediction(6, { confidence: 0.5 }),
        prediction(7, { confidence: 0.99 }),
      ]);
      const correction = { task: 'food', sha256: prediction(5).sha256, labels: [1, 0, 0], action: 'added', predictionId: null } as const;
      database.corrections.add({ ...correction, createdAt: new Date() });
      expect(filenames(await database.predictions.leastSure({ task: 'food', limit: 2 }))).toEqual(['picture 2.jpg', 'picture 6.jpg']);
      const from = prediction(6).createdAt;
      expect(filenames(await database.predictions.leastSure({ task: 'food', limit: 9, from }))).toEqual(['picture 6.jpg', 'picture 7.jpg']);
    });

    it('counts how often two versions agree, whichever answered, and what each answered', async () => {
      const database = await open();
      const other = (run: string, agrees: boolean) => ({ run, agrees, probabilities: [0, 0, 0] });
      recordAll(database, [
        prediction(1, { other: other('run-2', true) }),
        prediction(2, { other: other('run-2', false) }),
        prediction(3, { modelRun: 'run-2', other: other('run-1', true) }),
        prediction(4, { other: other('run-3', true) }),
        prediction(5, { task: 'galaxy', other: other('run-2', true) }),
        prediction(6),
      ]);
      const pair = { task: 'food', run: 'run-1', other: 'run-2' };
      expect(await database.predictions.agreement(pair)).toEqual({ compared: 3, agreed: 2 });
      expect(await database.predictions.agreement({ ...pair, other: 'run-9' })).toEqual({ compared: 0, agreed: 0 });
      expect(await database.predictions.countByModel('food')).toEqual([
        { run: 'run-1', predictions: 4 },
        { run: 'run-2', predictions: 1 },
      ]);
      expect(await database.predictions.models('bread')).toEqual([]);
    });

    it('deletes what it is told to, and says how many', async () => {
      const database = await open();
      recordAll(database, [...range(4).map((number) => prediction(number)), prediction(5, { task: 'galaxy' })]);
      expect(await database.predictions.remove({ task: 'food', before: prediction(3).createdAt })).toBe(2);
      expect(await database.predictions.remove({ task: 'galaxy' })).toBe(1);
      expect((await database.predictions.list({ limit: 9 })).total).toBe(2);
      expect(await database.predictions.remove({})).toBe(2);
      expect(await database.predictions.remove({})).toBe(0);
    });

    it('mirrors model versions, as they were last', async () => {
      const database = await open();
      const version = { run: 'run-1', createdAt: '2026-03-01T00:00:00.000Z', metrics: { auc: 0.9 } };
      database.versions.mirror('food', [{ ...version, state: 'candidate' }]);
      database.versions.mirror('food', [
        { ...version, state: 'serving', reason: 'better on 9 of 10 corrections' },
        { ...version, run: 'run-2', createdAt: '2026-03-02T00:00:00.000Z', state: 'rejected' },
      ]);
      database.versions.mirror('galaxy', [{ ...version, state: 'serving' }]);
      await database.flush();
      database.versions.mirror('food', [{ ...version, state: 'earlier' }]);
      expect(await database.versions.list('food')).toMatchObject([
        { run: 'run-2', state: 'rejected', reason: null },
        { run: 'run-1', state: 'earlier', reason: null, createdAt: new Date(version.createdAt), details: { metrics: { auc: 0.9 } } },
      ]);
    });

    it('leaves out a row that it cannot take, counts it, and writes the rows around it', async () => {
      const log = collectLog();
      const database = await openFor(await backend.create(), { log });
      await reachable(database);
      const bad = [prediction(7, { modelRun: 'a\0b' }), prediction(8, { createdAt: new Date(Number.NaN) })];
      recordAll(database, [...range(6).map((number) => prediction(number)), ...bad, ...range(3).map((number) => prediction(number + 10))]);
      const { predictions } = await database.predictions.list({ limit: 20 });
      expect(filenames(predictions)).toEqual([13, 12, 11, 6, 5, 4, 3, 2, 1].map((number) => `picture ${number}.jpg`));
      expect(database.health()).toMatchObject({ reachable: true, buffered: 0, refused: 2 });
      expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject(
        bad.map(() => ({ message: 'the database refuses a prediction: it is lost' })),
      );
    });

    it('takes a name with a zero character, which the database cannot hold', async () => {
      const database = await open();
      database.record(prediction(1, { filename: 'a\0b.jpg' }));
      expect(filenames((await database.predictions.list({ limit: 1 })).predictions)).toEqual(['a\uFFFDb.jpg']);
    });

    it('is empty after a reset, and gives no number a second time', async () => {
      const database = await open();
      await expect.poll(() => database.nextId()).not.toBeNull();
      const before = database.nextId()!;
      recordAll(database, [prediction(1, { id: before }), prediction(2)]);
      database.versions.mirror('food', [{ run: 'run-1', state: 'serving', createdAt: '2026-03-01T00:00:00Z' }]);
      await database.flush();
      database.record(prediction(3));
      await database.reset();
      expect(await database.predictions.list({ limit: 9 })).toEqual({ predictions: [], next: null, total: 0 });
      expect(await database.versions.list('food')).toEqual([]);
      recordAll(
        database,
        range(300).map((number) => prediction(number, { id: database.nextId() })),
      );
      const { predictions, total } = await database.predictions.list({ limit: 200 });
      expect(total).toBe(300);
      expect(Math.min(...predictions.map(({ id }) => id))).toBeGreaterThan(before);
    });

    it('still has everything when it is opened again', async () => {
      const place = await backend.create();
      const first = await openFor(place);
      await reachable(first);
      recordAll(
        first,
        range(20).map((number) => prediction(number)),
      );
      await first.close();
      const second = await openFor(place);
      await reachable(second);
      expect((await second.predictions.list({ limit: 1 })).total).toBe(20);
    });
  });
}

describe('the migrations', () => {
  it('make exactly the tables of the schema', async () => {
    const { root } = openWorkspace();
    const room = path.join(root, 'lib', 'server', 'database');
    const out = path.join(temporaryFolder(), 'migrations');
    cpSync(path.join(room, 'migrations'), out, { recursive: true });
    const before = readdirSync(out);
    const tool = path.join(root, 'node_modules', 'drizzle-kit', 'bin.cjs');
    const schema = path.join(room, 'schema.ts');
    const options = ['generate', '--dialect', 'postgresql', '--schema', path.relative(root, schema), '--out', path.relative(root, out)];
    const { stdout } = await promisify(execFile)(process.execPath, [tool, ...options], { cwd: root });
    expect(stdout).toContain('No schema changes');
    expect(readdirSync(out)).toEqual(before);
  });
});
