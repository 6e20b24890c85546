import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { batchesOf, batchRows, cancelBatch, checkNotQueued, type Job, openQueue, type Queue, waitForBatch } from '../lib/jobs';
import type { Workspace } from '../lib/workspace';
import { temporaryWorkspace } from './data.fixtures';
import { collectLog, postgresBackend } from './server.database.fixtures';

/** PGlite takes some seconds to make an empty database: it is made once, and copied. */
const template = temporaryWorkspace();
beforeAll(async () => {
  await (await openQueue({ workspace: template, log: collectLog(), env: {} })).close();
});

async function copyOfTemplate(): Promise<Workspace> {
  const workspace = temporaryWorkspace();
  await cp(template.jobs, workspace.jobs, { recursive: true });
  return workspace;
}

const postgres = postgresBackend();
const backends = [
  { name: 'PGlite', missing: undefined, place: async () => ({ workspace: await copyOfTemplate(), env: {} }) },
  {
    name: 'PostgreSQL',
    missing: postgres.missing,
    place: async () => {
      const { workspace, url } = (await postgres.create()).options;
      return { workspace, env: { DATABASE_URL: url } };
    },
  },
];

/** The shortest lease there is. */
const lease = { VISIONBOOK_JOB_LEASE: '3' };

async function open({ workspace, env }: { readonly workspace: Workspace; readonly env: object }): Promise<Queue> {
  const queue = await openQueue({ workspace, log: collectLog(), env: { ...lease, ...env } });
  onTestFinished(() => queue.close());
  return queue;
}

const trial = (name: string, batch = 'sweep'): { job: Job } => ({ job: { kind: 'trial', batch, trial: name } });

/** Takes a job as a worker does who asks until there is one. */
async function take(queue: Queue): Promise<NonNullable<Awaited<ReturnType<Queue['take']>>>> {
  for (;;) {
    const job = await queue.take();
    if (job) return job;
    await sleep(100);
  }
}

for (const { name, missing, place } of backends) {
  describe.skipIf(missing)(`the queue on ${name}`, () => {
    it('has a job once, however often it is sent, and anew when it is done', async () => {
      const queue = await open(await place());
      await queue.send([trial('1')]);
      await queue.send([trial('2'), trial('1')]);
      const job = (await queue.take())!;
      expect(job.data).toEqual(trial('1').job);
      await queue.send([trial('1')]);
      const other = (await queue.take())!;
      expect(other.data).toEqual(trial('2').job);
      expect(await queue.take()).toBeUndefined();
      await queue.complete(job, { value: 0.5 });
      expect(await queue.list('sweep')).toMatchObject([{ state: 'completed', output: { value: 0.5 } }, { state: 'active' }]);
      await queue.renew(other);
      const afterwards = await queue.now();
      await queue.send([trial('1')]);
      expect((await queue.take())!.data).toEqual(trial('1').job);
      await queue.complete(other, {});
      await queue.send([trial('2')], afterwards); // its sender may have looked before it was done
      expect(await queue.take()).toBeUndefined();
      await queue.send([trial('2')], await queue.now());
      expect((await queue.take())!.data).toEqual(trial('2').job);
    });

    it('gives a job to another worker when its own is silent, and leaves it to one that renews', async () => {
      const where = await place();
      const [doomed, other] = [await open(where), await open(where)];
      await doomed.send([trial('silent'), trial('renewed')]);
      const jobs = [(await doomed.take())!, (await doomed.take())!];
      const silent = jobs.find(({ data }) => (data as Job & { trial: string }).trial === 'silent')!;
      const renewed = jobs.find((job) => job !== silent)!;
      const renewing = setInterval(() => void doomed.renew(renewed, { label: 'epochs', done: 1, total: 2 }).catch(() => {}), 500);
      onTestFinished(() => clearInterval(renewing));
      const again = await take(other);
      expect(again).toMatchObject({ id: silent.id, retryCount: 1 });
      expect([await doomed.renew(silent), await other.renew(again), await doomed.renew(renewed)]).toEqual([false, true, true]);
      await doomed.release(silent); // no longer its own to give back
      expect(await other.take()).toBeUndefined();
    });

    it('tries a job again that failed, and not for ever; one that was given back counts as not begun', async () => {
      const queue = await open(await place());
      await queue.send([trial('1')]);
      await queue.release((await queue.take())!);
      const job = (await queue.take())!;
      expect(job.retryCount).toBe(0);
      for (const retryCount of [1, 2, 3]) {
        await queue.fail(job, new Error('disk full'));
        expect(await take(queue)).toMatchObject({ id: job.id, retryCount });
      }
      await queue.renew({ ...job, retryCount: 3 }, { label: 'epochs', done: 1, total: 2 });
      expect(batchRows(batchesOf(await queue.list()))).toEqual([
        { batch: 'sweep', kind: 'trial', waiting: 0, running: 1, done: 0, failed: 0, cancelled: 0, 'begun anew': 3, now: 'epochs 1/2' },
      ]);
      await queue.fail(job, new Error('disk full'));
      await expect(waitForBatch(queue, 'sweep')).rejects.toThrow(/jobs of sweep failed.*\n\s+disk full/s);
      await queue.send([trial('1')]);
      expect(await queue.take()).toBeUndefined();
      await queue.forget('sweep');
      await queue.send([trial('1')]);
      expect(await queue.take()).toMatchObject({ id: job.id, retryCount: 0 });
    });

    it('tells who would train a sweep here that workers have it, until it is done or taken back', async () => {
      const { workspace, env } = await place();
      const check = (id: string): Promise<void> => checkNotQueued({ workspace, log: collectLog(), env }, { id });
      const queue = await open({ workspace, env });
      await queue.send([trial('1', 'done'), trial('2', 'done'), trial('1', 'taken-back')]);
      const jobs = [(await take(queue))!, (await take(queue))!, (await take(queue))!];
      const [one, other] = jobs.filter(({ data }) => (data as Job).batch === 'done');
      await queue.fail(one!, new Error('disk full'));
      await expect(check('done')).rejects.toMatchObject({ code: 'SWEEP_QUEUED', message: expect.stringMatching(/2 trials are/) });
      await queue.complete(other!, {});
      await expect(check('done')).rejects.toThrow(/1 trial is/);
      await queue.complete(await take(queue), {});
      await check('done');
      await expect(check('taken-back')).rejects.toThrow(/npm run worker .*--jobs.* npm run jobs -- cancel n-back/);
      await cancelBatch(queue, 'taken-back');
      await check('taken-back');
    });

    it('takes back what is not done, and who waits for it hears of it', async () => {
      const queue = await open(await place());
      await queue.send([trial('1', 'a-sweep')]);
      await queue.send([trial('2', 'a-sweep'), trial('1', 'b-sweep')]);
      const job = (await queue.take())!;
      await expect(cancelBatch(queue, 'sweep')).rejects.toThrow(/use the end of one of a-sweep, b-sweep/);
      expect(await cancelBatch(queue, 'a-sweep')).toEqual({ batch: 'a-sweep', jobs: 2 });
      expect(await queue.renew(job)).toBe(false);
      await expect(waitForBatch(queue, 'a-sweep')).rejects.toThrow(/were cancelled/);
      expect((await queue.take())!.data).toEqual(trial('1', 'b-sweep').job);
      const controller = new AbortController();
      controller.abort();
      expect(await waitForBatch(queue, 'b-sweep', { signal: controller.signal })).toBe(false);
    });
  });
}

