import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, type TensorFlowModule } from '../lib/engine';
import {
  assignWeights,
  buildClassifier,
  embeddedOrigin,
  findWeights,
  kerasArchive,
  lite0Name,
  officialWeights,
  readKerasWeights,
  standInName,
} from '../lib/models';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { randomClassifier, smallDesign } from './models.fixtures';

const { root } = openWorkspace();

/** One array as the package `nsfwjs` has it: a byte a number, times a scale, plus a minimum. */
function packaged(wanted: string): Float32Array {
  const load = createRequire(path.join(root, 'package.json'));
  const folder = path.join(root, 'node_modules/nsfwjs/dist/models/mobilenet_v2');
  const bytes = Buffer.from(load(path.join(folder, 'group1-shard1of1.min.js')) as string, 'base64');
  let at = 0;
  for (const { name, shape, quantization } of load(path.join(folder, 'model.min.js')).weightsManifest[0].weights) {
    const size = shape.reduce((product: number, side: number) => product * side, 1);
    if (name === wanted) return Float32Array.from(bytes.subarray(at, at + size), (byte) => byte * quantization.scale + quantization.min);
    at += size;
  }
  throw new Error(`nsfwjs has no ${wanted}`);
}

describe('weights', () => {
  let tf: TensorFlowModule;
  let saved: string;

  beforeAll(async () => {
    ({ tf } = await loadTensorFlow());
    saved = path.join(temporaryFolder(), 'model.keras');
    writeFileSync(saved, await kerasArchive(randomClassifier(tf)));
  });

  it('come back from a saved model as they were', async () => {
    const original = randomClassifier(tf);
    const weights = await readKerasWeights(saved);
    for (const layer of original.model.layers) {
      const values = layer.getWeights().map((tensor) => tensor.dataSync());
      expect(weights.get(layer.name)?.map((array) => array.values) ?? []).toEqual(values);
    }
  });

  it('of another width are refused by the first layer that differs, and the model keeps its own', async () => {
    const wide = buildClassifier(tf, { ...smallDesign, backbone: { name: 'mobilenet_v2', alpha: 0.5 } }, 1);
    const before = wide.model.layers.flatMap((layer) => layer.getWeights().map((tensor) => tensor.dataSync()[0]));
    const weights = await readKerasWeights(saved);
    const refusal = /small.keras does not fit this model: layer block_1_project has shapes 1×1×48×8 there and 1×1×48×16 here/;
    expect(() => assignWeights(tf, wide.backbone, weights, 'small.keras')).toThrow(refusal);
    expect(wide.model.layers.flatMap((layer) => layer.getWeights().map((tensor) => tensor.dataSync()[0]))).toEqual(before);
  });

  it('that lack a layer are refused by its name', async () => {
    const weights = new Map(await readKerasWeights(saved));
    weights.delete('block_3_depthwise');
    const { backbone } = buildClassifier(tf, smallDesign, 1);
    expect(() => assignWeights(tf, backbone, weights, 'some.h5')).toThrow(/layer block_3_depthwise is missing there/);
  });

  it.each([
    { name: 'text.h5', content: (): Uint8Array => Buffer.from('no weights'), reason: /it is no HDF5 file/ },
    { name: 'text.keras', content: (): Uint8Array => Buffer.from('no archive'), reason: /text.keras cannot be read/ },
    { name: 'half.keras', content: (): Uint8Array => readFileSync(saved).subarray(0, 50_000), reason: /half.keras cannot be read/ },
    { name: 'empty.h5', content: (): Uint8Array => new Uint8Array(), reason: /it is no HDF5 file/ },
  ])('in a damaged file ($name) are refused with the reason', async ({ name, content, reason }) => {
    const file = path.join(temporaryFolder(), name);
    writeFileSync(file, content());
    await expect(readKerasWeights(file)).rejects.toMatchObject({ code: 'WEIGHTS_UNREADABLE', message: expect.stringMatching(reason) });
  });

  it('that are nowhere are refused with the name', async () => {
    await expect(readKerasWeights('/nowhere/weights.h5')).rejects.toThrow(/nowhere\/weights.h5 .*: there is no such file/);
  });

  it('come embedded, are called a stand-in, and are made for pixels in [-1, 1] where the package has [0, 1]', async () => {
    const classifier = buildClassifier(tf, { ...smallDesign, imageSize: 224, backbone: { name: 'mobilenet_v2', alpha: 1 } }, 1);
    const { backbone } = classifier;
    const { origin, name, read } = await findWeights('mobilenet_v2', { name: 'mobilenet_v2', alpha: 1 }, openWorkspace());
    assignWeights(tf, backbone, await read(tf), name);
    expect(origin).toMatchObject({
      isStandIn: true,
      source: expect.stringMatching(/stand-in/),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });

    const first = tf.tidy(() => {
      const pixels = tf.randomUniform([1, 9, 9, 3], 0, 1, 'float32', 3) as Tensor4D;
      const [gamma, beta, mean, variance] = backbone.getLayer('bn_Conv1').getWeights() as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
      const through = (x: Tensor4D, kernel: Tensor4D, center: Tensor1D): Tensor =>
        tf.batchNorm(tf.conv2d(x, kernel, 2, 'valid'), center, variance, beta, gamma, 1e-3);
      const [ourKernel] = backbone.getLayer('Conv1').getWeights() as [Tensor4D];
      const ours = through(pixels.mul(2).sub(1), ourKernel, mean);
      const theirs = through(pixels, tf.tensor4d(packaged('Conv1/kernel'), [3, 3, 3, 32]), tf.tensor1d(packaged('bn_Conv1/moving_mean')));
      return ours.sub(theirs).abs().max().div(theirs.abs().max()).dataSync()[0];
    });
    expect(first).toBeLessThan(1e-4);
  });

  it('that are wanted exactly are taken though others come before them', async () => {
    const own = { name: 'mobilenet_v2', alpha: 1 } as const;
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, officialWeights(own, 224)!.file), 'weights');
    const places = { ...openWorkspace(), official: { folder, imageSize: 224 } };
    expect((await findWeights('mobilenet_v2', own, places)).origin.isStandIn).toBe(false);
    const exact = embeddedOrigin(root);
    expect((await findWeights('mobilenet_v2', own, { ...places, exact })).origin).toEqual(exact);
  });

  it.each([
    {
      source: 'other.h5',
      named: undefined,
      here: /here are only nsfwjs/,
      remedy: /fetch downloads .*; or copy other\.h5 to \/folder from/,
    },
    { source: 'mine.h5', named: '/gone/mine.h5', here: /here are none/, remedy: /copy them to \/gone\/mine\.h5 from/ },
    { source: lite0Name, named: undefined, here: /here are only nsfwjs/, remedy: /npm run doctor installs/ },
    { source: standInName, named: undefined, here: /here are only nsfwjs/, remedy: /npm ci installs/ },
  ])('that are wanted exactly and are elsewhere, $source, are refused with how to get them', async ({ source, named, here, remedy }) => {
    const places = { ...openWorkspace(), official: { folder: '/folder', imageSize: 224 }, ...(named && { file: named }) };
    const finding = findWeights('mobilenet_v2', { name: 'mobilenet_v2', alpha: 1 }, { ...places, exact: { source, sha256: 'ab' } });
    await expect(finding).rejects.toMatchObject({ code: 'WEIGHTS_ELSEWHERE', message: expect.stringMatching(here) });
    await expect(finding).rejects.toThrow(remedy);
  });

  it('are read without leaving tensors behind', async () => {
    const { model } = buildClassifier(tf, smallDesign, 1);
    const weights = await readKerasWeights(saved);
    const before = tf.memory().numTensors;
    assignWeights(tf, model, weights, 'small.keras');
    expect(tf.memory().numTensors).toBe(before);
  });
});
