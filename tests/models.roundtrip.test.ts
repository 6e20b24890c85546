import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodePicture } from '../lib/data';
import { loadTensorFlow, openOnnx, type TensorFlowEngine, type TensorFlowModule } from '../lib/engine';
import { sha256 } from '../lib/files';
import {
  applyTrained,
  assignWeights,
  type BackboneDesign,
  type Classifier,
  cutGraph,
  foldAffine,
  type Graph,
  graphOf,
  kerasArchive,
  loadClassifier,
  type ModelCard,
  type NamedWeights,
  preprocessings,
  tensorShapes,
  toOnnx,
  trainableLayers,
} from '../lib/models';
import { Random } from '../lib/random';
import { food } from '../lib/tasks';
import { openActivations } from '../lib/training';
import { predictExamples, type TailContext, trainTail } from '../lib/training/trainer';
import { openWorkspace } from '../lib/workspace';
import { blobs, put, temporaryFolder } from './data.fixtures';
import { randomClassifier, relativeError, smallDesign } from './models.fixtures';

const python = path.join(openWorkspace().venvBin, 'python');
const size = smallDesign.imageSize;
const classes = food.classes.map(({ name }) => name);

/** A training: the first layer that learns, the tensors that cross the cut before it, and a layer where a later training may begin. */
interface Case {
  readonly backbone: BackboneDesign;
  readonly from: string;
  readonly cut: readonly string[];
  readonly later: string;
}
const b0 = { name: 'efficientnet_b0' } as const;
const lite0 = { name: 'efficientnet_lite0' } as const;
/** `block6d_bn` learns and the convolution before it does not: the two are folded when the training is over, and not sooner. */
const cases: readonly Case[] = [
  { backbone: b0, from: 'block6d_bn', cut: ['block6c_add'], later: 'block7a_se_expand' },
  { backbone: b0, from: 'input_layer', cut: ['normalization'], later: 'block6d_bn' },
  { backbone: lite0, from: 'block6d_bn', cut: ['block6c_add'], later: 'block7a_project_bn' },
  { backbone: lite0, from: 'input_layer', cut: ['input_layer'], later: 'block6d_bn' },
];
const nameOf = ({ backbone, from }: Case): string => `${backbone.name}.${from}`;

/** A classifier that one epoch has changed, and what is known of it from before and from the training. */
interface Trained {
  readonly classifier: Classifier;
  readonly learning: ReadonlySet<string>;
  readonly crossing: readonly string[];
  readonly hashesBefore: ReadonlyMap<string, string>;
  readonly before: Float32Array;
  /** What the tail that was trained gives for the activations that it was trained on. */
  readonly tail: Float32Array;
  /** What the whole model gives for the pictures. */
  readonly whole: Float32Array;
}

