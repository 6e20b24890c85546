import type { Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, openOnnx, type TensorFlowModule } from '../lib/engine';
import {
  applyTrained,
  type Classifier,
  cutGraph,
  foldAffine,
  type Graph,
  graphOf,
  parametersOf,
  preprocessings,
  pruneGraph,
  tensorShapes,
  toOnnx,
  trainableLayers,
  withParameters,
} from '../lib/models';
import { randomClassifier, randomPixels, relativeError, smallDesign } from './models.fixtures';

const size = smallDesign.imageSize;
const pixels = randomPixels(2, size);
const image = { data: pixels, shape: [2, size, size, 3] };

async function run(graph: Graph, tensor = graph.output): Promise<Float32Array> {
  const model = await openOnnx(
    toOnnx(pruneGraph(graph, [tensor]), { outputs: [{ tensor, name: 'out' }], preprocessing: preprocessings.mobilenet_v2 }),
  );
  try {
    return (await model.run({ image })).out as Float32Array;
  } finally {
    await model.release();
  }
}

describe('the graph of a model', () => {
  let tf: TensorFlowModule;
  let classifier: Classifier;
  let expected: Float32Array;

  beforeAll(async () => {
    ({ tf } = await loadTensorFlow());
    classifier = randomClassifier(tf);
    expected = tf.tidy(() => {
      const input = tf.tensor4d(Float32Array.from(pixels), [2, size, size, 3]).div(127.5).sub(1);
      return (classifier.model.predict(input) as Tensor).dataSync() as Float32Array;
    });
  });

  it('computes what the model computes, with batch normalisation unfolded, folded on each side of a cut, and folded whole', async () => {
    const graph = graphOf(classifier.model);
    const cut = foldAffine(graphOf(classifier.model, trainableLayers(classifier, 30)));
    const whole = foldAffine(graph, { acrossTheCut: true });
    for (const variant of [graph, cut, whole]) expect(relativeError(await run(variant), expected)).toBeLessThan(1e-4);
    expect(whole.nodes.some(({ op }) => op === 'affine')).toBe(false);
    expect(cut.nodes.filter(({ op }) => op === 'affine').map(({ name }) => name)).toEqual(['block_13_project_BN']);
  });

  it.each([
    { layers: 0, inputs: ['global_average_pooling2d'] },
    { layers: 3, inputs: ['block_16_project_BN'] },
    { layers: 15, inputs: ['block_14_add'] },
    { layers: 30, inputs: ['block_13_project'] },
    { layers: 154, inputs: ['input_layer'] },
  ])('is cut where little crosses, when the last $layers of the backbone learn', ({ layers, inputs }) => {
    const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, layers)));
    const { frozen, tail } = cutGraph(graph, tensorShapes(graph));
    expect(tail.inputs.map(({ name }) => name)).toEqual(inputs);
    expect(frozen.nodes.some((node) => node.trainable && parametersOf(node).length > 0)).toBe(false);
    expect(frozen.nodes.length + tail.nodes.length).toBe(graph.nodes.length);
  });

  it.each([
    { name: 'efficientnet_b0', layers: 100, inputs: ['block5a_project_bn'] },
    { name: 'efficientnet_lite0', layers: 30, inputs: ['block6b_add'] },
    { name: 'efficientnet_lite0', layers: 100, inputs: ['block4a_activation'] },
  ] as const)(
    'computes a few frozen layers of $name again where they are cheap and what they read is narrow',
    ({ name, layers, inputs }) => {
      const other = randomClassifier(tf, 1, { name });
      const graph = foldAffine(graphOf(other.model, trainableLayers(other, layers)));
      const { tail } = cutGraph(graph, tensorShapes(graph));
      expect(tail.inputs.map((input) => input.name)).toEqual(inputs);
      other.model.dispose();
    },
  );

  it('knows the shape of every tensor', async () => {
    const graph = graphOf(classifier.model);
    const shapes = tensorShapes(graph);
    for (const layer of classifier.model.layers) {
      if (shapes.has(layer.name))
        expect([layer.name, ...shapes.get(layer.name)!]).toEqual([layer.name, ...(layer.outputShape as number[]).slice(1)]);
    }
    const [height, width, channels] = shapes.get('block_13_project')!;
    expect((await run(graph, 'block_13_project')).length).toBe(2 * height! * width! * channels!);
  });

  it('takes trained numbers, and gives them back to the model', async () => {
    const trainable = trainableLayers(classifier, 30);
    const graph = foldAffine(graphOf(classifier.model, trainable));
    const learnt = graph.nodes.filter((node) => node.trainable).flatMap(parametersOf);
    const changed = withParameters(graph, new Map(learnt.map(({ name, values }) => [name, values.map((value) => value * 0.9 + 0.01)])));
    const copy = randomClassifier(tf);
    applyTrained(tf, copy.model, changed.nodes);
    const after = await run(foldAffine(graphOf(copy.model), { acrossTheCut: true }));
    expect(relativeError(after, await run(changed))).toBeLessThan(1e-4);
    expect(relativeError(after, expected)).toBeGreaterThan(1e-2);
  });

  it('does not touch layers that do not learn when numbers are given back', () => {
    const copy = randomClassifier(tf);
    const before = copy.model.getLayer('block_12_expand').getWeights()[0]!.dataSync().slice();
    const graph = foldAffine(graphOf(copy.model, trainableLayers(copy, 15)));
    applyTrained(tf, copy.model, graph.nodes);
    expect(copy.model.getLayer('block_12_expand').getWeights()[0]!.dataSync()).toEqual(before);
  });

  it('refuses a layer that it does not know, by name', () => {
    const input = tf.input({ shape: [8, 8, 3] });
    const pooled = tf.layers.maxPooling2d({ poolSize: 2, name: 'the_pool' }).apply(input);
    const model = tf.model({ inputs: input, outputs: pooled as never });
    expect(() => graphOf(model)).toThrow(/the_pool is a MaxPooling2D/);
  });
});