describe('PGlite', () => {
  it('is shared by those who come later, and goes on when the first leaves', async () => {
    const where = { workspace: await copyOfTemplate(), env: {} };
    const first = await openQueue({ workspace: where.workspace, log: collectLog(), env: {} });
    const [second, third] = [await open(where), await open(where)];
    await Promise.all(Array.from({ length: 20 }, (_, index) => [first, second, third][index % 3]!.send([trial(String(index))])));
    await first.close();
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, index) => take([second, third][index % 2]!)));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(20);
    expect(await second.list('sweep')).toHaveLength(20);
  });
});

describe('who would train a sweep here', () => {
  it('asks no database that was not made, and makes none', async () => {
    const workspace = temporaryWorkspace();
    await checkNotQueued({ workspace, log: collectLog(), env: {} }, { id: 'sweep' });
    expect(existsSync(workspace.outputs)).toBe(false);
  });

  it.skipIf(postgres.missing)('makes no tables where there are none', async () => {
    const { workspace, url } = (await postgres.create()).options;
    const client = new pg.Client({ connectionString: url! });
    await client.connect();
    onTestFinished(() => client.end());
    await checkNotQueued({ workspace, log: collectLog(), env: { DATABASE_URL: url } }, { id: 'sweep' });
    const { rows } = await client.query("select 1 from information_schema.tables where table_schema = 'visionbook_jobs'");
    expect(rows).toEqual([]);
  });
});

it.each([
  [{ DATABASE_URL: 'mysql://here' }, 'BAD_DATABASE_URL'],
  [{ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, 'JOBS_AWAY'],
  [{ VISIONBOOK_JOB_LEASE: '1' }, 'BAD_LEASE'],
  [{ VISIONBOOK_JOB_LEASE: 'soon' }, 'BAD_LEASE'],
])('is not opened with %j', async (env, code) => {
  await expect(openQueue({ workspace: temporaryWorkspace(), log: collectLog(), env })).rejects.toMatchObject({ code });
});