describe('a model that was trained', () => {
  let engine: TensorFlowEngine;
  let tf: TensorFlowModule;
  let folder: string;
  let pictures: { readonly path: string; readonly sha256: string }[];
  let pixels: Uint8Array;
  const trained = new Map<string, Trained>();

  const predict = (model: LayersModel, { name }: BackboneDesign): Float32Array =>
    tf.tidy(() => {
      const { divisor, subtrahend } = preprocessings[name];
      const input = tf.tensor4d(Float32Array.from(pixels), [pictures.length, size, size, 3]).div(divisor).sub(subtrahend);
      return (model.predict(input) as Tensor).dataSync() as Float32Array;
    });
  const runOnnx = async (graph: Graph, { name }: BackboneDesign): Promise<Float32Array> => {
    const onnx = await openOnnx(toOnnx(graph, { outputs: [{ tensor: graph.output, name: 'out' }], preprocessing: preprocessings[name] }));
    const { out } = await onnx.run({ image: { data: pixels, shape: [pictures.length, size, size, 3] } });
    await onnx.release();
    return out as Float32Array;
  };
  const read = ({ backbone }: Case, file: string): Promise<Classifier> => {
    const card = { ...smallDesign, backbone, classes } as unknown as ModelCard; // loading needs no more of it
    return loadClassifier(tf, { card, keras: path.join(folder, file), onnx: '' });
  };

  async function train({ backbone, from }: Case): Promise<Trained> {
    const classifier = seeingClassifier(tf, backbone);
    const hashesBefore = hashesOf(classifier.model);
    const before = predict(classifier.model, backbone);
    const learning = layersFrom(classifier, from);
    const graph = foldAffine(graphOf(classifier.model, learning));
    const { tail } = cutGraph(graph, tensorShapes(graph));
    const crossing = tail.inputs.map(({ name }) => name);
    const activations = await openActivations({
      folder: path.join(folder, 'activations'),
      frozen: graphOf(classifier.model),
      tensors: crossing,
      preprocessing: preprocessings[backbone.name],
      pictures,
      precision: 'float32',
    });
    const context: TailContext = { engine, tail, activations, classes, batchSize: 8 };
    const rows = [...pictures.keys()];
    const examples = { rows, labels: Uint8Array.from(rows.flatMap((row) => [row & 1, (row >> 1) & 1, (row >> 2) & 1])) };
    const result = await trainTail({
      ...context,
      train: examples,
      validation: examples,
      stage: { name: 'test', learningRate: 1e-4, epochs: 1 },
      judging: { threshold: 0.5, negativeWeight: 4 },
      patience: null,
      random: new Random('training'),
    });
    const { probabilities } = await predictExamples({ ...context, tail: result.tail }, examples);
    activations.close();
    applyTrained(tf, classifier.model, result.tail.nodes);
    const whole = predict(classifier.model, backbone);
    return { classifier, learning, crossing, hashesBefore, before, tail: probabilities as Float32Array, whole };
  }

  beforeAll(async () => {
    engine = await loadTensorFlow();
    tf = engine.tf;
    folder = temporaryFolder();
    pictures = await Promise.all(
      Array.from({ length: 16 }, async (_, index) => {
        const content = await blobs(`picture ${index}`);
        put(folder, `${index}.jpg`, content);
        return { path: path.join(folder, `${index}.jpg`), sha256: sha256(content) };
      }),
    );
    pixels = Buffer.concat(await Promise.all(pictures.map(({ path: file }) => decodePicture(file, size))));
    for (const each of cases) {
      const result = await train(each);
      trained.set(nameOf(each), result);
      writeFileSync(path.join(folder, `${nameOf(each)}.keras`), await kerasArchive(result.classifier));
    }
  });

  it.each(cases)('from $from of $backbone.name on gives what its trained tail gave, which depends on the picture', (each) => {
    const { crossing, before, tail, whole } = trained.get(nameOf(each))!;
    expect(crossing).toEqual(each.cut);
    expect(relativeError(whole, tail)).toBeLessThan(1e-4);
    expect(relativeError(whole, before)).toBeGreaterThan(0.02);
    const [first, ...others] = pictures.map((_, row) => whole.slice(row * classes.length, (row + 1) * classes.length));
    for (const other of others) expect(relativeError(other, first!)).toBeGreaterThan(1e-3); // ten times what is tolerated
  });

  it.each(cases)('from $from of $backbone.name on has learnt in these layers and in no other', (each) => {
    const { classifier, learning, hashesBefore } = trained.get(nameOf(each))!;
    const after = hashesOf(classifier.model);
    const changed = [...after.keys()].filter((name) => after.get(name) !== hashesBefore.get(name));
    expect(changed).toEqual([...after.keys()].filter((name) => learning.has(name) && name !== 'normalization'));
  });

  it.each(cases)(
    'from $from of $backbone.name on gives the same in ONNX Runtime: unfolded, folded on each side of the cut, folded',
    async (each) => {
      const { classifier, learning, whole } = trained.get(nameOf(each))!;
      const unfolded = graphOf(classifier.model);
      const cut = foldAffine(graphOf(classifier.model, learning));
      const folded = foldAffine(unfolded, { acrossTheCut: true });
      for (const graph of [unfolded, cut, folded]) expect(relativeError(await runOnnx(graph, each.backbone), whole)).toBeLessThan(1e-4);
      const scales = (graph: Graph): string[] => graph.nodes.filter(({ op }) => op === 'affine').map(({ name }) => name);
      const input = each.backbone === b0 ? ['normalization'] : [];
      expect(scales(cut)).toEqual(each.from === 'block6d_bn' ? [...input, 'block6d_bn'] : input);
      expect(scales(folded)).toEqual(input);
    },
  );

  it.each(cases)(
    'from $from of $backbone.name on is the same when it is read back, and can be trained from another layer on',
    async (each) => {
      const { classifier, whole } = trained.get(nameOf(each))!;
      const again = await read(each, `${nameOf(each)}.keras`);
      expect(hashesOf(again.model)).toEqual(hashesOf(classifier.model));
      expect(predict(again.model, each.backbone)).toEqual(whole);

      const graph = foldAffine(graphOf(again.model, layersFrom(again, each.later)));
      expect(relativeError(await runOnnx(graph, each.backbone), whole)).toBeLessThan(1e-4);
      applyTrained(tf, again.model, cutGraph(graph, tensorShapes(graph)).tail.nodes);
      expect(relativeError(predict(again.model, each.backbone), whole)).toBeLessThan(1e-5);
      again.model.dispose();
    },
  );

  describe.skipIf(!existsSync(python))('in Keras', () => {
    beforeAll(() => {
      writeFileSync(path.join(folder, 'pixels.bin'), pixels);
      const preprocessing = ({ backbone }: Case): readonly number[] => {
        const { divisor, subtrahend } = preprocessings[backbone.name];
        return [divisor, subtrahend];
      };
      writeFileSync(
        path.join(folder, 'models.json'),
        JSON.stringify(Object.fromEntries(cases.map((each) => [nameOf(each), preprocessing(each)]))),
      );
      const { status, stderr } = spawnSync(python, [path.join(__dirname, 'models.roundtrip.oracle.py'), folder], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr.slice(-2000));
    });

    it.each(cases)('from $from of $backbone.name on gives the same', (each) => {
      const probabilities: number[] = JSON.parse(readFileSync(path.join(folder, `${nameOf(each)}.json`), 'utf8'));
      expect(relativeError(probabilities, trained.get(nameOf(each))!.whole)).toBeLessThan(1e-5);
    });

    it.each(cases)('from $from of $backbone.name on is the same here after Keras has saved it', async (each) => {
      const { classifier, whole } = trained.get(nameOf(each))!;
      const again = await read(each, `${nameOf(each)}.again.keras`);
      expect(hashesOf(again.model)).toEqual(hashesOf(classifier.model));
      expect(predict(again.model, each.backbone)).toEqual(whole);
      again.model.dispose();
    });
  });
});

