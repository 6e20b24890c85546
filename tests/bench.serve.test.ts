import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  measureTable,
  runServeBench,
  type ServeBenchConfig,
  type ServeRecord,
  serveFigure,
  serveMeasures,
  serveRecordSchema,
} from '../lib/bench';
import { percentile } from '../lib/bench/ratios';
import { type LoadRequest, runLoad } from '../lib/bench/serveLoad';
import { memoryOf } from '../lib/bench/serveMemory';
import { makePictures, withComment } from '../lib/bench/servePictures';
import { startServer } from '../lib/bench/serveProcess';
import { loadRows, summariseLoad } from '../lib/bench/serveRecord';
import { sha256 } from '../lib/files';
import { food } from '../lib/tasks';
import { median } from '../lib/timing';
import { runCommand } from './cli.fixture';
import { blobs, put, temporaryFolder, temporaryWorkspace } from './data.fixtures';
import { type TestHome, trained } from './pipeline.fixture';

describe('a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it.each([
    ['the middle of 1 to 100', 0.5, hundred, 50],
    ['95 % of 1 to 100', 0.95, hundred, 95],
    ['99 % of 1 to 100', 0.99, hundred, 99],
    ['55 % of 1 to 100, which times 100 is a little more than 55', 0.55, hundred, 55],
    ['all of 1 to 100', 1, hundred, 100],
    ['95 % of one number', 0.95, [7], 7],
    ['95 % of four numbers', 0.95, [1, 2, 3, 1000], 1000],
    ['the middle of three numbers, which is the median', 0.5, [10, 9, 100], median([10, 9, 100])],
  ])('is the smallest number that is not exceeded by %s', (_, share, values, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });

  it('of nothing is an error, and of a list leaves the list as it was', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    const values = [3, 1, 2];
    percentile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('the pictures that are sent', () => {
  it('are JPEGs of 640×480, the same every time, and no two are alike', async () => {
    const [once, again] = [await makePictures(temporaryFolder(), undefined), await makePictures(temporaryFolder(), undefined)];
    const contents = once.map(({ file }) => readFileSync(file));
    expect(again.map(({ file }) => sha256(readFileSync(file)))).toEqual(contents.map(sha256));
    expect(new Set(contents.map(sha256)).size).toBe(once.length);
    for (const content of contents) expect(await sharp(content).metadata()).toMatchObject({ format: 'jpeg', width: 640, height: 480 });
    expect(once.map(({ bytes }) => bytes)).toEqual(contents.map(({ length }) => length));
  });

  it('show the same with a comment, and are another file', async () => {
    const jpeg = await blobs('picture');
    const other = withComment(jpeg, 'number 7');
    expect(sha256(other)).not.toBe(sha256(jpeg));
    expect(await sharp(other).raw().toBuffer()).toEqual(await sharp(jpeg).raw().toBuffer());
  });
});

const servers = new Set<Server>();
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  servers.clear();
});

const answer = { predictions: [{ prediction: 'arroz' }] };

