import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../lib/files';
import {
  downloadWeights,
  findOfficialWeights,
  firstUsable,
  listWeights,
  type OfficialWeights,
  officialWeights,
  type WeightsSource,
  weightsToFetch,
} from '../lib/models';
import type { Progress } from '../lib/progress';
import { temporaryFolder, temporaryWorkspace } from './data.fixtures';

const content = Buffer.concat([Buffer.from('\x89HDF', 'latin1'), Buffer.alloc(300_000, 7)]);
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const whole: http.RequestListener = (_request, response) => {
  response.setHeader('content-length', content.length);
  response.end(content);
};
/** Sends a third of the file, then breaks the connection. */
const cut: http.RequestListener = (_request, response) => {
  response.setHeader('content-length', content.length);
  response.write(content.subarray(0, 100_000), () => setTimeout(() => response.socket!.destroy(), 50));
};
const answering =
  (status: number, body = '<html>'): http.RequestListener =>
  (_request, response) => {
    response.statusCode = status;
    response.end(body);
  };

const servers: net.Server[] = [];
async function listen<Server extends net.Server>(server: Server): Promise<{ server: Server; at: string }> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, at: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('the download of official weights', () => {
  let folder: string;
  let requests: number;
  let answer: http.RequestListener;
  let host: string;
  const target = (changes: Partial<OfficialWeights> = {}): OfficialWeights => ({ file: 'some.h5', url: `${host}/some.h5`, ...changes });
  const stored = (): string[] => readdirSync(folder).sort();

  beforeEach(async () => {
    for (const name of ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY']) vi.stubEnv(name, undefined);
    vi.stubEnv('VISIONBOOK_OFFLINE', '');
    folder = path.join(temporaryFolder(), 'weights');
    requests = 0;
    answer = whole;
    const { at } = await listen(
      http.createServer((request, response) => {
        requests++;
        answer(request, response);
      }),
    );
    host = `http://${at}`;
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    for (const server of servers.splice(0)) {
      (server as http.Server).closeAllConnections?.();
      server.close();
    }
  });

  it('gives the whole file with its hash, once, and says how far it is', async () => {
    const progress: Progress[] = [];
    const first = await downloadWeights(target({ md5: md5(content) }), { folder, onProgress: (step) => progress.push(step) });
    expect(first).toEqual({ file: path.join(folder, 'some.h5'), sha256: sha256(content) });
    expect(readFileSync(first.file)).toEqual(content);
    expect(progress.at(-1)).toMatchObject({ label: 'downloading some.h5', done: 0.3, total: 0.3 });
    expect(await downloadWeights(target(), { folder })).toEqual(first);
    expect(requests).toBe(1);
    expect(stored()).toEqual(['some.h5', 'some.h5.json']);
  });

  it.each([
    ['the server refuses', () => answering(403), /the server answers 403 Forbidden/],
    ['there is no such file', () => answering(404), /the server answers 404 Not Found/],
    ['a page comes instead of the file', () => answering(200), /what came is no HDF5 file/],
    ['nothing comes', () => answering(200, ''), /the connection broke after 0 MiB/],
    ['the connection breaks twice', () => cut, /the connection broke after 0.1 of 0.3 MiB/],
  ])('fails, and leaves no file, when %s', async (_case, makeAnswer, reason) => {
    answer = makeAnswer();
    await expect(downloadWeights(target(), { folder })).rejects.toMatchObject({
      code: 'WEIGHTS_DOWNLOAD_FAILED',
      message: expect.stringMatching(reason),
    });
    expect(stored()).toEqual([]);
  });

  it('starts again when the connection breaks once', async () => {
    answer = (request, response) => (requests === 1 ? cut : whole)(request, response);
    expect((await downloadWeights(target(), { folder })).sha256).toBe(sha256(content));
    expect(requests).toBe(2);
  });

  it('refuses a file with another hash than Keras names', async () => {
    await expect(downloadWeights(target({ md5: md5(Buffer.from('another')) }), { folder })).rejects.toThrow(/its MD5 is .* and not/);
    expect(stored()).toEqual([]);
  });

  it('brings a file again that has changed on disk, or whose record is damaged', async () => {
    const { file } = await downloadWeights(target(), { folder });
    writeFileSync(file, content.subarray(0, 1000));
    expect((await downloadWeights(target(), { folder })).sha256).toBe(sha256(content));
    writeFileSync(`${file}.json`, '{"url"');
    await downloadWeights(target(), { folder });
    expect(requests).toBe(3);
    expect(readFileSync(file)).toEqual(content);
  });

  it('takes a file that was put there by hand, unless Keras names another hash', async () => {
    await downloadWeights(target(), { folder });
    writeFileSync(path.join(folder, 'mine.h5'), 'mine');
    expect((await downloadWeights(target({ file: 'mine.h5' }), { folder })).sha256).toBe(sha256('mine'));
    expect((await downloadWeights(target({ file: 'mine.h5', md5: md5(content) }), { folder })).sha256).toBe(sha256(content));
  });

  it('gives up soon on a server that never answers, and on one that falls silent', async () => {
    const { at: mute } = await listen(net.createServer(() => {}));
    const slow = { folder, connectSeconds: 0.2, silenceSeconds: 0.2 };
    await expect(downloadWeights(target({ url: `https://${mute}/some.h5` }), slow)).rejects.toThrow(/does not answer/);
    await expect(downloadWeights(target({ url: `http://${mute}/some.h5` }), slow)).rejects.toThrow(/does not answer/);
    answer = (_request, response) => {
      response.setHeader('content-length', content.length);
      response.write(content.subarray(0, 150_000));
    };
    await expect(downloadWeights(target(), slow)).rejects.toThrow(/the connection broke after 0.1 of 0.3 MiB/);
  });

  it('says that there is no connection', async () => {
    const { server, at } = await listen(net.createServer());
    await new Promise((resolve) => server.close(resolve));
    await expect(downloadWeights(target({ url: `http://${at}/some.h5` }), { folder })).rejects.toThrow(
      `there is no connection to ${at} (ECONNREFUSED)`,
    );
  });

  it('goes through the proxy that the environment names, except to hosts that need none', async () => {
    const tunnelled: string[] = [];
    const proxy = http.createServer(answering(400));
    proxy.on('connect', (request, socket) => {
      tunnelled.push(request.url!);
      const [name, port] = request.url!.split(':') as [string, string];
      const upstream = net.connect(Number(port), name, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
    });
    const { at } = await listen(proxy);
    vi.stubEnv('HTTP_PROXY', `http://${at}`);
    await downloadWeights(target(), { folder });
    expect(tunnelled).toEqual([host.slice('http://'.length)]);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await downloadWeights(target({ file: 'other.h5' }), { folder });
    expect(tunnelled).toHaveLength(1);
    expect(requests).toBe(2);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    await expect(downloadWeights(target(), { folder, onProgress, signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(stored()).toEqual([]);
  });

  it('happens once where two processes want the file', async () => {
    answer = (request, response) => void setTimeout(() => whole(request, response), 500);
    const script = path.join(temporaryFolder(), 'download.cjs');
    writeFileSync(
      script,
      `require(${JSON.stringify(path.resolve('node_modules/tsx/dist/cjs/index.cjs'))});
       const { downloadWeights } = require(${JSON.stringify(path.resolve('lib/models/weightsDownload.ts'))});
       downloadWeights(${JSON.stringify(target())}, { folder: ${JSON.stringify(folder)} }).then(({ sha256 }) => console.log(sha256));`,
    );
    const run = (): Promise<string> =>
      new Promise((resolve) => {
        let printed = '';
        const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
        child.stdout.on('data', (text) => {
          printed += text;
        });
        child.on('close', () => resolve(printed.trim()));
      });
    expect(await Promise.all([run(), run()])).toEqual([sha256(content), sha256(content)]);
    expect(requests).toBe(1);
    expect(stored()).toEqual(['some.h5', 'some.h5.json']);
  });

  describe('of a backbone', () => {
    const mobilenet = { name: 'mobilenet_v2', alpha: 1 };
    beforeEach(() => {
      vi.stubEnv('VISIONBOOK_WEIGHTS_HOST', host);
    });

    it('that fails says so in one line, once, and is not tried again', async () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      answer = answering(403);
      expect(await findOfficialWeights(mobilenet, 224, { folder })).toBeUndefined();
      expect(await findOfficialWeights(mobilenet, 224, { folder })).toBeUndefined();
      expect(requests).toBe(1);
      expect(warn.mock.calls).toEqual([[expect.stringMatching(/^http.*no_top\.h5 could not be downloaded: the server answers 403/)]]);
    });

    it('is not tried with VISIONBOOK_OFFLINE=1; what is there counts', async () => {
      vi.stubEnv('VISIONBOOK_OFFLINE', '1');
      expect(await findOfficialWeights(mobilenet, 224, { folder })).toBeUndefined();
      expect(requests).toBe(0);
      const official = officialWeights(mobilenet, 224)!;
      await downloadWeights(official, { folder });
      expect(await findOfficialWeights(mobilenet, 224, { folder })).toMatchObject({ sha256: sha256(content) });
      expect(existsSync(path.join(folder, official.file))).toBe(true);
    });
  });

  it.each([
    [
      { name: 'mobilenet_v2', alpha: 1 },
      224,
      'tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5',
    ],
    [
      { name: 'mobilenet_v2', alpha: 0.35 },
      96,
      'tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5',
    ],
    [
      { name: 'mobilenet_v2', alpha: 1.4 },
      256,
      'tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224_no_top.h5',
    ],
    [{ name: 'efficientnet_b0' }, 224, 'keras-applications/efficientnetb0_notop.h5'],
  ])('knows where Keras keeps the weights of %o for %d pixels', (backbone, size, url) => {
    expect(officialWeights(backbone, size, 'https://storage.googleapis.com')!.url).toBe(`https://storage.googleapis.com/${url}`);
  });

  it('shows in the list of weights: what is there with its hash, what is damaged, what is missing', async () => {
    const workspace = temporaryWorkspace();
    const [mobilenet] = weightsToFetch('mobilenet_v2');
    const { file } = await downloadWeights({ ...mobilenet!, url: `${host}/some.h5` }, { folder: workspace.weights });
    const named = path.join(temporaryFolder(), 'mine.h5');
    writeFileSync(named, 'mine');
    expect(await listWeights(workspace, named)).toEqual([
      { backbone: 'any', kind: 'named', found: named, sha256: sha256('mine') },
      { backbone: 'mobilenet_v2 1.0', kind: 'downloaded', found: file, sha256: sha256(content) },
      { backbone: 'efficientnet_b0', kind: 'downloaded', found: 'none yet: npm run weights -- fetch' },
      expect.objectContaining({ backbone: 'efficientnet_lite0', kind: 'package' }),
      { backbone: 'mobilenet_v2 1.0', kind: 'stand-in', found: expect.stringMatching(/stand-in/), sha256: expect.any(String) },
    ]);
    writeFileSync(file, 'half');
    const [lost, damaged] = await listWeights(workspace, '/nowhere.h5');
    expect(lost).toMatchObject({ found: '/nowhere.h5, which VISIONBOOK_WEIGHTS names, is not there' });
    expect(damaged).toMatchObject({ found: 'damaged: npm run weights -- fetch' });
  });

  it('are used in the order of that list, where they are of the backbone or bring their own', () => {
    const there = (backbone: string, kind: WeightsSource['kind']): WeightsSource => ({ backbone, kind, found: 'f', sha256: 'aa' });
    const sources = [
      there('any', 'named'),
      there('mobilenet_v2 1.0', 'downloaded'),
      { backbone: 'efficientnet_b0', kind: 'downloaded', found: 'none yet' } as const,
      there('efficientnet_lite0', 'package'),
      there('mobilenet_v2 1.0', 'stand-in'),
    ];
    expect(firstUsable(sources, 'efficientnet_b0')?.kind).toBe('named');
    expect(firstUsable(sources.slice(1), 'mobilenet_v2')?.kind).toBe('downloaded');
    expect(firstUsable(sources.slice(1), 'efficientnet_b0')?.kind).toBe('package');
    expect(firstUsable(sources.slice(4), 'mobilenet_v2')?.kind).toBe('stand-in');
    expect(firstUsable(sources.slice(4), 'efficientnet_b0')).toBeUndefined();
  });

  it.each([{ name: 'mobilenet_v2', alpha: 0.7 }, { name: 'efficientnet_lite0' }])('knows that Keras has none of %o', (backbone) => {
    expect(officialWeights(backbone, 224)).toBeUndefined();
  });
});