/** Names of the layers that learn when the backbone is free from one of its layers on. */
function layersFrom(classifier: Classifier, first: string): Set<string> {
  const layers = classifier.backbone.layers.map(({ name }) => name);
  return trainableLayers(classifier, layers.length - layers.indexOf(first));
}

function weightsOf(model: LayersModel): NamedWeights {
  const layers = model.layers.filter(({ weights }) => weights.length > 0);
  return new Map(
    layers.map((layer) => [
      layer.name,
      layer.weights.map((weight) => ({ shape: weight.shape as number[], values: weight.read().dataSync().slice() as Float32Array })),
    ]),
  );
}

/** The SHA-256 of each layer's weights. */
function hashesOf(model: LayersModel): Map<string, string> {
  const bytes = ({ values }: { values: Float32Array }): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new Map([...weightsOf(model)].map(([name, arrays]) => [name, sha256(Buffer.concat(arrays.map(bytes)))]));
}

/**
 * A classifier with random weights through which a picture is still to be seen in the probabilities: what depthwise convolutions give is as large as
 * what they get. EfficientNetB0's normalisation is that of Keras' ImageNet weights, where the deviation stands for the variance.
 */
function seeingClassifier(tf: TensorFlowModule, backbone: BackboneDesign): Classifier {
  const classifier = randomClassifier(tf, 1, backbone);
  const weights = new Map(weightsOf(classifier.model));
  const random = new Random('depthwise');
  for (const layer of classifier.model.layers.filter((each) => each.getClassName() === 'DepthwiseConv2D')) {
    const [kernel] = weights.get(layer.name)!;
    const [height, width] = kernel!.shape as [number, number];
    const deviation = Math.sqrt(2 / (height * width));
    weights.set(layer.name, [{ ...kernel!, values: kernel!.values.map(() => deviation * random.normal()) }]);
  }
  if (weights.has('normalization')) {
    const [mean, deviation] = [Float32Array.of(0.485, 0.456, 0.406), Float32Array.of(0.229, 0.224, 0.225)];
    weights.set('normalization', [
      { shape: [3], values: mean },
      { shape: [3], values: deviation },
      { shape: [], values: Float32Array.of(0) },
    ]);
  }
  assignWeights(tf, classifier.model, weights, 'random weights');
  return classifier;
}