/** A server that answers as `handle` says. */
async function listen(handle: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void): Promise<string> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => handle(request, response, Buffer.concat(parts)));
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('clients', () => {
  const picture = async (): Promise<string> => {
    const folder = temporaryFolder();
    put(folder, 'picture.jpg', await blobs('picture'));
    return path.join(folder, 'picture.jpg');
  };
  const request = async (more: Partial<LoadRequest>): Promise<LoadRequest> => ({
    origin: 'http://127.0.0.1:9',
    path: '/predict',
    pictures: [await picture()],
    name: 'test',
    clients: 3,
    warmUpSeconds: 0,
    seconds: 0.5,
    ...more,
  });

  it('each send a new picture when the one before is answered, over a connection that stays', async () => {
    const ports = new Set<number>();
    const sent: string[] = [];
    let open = 0;
    let most = 0;
    const origin = await listen(async ({ socket, headers, method, url }, response, body) => {
      expect([method, url, headers['content-type']]).toEqual(['POST', '/predict', expect.stringContaining('multipart/form-data')]);
      most = Math.max(most, ++open);
      ports.add(socket.remotePort!);
      sent.push(sha256(body));
      await sleep(20);
      open--;
      response.end(JSON.stringify(answer));
    });
    const { latencies, answered, seconds, errors } = await runLoad(await request({ origin }));
    expect([most, ports.size]).toEqual([3, 3]);
    expect(new Set(sent).size).toBe(sent.length);
    expect(latencies).toHaveLength(sent.length);
    expect(Math.min(...latencies)).toBeGreaterThan(18);
    // Those under way at the end are waited for, but do not count as answered within the time.
    expect(answered).toBeGreaterThan(sent.length - 4);
    expect(answered).toBeLessThanOrEqual(sent.length);
    expect([seconds, errors]).toEqual([expect.closeTo(0.5), {}]);
  });

  it('are not counted while they warm up', async () => {
    let sent = 0;
    const origin = await listen((_, response) => {
      sent++;
      response.end(JSON.stringify(answer));
    });
    const { latencies } = await runLoad(await request({ origin, warmUpSeconds: 0.4, seconds: 0.2 }));
    expect(latencies.length).toBeGreaterThan(0);
    expect(latencies.length).toBeLessThan(sent);
  });

  it('count what comes instead of an answer, by what it is', async () => {
    let turn = 0;
    const origin = await listen((incoming, response) => {
      const kind = turn++ % 5;
      if (kind === 0) response.end(JSON.stringify(answer));
      else if (kind === 1) response.writeHead(503).end('{"code":"BUSY","message":"later"}');
      else if (kind === 2) response.writeHead(500).end('<h1>broken</h1>');
      else if (kind === 3) response.end('{"predictions":[]}');
      else incoming.socket.destroy();
    });
    const { latencies, errors } = await runLoad(await request({ origin, clients: 5, seconds: 1 }));
    expect(latencies.length).toBeGreaterThan(0);
    expect(Object.keys(errors).sort()).toEqual(['200 without a prediction', '500', '503 BUSY', 'UND_ERR_SOCKET']);
    for (const times of Object.values(errors)) expect(times).toBeGreaterThan(0);
  });

  it('count a server that is not there', async () => {
    const { latencies, answered, errors } = await runLoad(await request({ clients: 1 }));
    expect([latencies, answered, Object.keys(errors)]).toEqual([[], 0, ['ECONNREFUSED']]);
  });

  it('end with the retraining that they accompany', async () => {
    const began = performance.now();
    const origin = await listen(({ url }, response) => {
      const status = performance.now() - began < 600 ? 'running' : 'idle';
      response.end(JSON.stringify(url === '/retrain_status' ? { status } : answer));
    });
    const { seconds, answered } = await runLoad(await request({ origin, seconds: 30, whileRunning: '/retrain_status' }));
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(seconds).toBeLessThan(9);
    expect(answered).toBeGreaterThan(0);
  });
});

/** A record with plausible numbers; some fields replaced. */
function serveRecord(changes: Partial<ServeRecord> = {}): ServeRecord {
  const load = { retraining: false, seconds: 10, predictions: 800, per_second: 80, p50_ms: 90, p95_ms: 120, p99_ms: 180, errors: {} };
  return {
    schemaVersion: 1,
    kind: 'serve',
    startedAt: '2026-03-01T09:05:07.123Z',
    finishedAt: '2026-03-01T09:08:07.123Z',
    quick: false,
    threads: 2,
    hardware: {
      cpu: 'Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz',
      cores: 2,
      memoryGiB: 8,
      platform: 'linux x64',
      backend: 'onnxruntime',
    },
    loadAverage: 0.1,
    versions: { node: '20.20.2' },
    git: null,
    model: {
      run: 'run',
      backbone: 'mobilenet_v2',
      data: { name: 'food11', isSample: false },
      weights: { source: 'h5', sha256: 'ab', isStandIn: false },
    },
    pictures: { width: 640, height: 480, count: 64, bytes: 60_000, areMadeUp: false },
    config: {},
    start_ms: 6000,
    loads: [
      { ...load, clients: 1, p95_ms: 20 },
      { ...load, clients: 8 },
      { ...load, clients: 32, p95_ms: 480 },
      { ...load, clients: 1, retraining: true, p95_ms: 50 },
      { ...load, clients: 8, retraining: true, p95_ms: 180, errors: { '503 BUSY': 2 } },
    ],
    retrainings: [],
    rss_mb: { started: 200, server: 280, database: 340, retraining: 900 },
    notes: [],
    ...changes,
  };
}

