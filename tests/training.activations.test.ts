import { spawn } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodePicture } from '../lib/data';
import { loadTensorFlow, openOnnx } from '../lib/engine';
import { sha256 } from '../lib/files';
import { type Graph, graphOf, preprocessings, pruneGraph, toOnnx } from '../lib/models';
import type { Progress } from '../lib/progress';
import { type ActivationRequest, clearStore, openActivations } from '../lib/training';
import { blobs, put, temporaryFolder } from './data.fixtures';
import { randomClassifier, relativeError, smallDesign } from './models.fixtures';

const tensors = ['block_13_project', 'global_average_pooling2d'];
const preprocessing = preprocessings.mobilenet_v2;

describe('the activation store', () => {
  let frozen: Graph;
  let pictures: { path: string; sha256: string }[];
  let folder: string;

  beforeAll(async () => {
    const { tf } = await loadTensorFlow();
    frozen = graphOf(randomClassifier(tf).model);
    const images = temporaryFolder();
    pictures = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const content = await blobs(`picture ${index}`);
        put(images, `${index}.jpg`, content);
        return { path: path.join(images, `${index}.jpg`), sha256: sha256(content) };
      }),
    );
  });
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => vi.unstubAllEnvs());

  const request = (changes: Partial<ActivationRequest> = {}): ActivationRequest => ({
    folder,
    frozen,
    tensors,
    preprocessing,
    pictures,
    ...changes,
  });
  /** Opens activations and counts the pictures that were computed for it. */
  const openAndCount = async (changes: Partial<ActivationRequest> = {}): Promise<{ computed: number; values: Float32Array }> => {
    let computed = 0;
    const onProgress = ({ total }: Progress): void => {
      computed = total;
    };
    const activations = await openActivations(request({ onProgress, ...changes }));
    const values = activations.read('global_average_pooling2d', [0, 1, 2]);
    activations.close();
    return { computed, values };
  };
  const storeFiles = (suffix: string): string[] =>
    readdirSync(folder).flatMap((tensor) =>
      readdirSync(path.join(folder, tensor))
        .filter((name) => name.endsWith(suffix))
        .map((name) => path.join(folder, tensor, name)),
    );

  it('gives, row by row and in any order, what ONNX Runtime gives for the pictures', async () => {
    const activations = await openActivations(request());
    const rows = [17, 3, 3];
    const read = activations.read('block_13_project', rows);
    activations.close();
    const pixels = await Promise.all(rows.map((row) => decodePicture(pictures[row]!.path, smallDesign.imageSize)));
    const model = await openOnnx(
      toOnnx(pruneGraph(frozen, tensors), { outputs: [{ tensor: 'block_13_project', name: 'out' }], preprocessing }),
    );
    const { out } = await model.run({
      image: { data: Buffer.concat(pixels), shape: [3, smallDesign.imageSize, smallDesign.imageSize, 3] },
    });
    await model.release();
    expect(activations.shape('block_13_project')).toEqual([2, 2, 56]);
    expect(relativeError(read, out!)).toBeLessThan(1e-3); // half precision has 11 bits
  });

  it('computes a picture once', async () => {
    expect((await openAndCount()).computed).toBe(20);
    expect((await openAndCount()).computed).toBe(0);
    expect((await openAndCount({ tensors: ['global_average_pooling2d'] })).computed).toBe(0);
  });

  it('computes a changed picture, and no other, again', async () => {
    const before = await openAndCount();
    const content = await blobs('another');
    const file = path.join(temporaryFolder(), 'changed.jpg');
    writeFileSync(file, content);
    const changed = [...pictures];
    changed[1] = { path: file, sha256: sha256(content) };
    const after = await openAndCount({ pictures: changed });
    expect(after.computed).toBe(1);
    const width = before.values.length / 3;
    expect(after.values.subarray(0, width)).toEqual(before.values.subarray(0, width));
    expect(after.values.subarray(width, 2 * width)).not.toEqual(before.values.subarray(width, 2 * width));
  });

  it('computes all again with other weights or other preprocessing', async () => {
    await openAndCount();
    const { tf } = await loadTensorFlow();
    expect((await openAndCount({ frozen: graphOf(randomClassifier(tf, 2).model) })).computed).toBe(20);
    expect((await openAndCount({ preprocessing: { name: 'x / 255', divisor: 255, subtrahend: 0 } })).computed).toBe(20);
  });

  it('does not count what a kill left half written', async () => {
    await openAndCount();
    for (const file of storeFiles('.json')) writeFileSync(`${file.slice(0, -5)}.orphan.f16`, 'half');
    const [index] = storeFiles('.json');
    writeFileSync(path.join(path.dirname(index!), 'killed.tmp'), 'half');
    expect((await openAndCount()).computed).toBe(0);
  });

  it.each([
    ['is cut short', (file: string): void => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['has grown', (file: string): void => appendFileSync(file, 'more')],
    ['is gone', (file: string): void => rmSync(file)],
  ])('computes again what a data file held that %s', async (_case, damage) => {
    const { values } = await openAndCount();
    for (const file of storeFiles('.f16')) damage(file);
    expect(await openAndCount()).toEqual({ computed: 20, values });
    expect(storeFiles('.f16')).toHaveLength(tensors.length);
  });

  it.each(['{"rows": ["half', '{"rows": 3}', '[]', ''])('computes again what an index file held that is now %j', async (text) => {
    const { values } = await openAndCount();
    for (const file of storeFiles('.json')) writeFileSync(file, text);
    expect(await openAndCount()).toEqual({ computed: 20, values });
    expect(storeFiles('.json')).toHaveLength(tensors.length);
  });

  it('says which file was cut short while it was open', async () => {
    const activations = await openActivations(request());
    for (const file of storeFiles('.f16')) truncateSync(file, 10);
    expect(() => activations.read('block_13_project', [19])).toThrow(/\.f16 was cut short while it was read/);
    activations.close();
  });

  it('goes on reading what another process has removed, and then computes it again', async () => {
    const activations = await openActivations(request());
    const before = activations.read('block_13_project', [0, 19]);
    await clearStore(folder);
    expect(readdirSync(folder)).toEqual([]);
    expect(activations.read('block_13_project', [0, 19])).toEqual(before);
    activations.close();
    expect((await openAndCount()).computed).toBe(20);
  });

  it('keeps all 24 bits where that is wanted, apart from the others', async () => {
    const half = await openActivations(request());
    const full = await openActivations(request({ precision: 'float32' }));
    const [rough, exact] = [half, full].map((activations) => activations.read('block_13_project', [4, 2]));
    half.close();
    full.close();
    expect(relativeError(rough!, exact!)).toBeLessThan(1e-3);
    expect(exact!.some((value, index) => value !== rough![index])).toBe(true);
    expect(storeFiles('.f32')).toHaveLength(tensors.length);
    expect((await openAndCount({ precision: 'float32' })).computed).toBe(0);
  });

  it('computes a picture once that stands in the request twice', async () => {
    expect((await openAndCount({ pictures: [...pictures, pictures[0]!] })).computed).toBe(20);
  });

  it('keeps within its limit, without what is in use', async () => {
    vi.stubEnv('VISIONBOOK_CACHE_GIB', '0');
    await openAndCount();
    expect((await openAndCount()).computed).toBe(0);
    await openAndCount({ preprocessing: { name: 'x / 255', divisor: 255, subtrahend: 0 } });
    expect((await openAndCount()).computed).toBe(20);
  });

  it('keeps what was computed before a picture that cannot be read, once that is a whole segment', async () => {
    const broken = path.join(temporaryFolder(), 'broken.jpg');
    writeFileSync(broken, 'text');
    await expect(openActivations(request({ pictures: [...pictures, { path: broken, sha256: 'x' }] }))).rejects.toMatchObject({
      code: 'UNREADABLE_PICTURE',
    });
    expect((await openAndCount()).computed).toBe(20);
  });

  it('stops when it is told to, and leaves nothing that counts', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(openActivations(request({ signal: controller.signal }))).rejects.toThrow(/abort/i);
    expect(storeFiles('.json')).toEqual([]);
  });

  it('serves two processes that fill it at the same time', async () => {
    const script = path.join(temporaryFolder(), 'fill.ts');
    writeFileSync(
      script,
      `import { readFileSync } from 'node:fs';
       import { openActivations } from ${JSON.stringify(path.resolve('lib/training'))};
       const request = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
       for (const node of request.frozen.nodes) for (const key of ['kernel', 'bias', 'scale', 'offset']) if (node[key]) node[key].values = Float32Array.from(Object.values(node[key].values));
       openActivations(request).then((activations) => { activations.close(); process.exit(0); });`,
    );
    const input = path.join(temporaryFolder(), 'request.json');
    writeFileSync(input, JSON.stringify(request()));
    const fill = (): Promise<number | null> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ['--import', 'tsx', script, input], { stdio: 'inherit' });
        child.on('close', resolve);
      });
    expect(await Promise.all([fill(), fill()])).toEqual([0, 0]);
    expect((await openAndCount()).computed).toBe(0);
    expect(storeFiles('.json').every((file) => JSON.parse(readFileSync(file, 'utf8')).rows.length === 20)).toBe(true);
  });
});
