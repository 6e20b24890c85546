import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../lib/engine';
import { readRuns } from '../lib/experiments';
import { sha256 } from '../lib/files';
import { buildClassifier, kerasArchive } from '../lib/models';
import { food } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { type Ended, startCommand } from './cli.fixture';
import { put, temporaryFolder } from './data.fixtures';
import { copyOfTrained } from './pipeline.fixture';

const mobilenetFile = 'mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5';
const mobilenetPath = `/tensorflow/keras-applications/mobilenet_v2/${mobilenetFile}`;
const efficientnetFile = 'efficientnetb0_notop.h5';
const noneYet = 'none yet: npm run weights -- fetch';

/** Weights that MobileNetV2 can be trained from, in the place of Keras' own. */
let weights: Buffer;

beforeAll(async () => {
  const { tf } = await loadTensorFlow();
  const classifier = buildClassifier(tf, { ...food, backbone: { name: 'mobilenet_v2', alpha: 1 }, dropout: 0 }, 1);
  weights = Buffer.from(unzipSync(await kerasArchive(classifier))['model.weights.h5']!);
  classifier.model.dispose();
});

describe('weights', () => {
  let env: Record<string, string>;
  let workspace: Workspace;
  let server: http.Server;
  let host: string;
  let answer: http.RequestListener;
  let requests: string[];

  const whole: http.RequestListener = (_request, response) => {
    response.setHeader('content-length', weights.length);
    response.end(weights);
  };
  const page: http.RequestListener = (_request, response) => response.end('<html>Sign in to use this network</html>');
  /** Promises the whole file, and breaks the connection after a megabyte. */
  const cut: http.RequestListener = (_request, response) => {
    response.setHeader('content-length', weights.length);
    response.write(weights.subarray(0, 2 ** 20), () => setTimeout(() => response.socket!.destroy(), 50));
  };
  /** Runs `npm run weights -- …` with downloads allowed, from the server of the test alone. */
  const run = (...args: string[]): Promise<Ended> => runWith({}, ...args);
  const runWith = (more: Record<string, string>, ...args: string[]): Promise<Ended> => {
    const direct = { NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1', VISIONBOOK_OFFLINE: '', VISIONBOOK_WEIGHTS_HOST: host };
    return startCommand({ env }, ['weights', ...args], { ...direct, ...more }).ended;
  };
  const stored = (): string[] => (existsSync(workspace.weights) ? readdirSync(workspace.weights).sort() : []);

  beforeEach(async () => {
    env = { VISIONBOOK_HOME: temporaryFolder() };
    workspace = openWorkspace({ env });
    requests = [];
    answer = whole;
    server = http.createServer((request, response) => {
      requests.push(request.url!);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('lists where the weights of each backbone are looked for, in order, and asks no server', async () => {
    const { code, stdout, stderr } = await run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const hash = ' {32}sha256 [0-9a-f]{64}\\n';
    expect(stdout).toMatch(
      new RegExp(
        `^mobilenet_v2 1\\.0 {3}downloaded {3}${noneYet}\\n` +
          `efficientnet_b0 {4}downloaded {3}${noneYet}\\n` +
          `efficientnet_lite0 package {6}(EfficientNet-Lite0, ImageNet.*\\n${hash}|none: npm run doctor .*\\n)` +
          `mobilenet_v2 1\\.0 {3}stand-in {5}nsfwjs MobileNetV2 \\(embedded stand-in, 8-bit\\)\\n${hash}$`,
      ),
    );
    expect(requests).toEqual([]);
  });

  it('lists the file that VISIONBOOK_WEIGHTS names first, or that it is not there', async () => {
    const file = path.join(temporaryFolder(), 'mine.h5');
    writeFileSync(file, 'mine');
    const [there, gone] = await Promise.all([runWith({ VISIONBOOK_WEIGHTS: file }), runWith({ VISIONBOOK_WEIGHTS: '/nowhere/mine.h5' })]);
    expect(there.stdout).toMatch(/^any {16}named {8}/);
    expect(there.stdout).toContain(`named        ${file}\n${' '.repeat(32)}sha256 ${sha256('mine')}\nmobilenet_v2 1.0`);
    expect(gone.code).toBe(0);
    expect(gone.stdout).toMatch(/^any {16}named {8}\/nowhere\/mine\.h5, which VISIONBOOK_WEIGHTS names, is not there\nmobilenet_v2 1\.0/);
  });

  it('fetch brings a file from the host that VISIONBOOK_WEIGHTS_HOST names, once, and the list then has it with its hash', async () => {
    const file = path.join(workspace.weights, mobilenetFile);
    const first = await run('fetch', 'mobilenet_v2');
    expect([first.code, first.stdout]).toEqual([0, `${file}\n`]);
    expect(first.stderr).toMatch(new RegExp(`^downloading ${mobilenetFile}: .*MiB`));
    expect(readFileSync(file).equals(weights)).toBe(true);
    expect(requests).toEqual([mobilenetPath]);

    expect(await run('fetch', 'mobilenet_v2')).toEqual({ code: 0, stdout: `${file}\n`, stderr: '' });
    expect(requests).toHaveLength(1);
    const { stdout } = await run();
    expect(stdout).toContain(`mobilenet_v2 1.0   downloaded   ${file}\n${' '.repeat(32)}sha256 ${sha256(weights)}\n`);
    expect(stdout).toContain(`efficientnet_b0    downloaded   ${noneYet}\n`);
  });

  it('says that a file has changed since it was downloaded, and fetch brings it again', async () => {
    const file = path.join(workspace.weights, mobilenetFile);
    await run('fetch', 'mobilenet_v2');
    writeFileSync(file, weights.subarray(0, 1000));
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mobilenet_v2 1\.0 {3}downloaded {3}damaged: npm run weights -- fetch\nefficientnet_b0/);
    expect((await run('fetch', 'mobilenet_v2')).code).toBe(0);
    expect(readFileSync(file).equals(weights)).toBe(true);
  });

  it('says that a file is damaged that was put there by hand and is not what Keras names', async () => {
    put(workspace.weights, efficientnetFile, weights);
    expect((await run()).stdout).toContain('\nefficientnet_b0    downloaded   damaged: npm run weights -- fetch\n');
  });

  it('fetch of all keeps what came well, and says what did not', async () => {
    const { code, stdout, stderr } = await run('fetch');
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${path.join(workspace.weights, mobilenetFile)}\n` });
    const [last] = stderr.trimEnd().split('\n').slice(-1);
    expect(last).toContain(
      `${host}/keras-applications/${efficientnetFile} could not be downloaded: what came is another file: its MD5 is `,
    );
    expect(last).toContain(`Bring the file to ${path.join(workspace.weights, efficientnetFile)} by other means`);
    expect(last).toMatch(/ \(WEIGHTS_DOWNLOAD_FAILED\)$/);
    expect(stored()).toEqual([mobilenetFile, `${mobilenetFile}.json`]);
  });

  it.each<[string, () => http.RequestListener, RegExp, number]>([
    [
      'comes as a page of another kind',
      () => page,
      /: what came is no HDF5 file \(perhaps the page of a network that wants a login\)\. /,
      1,
    ],
    ['is cut off, and cut off again', () => cut, /: the connection broke after 1 of \d+(\.\d)? MiB\. /, 2],
  ])('fetch of a file that %s fails and leaves nothing; a later one brings it', async (_, makeAnswer, reason, tries) => {
    answer = makeAnswer();
    const { code, stdout, stderr } = await run('fetch', 'mobilenet_v2');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(reason);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(requests).toHaveLength(tries);
    expect(stored()).toEqual([]);

    answer = whole;
    expect((await run('fetch', 'mobilenet_v2')).code).toBe(0);
    expect(stored()).toEqual([mobilenetFile, `${mobilenetFile}.json`]);
  });

  it('fetch without a connection says in a line what to do', async () => {
    await new Promise((resolve) => server.close(resolve));
    const { code, stdout, stderr } = await run('fetch', 'mobilenet_v2');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      `${host}${mobilenetPath} could not be downloaded: there is no connection to ${new URL(host).host} (ECONNREFUSED). ` +
        `Bring the file to ${path.join(workspace.weights, mobilenetFile)} by other means, or name a mirror in VISIONBOOK_WEIGHTS_HOST ` +
        '(WEIGHTS_DOWNLOAD_FAILED)\n',
    );
  });

  it('fetch of a backbone that Keras has no weights of names those that it has', async () => {
    const { code, stdout, stderr } = await run('fetch', 'efficientnet_lite0');
    expect({ code, stdout, requests }).toEqual({ code: 1, stdout: '', requests: [] });
    expect(stderr).toMatch(/'efficientnet_lite0' is invalid.* mobilenet_v2, efficientnet_b0\.\n/);
  });

  it('that were fetched are what a training starts from, before those of a package', async () => {
    const home = await copyOfTrained();
    env = { ...home.env };
    workspace = home.workspace;
    expect((await run('fetch', 'mobilenet_v2')).code).toBe(0);
    const oneEpoch = 'stages=[{"name":"head","trainableLayers":0,"learningRate":1e-3,"epochs":1}]';
    const { code } = await startCommand(home, ['train', 'food', '--set', 'backbone=auto', '--set', oneEpoch]).ended;
    expect(code).toBe(0);
    const record = (await readRuns(workspace)).runs.at(-1)!;
    expect(record.config.backbone).toBe('mobilenet_v2');
    expect(record.weights).toEqual({ source: mobilenetFile, sha256: sha256(weights), isStandIn: false });
  });
});
