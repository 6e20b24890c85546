import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  activationExchange,
  type Bucket,
  bringContents,
  bringDataset,
  bringRuns,
  Claims,
  makeRunsOnce,
  openBucket,
  openExchange,
  sendContents,
  sendDataset,
  sendRun,
} from '../lib/bucket';
import { mapOnCores, readDataset } from '../lib/data';
import { loadTensorFlow } from '../lib/engine';
import { type RunRecord, readRun, readRuns } from '../lib/experiments';
import { sha256 } from '../lib/files';
import { graphOf, preprocessings } from '../lib/models';
import { food } from '../lib/tasks';
import { type ActivationRequest, listStore, openActivations } from '../lib/training';
import type { Workspace } from '../lib/workspace';
import { motoPython, type S3Server, startS3 } from './bucket.fixture';
import { blobs, put, temporaryFolder, temporaryWorkspace } from './data.fixtures';
import { putRun, runRecord } from './experiments.helpers';
import { randomClassifier } from './models.fixtures';
import { type TestHome, trained } from './pipeline.fixture';

afterEach(() => vi.unstubAllEnvs());

/** Nothing but this says who may use a bucket. */
function setEnvironment(env: Record<string, string>): void {
  const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true', HOME: '/nonexistent' };
  for (const [name, value] of Object.entries({ ...none, ...env })) vi.stubEnv(name, value);
}