describe("a load's summary", () => {
  it('has the answers a second and the percentiles of all answers', () => {
    const latencies = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(summariseLoad({ seconds: 4, answered: 98, latencies, errors: { EPIPE: 1 } }, 8, true)).toEqual({
      clients: 8,
      retraining: true,
      seconds: 4,
      predictions: 100,
      per_second: 24.5,
      p50_ms: 50,
      p95_ms: 95,
      p99_ms: 99,
      errors: { EPIPE: 1 },
    });
  });

  it('has no percentiles where nothing was answered', () => {
    const none = summariseLoad({ seconds: 0, answered: 0, latencies: [], errors: { ECONNREFUSED: 5 } }, 1, false);
    expect(none).toMatchObject({ per_second: 0, p50_ms: null, p95_ms: null, p99_ms: null });
    expect(loadRows(serveRecord({ loads: [none] }))).toEqual([expect.objectContaining({ p95: '–', errors: '5 × ECONNREFUSED' })]);
  });
});

describe("the table of the server's bench", () => {
  const verdicts = (record: ServeRecord): Record<string, string> =>
    Object.fromEntries(measureTable(serveMeasures(record)).map((row) => [row.measured!, `${row.value} (${row.target}): ${row['']}`]));

  it('says of each measure whether its target is met', () => {
    expect(verdicts(serveRecordSchema.parse(serveRecord()))).toEqual({
      'predictions, 8 clients': '80 /s (≥ 60 /s): met',
      'p95, 8 clients': '120 ms (≤ 250 ms): met',
      'p95 in a retraining: times as long, 1 client': '2.5 × (≤ 2 ×): missed',
      'p95 in a retraining: times as long, 8 clients': '1.5 × (≤ 2 ×): met',
      'requests that were not answered': '2 (≤ 0): missed',
      'peak memory of the server': '280 MB (≤ 350 MB): met',
    });
  });

  it('judges the rest where no retraining and no memory was measured', () => {
    const loads = serveRecord().loads.filter(({ retraining }) => !retraining);
    const record = serveRecord({ loads, rss_mb: { started: null, server: null, database: null, retraining: null } });
    expect(verdicts(record)).toMatchObject({
      'predictions, 8 clients': '80 /s (≥ 60 /s): met',
      'p95 in a retraining: times as long, 8 clients': '– (≤ 2 ×): not measured',
      'peak memory of the server': '– (≤ 350 MB): not measured',
    });
    expect(JSON.stringify(serveFigure(record))).not.toMatch(/NaN|retraining/);
  });

  it('goes with a figure that shows each load and what is aimed at', () => {
    const figure = serveFigure(serveRecord());
    const text = JSON.stringify(figure);
    for (const shown of ['480 ms, 80 predictions/s', '2.5 × without retraining (target ≤ 2: missed)', '280 MB', '8 clients, retraining'])
      expect(text).toContain(shown);
    const { shapes } = figure.layout as unknown as { shapes: { x0: number }[] };
    expect(shapes.map(({ x0 }) => x0)).toEqual([250, 40, 240, 350]);
  });
});