it.each([
  [{ VISIONBOOK_BUCKET: '' }, 'NO_BUCKET'],
  [{ VISIONBOOK_BUCKET: 'visionbook/prefix' }, 'BAD_BUCKET'],
  [{ VISIONBOOK_BUCKET: 's3://Capitals' }, 'BAD_BUCKET'],
  [{ VISIONBOOK_BUCKET: 's3://visionbook', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' }, 'NO_BUCKET_CREDENTIALS'],
  [
    { VISIONBOOK_BUCKET: 's3://visionbook', AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    'BUCKET_AWAY',
  ],
])('a bucket is not opened with %j', async (env, code) => {
  setEnvironment(env);
  await expect(openBucket()).rejects.toMatchObject({ code });
});

describe.skipIf(!motoPython)('a bucket on an S3 server', () => {
  let server: S3Server;
  let bucket: Bucket;
  let prefix = 0;
  beforeAll(async () => {
    server = await startS3(motoPython!);
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    setEnvironment(server.env(`a/b${++prefix}/`));
    bucket = await openBucket();
  });

  /** Another content in place of an object's, with the SHA-256 that the right one has. */
  async function damage(key: string, content: string, hash: string): Promise<void> {
    const client = new S3Client({ endpoint: server.url, region: 'us-east-1', forcePathStyle: true });
    const at = { Bucket: 'visionbook', Key: `a/b${prefix}/${key}` };
    await client.send(new PutObjectCommand({ ...at, Body: content, Metadata: { sha256: hash } }));
  }

  it.each([
    [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, 'BUCKET_DENIED', /SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/],
    [{ AWS_ACCESS_KEY_ID: 'nobody' }, 'BUCKET_DENIED', /listing s3:.*InvalidAccessKeyId/],
    [{ VISIONBOOK_BUCKET: 's3://other/prefix' }, 'BUCKET_MISSING', /no bucket "other" at http:/],
  ])('is not opened with %j', async (env, code, message) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    await expect(openBucket()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('gives back what was written, below its own prefix', async () => {
    expect(bucket.url).toBe(`s3://visionbook/a/b${prefix}`);
    expect(await bucket.read('x/é +.json')).toBeUndefined();
    const first = await bucket.write('x/é +.json', Buffer.from('one'));
    const second = await bucket.write('x/é +.json', Buffer.from('other'));
    expect(first).not.toBe(second);
    expect(await bucket.tagOf('x/é +.json')).toBe(second);
    expect((await bucket.read('x/é +.json'))?.toString()).toBe('other');
    expect(await bucket.list('x/')).toEqual([{ key: 'x/é +.json', bytes: 5 }]);
    expect(await bucket.list('é')).toEqual([]);
    await bucket.remove('x/é +.json');
    await bucket.remove('x/é +.json');
    expect(await bucket.tagOf('x/é +.json')).toBeUndefined();
  });

  it('writes only where there is nothing, or what one knows', async () => {
    const tag = (await bucket.write('claim', Buffer.from('1'), 'absent'))!;
    expect(await bucket.write('claim', Buffer.from('2'), 'absent')).toBeUndefined();
    expect(await bucket.write('claim', Buffer.from('3'), { tag })).not.toBe(tag);
    expect(await bucket.write('claim', Buffer.from('4'), { tag })).toBeUndefined();
    expect(await bucket.write('nothing', Buffer.from('5'), { tag })).toBeUndefined();
    expect((await bucket.read('claim'))?.toString()).toBe('3');
  });

  it('lists more objects than a page holds', async () => {
    const names = Array.from({ length: 1001 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
    await mapOnCores(names, (name) => bucket.write(name, Buffer.from('.')), 16);
    expect((await bucket.list('many/')).map(({ key }) => key)).toEqual(names);
  });

  it('refuses an object that is not what was written, and names it', async () => {
    const folder = temporaryFolder();
    put(folder, 'picture.jpg', 'right');
    const [hash] = (await sendContents(bucket, [path.join(folder, 'picture.jpg')])) as [string];
    await damage(`contents/${hash}`, 'wrong', hash);
    const file = path.join(folder, 'brought.jpg');
    const error = { code: 'OBJECT_DAMAGED', message: expect.stringContaining(`${bucket.url}/contents/${hash} is damaged: its SHA-256 is`) };
    await expect(bringContents(bucket, [{ file, sha256: hash }])).rejects.toMatchObject(error);
    expect(existsSync(file)).toBe(false);
    await bucket.remove(`contents/${hash}`);
    await expect(bringContents(bucket, [{ file, sha256: hash }])).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  });

  it('lets one machine alone do a piece of work, until it is silent for too long', async () => {
    const [one, other] = [new Claims(bucket, 600), new Claims(bucket, 600)];
    const release = (await one.take('work'))!;
    for (let look = 0; look < 4; look++) {
      expect(await other.take('work')).toBeUndefined();
      await sleep(300);
    }
    await release();
    await (await other.take('work'))!();
    await bucket.write('claims/work', Buffer.from('of a machine that is gone'));
    expect(await one.take('work')).toBeUndefined();
    const since = performance.now();
    await one.whenFree('work', async () => {});
    expect(performance.now() - since).toBeGreaterThan(500);
    expect(await bucket.list('claims/')).toEqual([]);
  });

  describe('for workspaces', () => {
    let home: TestHome;
    beforeAll(async () => {
      home = await trained();
    });

    it('brings a data set as it was, sent once', async () => {
      const dataset = await readDataset(home.workspace, food);
      await sendDataset(bucket, home.workspace, food, dataset);
      const write = vi.spyOn(bucket, 'write');
      await sendDataset(bucket, home.workspace, food, dataset);
      expect(write).not.toHaveBeenCalled();
      const { desk } = openExchange(bucket, temporaryWorkspace());
      const place = await bringDataset(bucket, desk, 'food', dataset.fingerprint);
      expect(await readDataset(place, food)).toMatchObject({ fingerprint: dataset.fingerprint, card: dataset.card });
      const lost = (await readDataset(place, food)).pictures[0]!;
      rmSync(lost.path);
      rmSync(place.labelsCsv); // as where the worker was killed while it brought it
      await bringDataset(bucket, desk, 'food', dataset.fingerprint);
      expect(sha256(readFileSync(lost.path))).toBe(lost.sha256);
    });

    it('brings a data set that is not there to nobody', async () => {
      const { desk } = openExchange(bucket, temporaryWorkspace());
      await expect(bringDataset(bucket, desk, 'food', 'f0')).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    });

    it('brings runs with their models, and leaves those that are here', async () => {
      const { runs } = await readRuns(home.workspace);
      for (const run of runs) await sendRun(bucket, home.workspace, run);
      const other = temporaryWorkspace();
      const ids = runs.map(({ id }) => id).sort();
      expect((await bringRuns(bucket, other, '2')).sort()).toEqual(ids);
      expect(await readRun(other, ids[0]!)).toEqual(await readRun(home.workspace, ids[0]!));
      expect(existsSync(other.model('food', ids[0]!))).toBe(false);
      expect((await bringRuns(bucket, other, '2', { withFiles: true })).sort()).toEqual(ids);
      expect(await bringRuns(bucket, other, '2', { withFiles: true })).toEqual([]);
      const card = path.join(other.model('food', ids[0]!), 'card.json');
      expect(readFileSync(card)).toEqual(readFileSync(path.join(home.workspace.model('food', ids[0]!), 'card.json')));
    });

    it('keeps the first of two records of a run, and replaces one that was cut short', async () => {
      const [first, second] = [temporaryWorkspace(), temporaryWorkspace()];
      const record = (workspace: Workspace, changes: Partial<RunRecord>): RunRecord => {
        const run = runRecord({ id: 'sweep.1', ...changes });
        putRun(workspace, run.id, run);
        return run;
      };
      await sendRun(bucket, first, record(first, { seed: 1 }));
      await sendRun(bucket, second, record(second, { seed: 2 }));
      record(second, { seed: 2, status: 'running' });
      expect(await bringRuns(bucket, second, 'sweep.')).toEqual(['sweep.1']);
      expect((await readRun(second, 'sweep.1')).seed).toBe(1);
    });

    it('takes no file from a record that leads out of the workspace', async () => {
      const workspace = temporaryWorkspace();
      const artifacts = [{ path: '../outside', sha256: sha256('x'), bytes: 1 }];
      const run = runRecord({ id: 'sweep.1', artifacts });
      await bucket.write('experiments/sweep.1/run.json', Buffer.from(JSON.stringify(run)));
      const refusal = { code: 'OBJECT_DAMAGED', message: expect.stringContaining('"../outside"') };
      await expect(bringRuns(bucket, workspace, 'sweep.', { withFiles: true })).rejects.toMatchObject(refusal);
    });

    it('has a run that many need made by one machine', async () => {
      const exchanges = [temporaryWorkspace(), temporaryWorkspace()].map((workspace) => openExchange(bucket, workspace));
      const made: number[] = [];
      const seeds = await Promise.all(
        exchanges.map((exchange, number) =>
          makeRunsOnce(exchange, ['sweep.start'], async () => {
            const { runs } = await readRuns(exchange.desk);
            if (runs[0]) return runs[0].seed;
            made.push(number);
            await sleep(200);
            putRun(exchange.desk, 'sweep.start', runRecord({ id: 'sweep.start', seed: number }));
            return number;
          }),
        ),
      );
      expect(made).toHaveLength(1);
      expect(seeds).toEqual([made[0], made[0]]);
    });
  });

  describe('for activation stores', () => {
    let base: Omit<ActivationRequest, 'folder'>;
    beforeAll(async () => {
      const { tf } = await loadTensorFlow();
      const images = temporaryFolder();
      mkdirSync(images, { recursive: true });
      const pictures = await Promise.all(
        Array.from({ length: 12 }, async (_, index) => {
          const content = await blobs(`picture ${index}`);
          writeFileSync(path.join(images, `${index}.jpg`), content);
          return { path: path.join(images, `${index}.jpg`), sha256: sha256(content) };
        }),
      );
      const tensors = ['block_13_project', 'global_average_pooling2d'];
      base = { frozen: graphOf(randomClassifier(tf).model), tensors, preprocessing: preprocessings.mobilenet_v2, pictures };
    });

    /** A machine with an empty store. */
    function machine(): {
      readonly folder: string;
      open(changes?: Partial<ActivationRequest>): Promise<{ computed: number; values: Float32Array }>;
    } {
      const folder = temporaryFolder();
      const exchange = activationExchange(bucket, new Claims(bucket));
      return {
        folder,
        open: async (changes = {}) => {
          let computed = 0;
          const onProgress = ({ done }: { readonly done: number }): void => {
            computed = done;
          };
          const request = { ...base, folder, exchange, onProgress, ...changes };
          const activations = await openActivations(request);
          const values = activations.read('global_average_pooling2d', [...request.pictures.keys()]);
          activations.close();
          return { computed, values };
        },
      };
    }

    it('has what two machines need at once computed by one of them', async () => {
      const machines = [machine(), machine()];
      const results = await Promise.all(machines.map(({ open }) => open()));
      expect(results.map(({ computed }) => computed).sort()).toEqual([0, 12]);
      expect(results[0]!.values).toEqual(results[1]!.values);
      expect(await bucket.list('activations/')).toHaveLength(4);
      expect(await bucket.list('claims/')).toEqual([]);
      expect(await listStore(machines[0]!.folder)).toHaveLength(2);
    });

    it('computes only what no machine has', async () => {
      const [one, other] = [machine(), machine()];
      await one.open({ pictures: base.pictures.slice(0, 8), tensors: ['global_average_pooling2d'] });
      const { computed } = await other.open({ tensors: ['global_average_pooling2d'] });
      expect(computed).toBe(4);
    });

    it('refuses a segment that is damaged, and does not take it for whole', async () => {
      const [one, other] = [machine(), machine()];
      await one.open();
      const data = (await bucket.list('activations/')).find(({ key }) => key.endsWith('.f16'))!.key;
      await damage(data, 'short', sha256('long'));
      const refusal = { code: 'OBJECT_DAMAGED', message: expect.stringContaining(`${bucket.url}/${data}`) };
      await expect(other.open()).rejects.toMatchObject(refusal);
    });
  });
});