describe('the memory of a process', () => {
  it.runIf(process.platform === 'linux')('is what it holds, and nothing when it has ended', async () => {
    const [now, most] = [await memoryOf(process.pid, 'VmRSS'), await memoryOf(process.pid, 'VmHWM')];
    expect(now).toBeGreaterThan(20);
    expect(now).toBeLessThan(1.5 * (process.memoryUsage.rss() / 1e6));
    expect(most).toBeGreaterThanOrEqual(now!);
    expect(await memoryOf(2 ** 30, 'VmRSS')).toBeUndefined();
  });
});

describe('a server that is to be measured', () => {
  it.each([
    [
      'cannot start',
      'console.error("no space left"); process.exit(1)',
      /"server" ended with code 1; nothing was recorded.*:\nno space left$/,
    ],
    ['ends before it answers', '', /"server" ended by itself/],
  ])('and %s is named in the error', async (_, script, message) => {
    const cwd = temporaryFolder();
    put(cwd, 'lib/launch.cjs', script);
    await expect(startServer({ cwd })).rejects.toMatchObject({ code: 'BENCH_FAILED', message: expect.stringMatching(message) });
  });
});

/** A bench of half a minute. */
const tiny: ServeBenchConfig = {
  quick: true,
  clients: [1, 2],
  clientsInRetraining: [1],
  seconds: 1,
  warmUpSeconds: 0.3,
  secondsInRetraining: 60,
  corrections: 3,
};

describe('a whole bench of the server', () => {
  let home: TestHome;
  let temporary: string;
  beforeAll(async () => {
    home = await trained();
  });
  beforeEach(() => {
    temporary = temporaryFolder();
    vi.stubEnv('TMPDIR', temporary);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  const homes = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('visionbook-bench-'));

  it('measures the current model, alone and in a retraining, and leaves its record alone behind', async () => {
    const { workspace: other, env } = home;
    const { experiments } = temporaryWorkspace();
    const workspace = {
      ...other,
      bench: (...of: Parameters<typeof other.bench>) => path.join(experiments, path.basename(other.bench(...of))),
    };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const served = readFileSync(workspace.currentModel('food'), 'utf8');

    const record = await runServeBench({ workspace, task: food, config: tiny });

    expect(readdirSync(experiments)).toEqual([expect.stringMatching(/^\d{8}T\d{6}Z-serve\.json$/)]);
    expect(serveRecordSchema.parse(JSON.parse(readFileSync(workspace.bench(record.startedAt, 'json', 'serve'), 'utf8')))).toEqual(record);
    expect(record).toMatchObject({
      quick: true,
      model: { run: JSON.parse(served).run, backbone: 'mobilenet_v2' },
      pictures: { areMadeUp: false },
    });
    expect(record.loads.map(({ clients, retraining, errors }) => [clients, retraining, errors])).toEqual([
      [1, false, {}],
      [2, false, {}],
      [1, true, {}],
    ]);
    for (const { predictions, p50_ms, p99_ms } of record.loads) {
      expect(predictions).toBeGreaterThan(0);
      expect(p50_ms).toBeLessThanOrEqual(p99_ms!);
    }
    expect(record.retrainings).toEqual([{ verdict: expect.stringMatching(/^(promoted|rejected)$/), reason: expect.any(String) }]);
    if (process.platform === 'linux') for (const megabytes of Object.values(record.rss_mb)) expect(megabytes).toBeGreaterThan(50);
    expect(homes()).toEqual([]);
    expect(readFileSync(workspace.currentModel('food'), 'utf8')).toBe(served);
    expect(existsSync(workspace.pendingCsv)).toBe(false);
  }, 240_000);

  it('without a model says what to run, and leaves nothing behind', async () => {
    const workspace = temporaryWorkspace();
    const { code, stdout, stderr } = await runCommand(
      { env: { VISIONBOOK_HOME: path.dirname(workspace.outputs) } },
      'bench',
      'serve',
      '--quick',
    );
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'there is no food model yet: run npm run train -- food (NO_MODEL)\n',
    });
    expect([homes(), existsSync(path.dirname(workspace.bench('', 'json')))]).toEqual([[], false]);
  });
});
