import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, openOnnx, type TensorFlowEngine } from '../lib/engine';
import {
  assignWeights,
  buildClassifier,
  type Classifier,
  cutGraph,
  foldAffine,
  type Graph,
  graphOf,
  kerasArchive,
  parametersOf,
  preprocessings,
  readKerasWeights,
  tensorShapes,
  toOnnx,
  trainableLayers,
} from '../lib/models';
import { Random } from '../lib/random';
import type { Activations } from '../lib/training';
import { Tail } from '../lib/training/tail';
import { categoricalCrossEntropy, type EpochResult, trainTail } from '../lib/training/trainer';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { randomPixels, relativeError } from './models.fixtures';

const { python } = openWorkspace();

/** Like galaxy's, small enough for tests. */
const design = {
  kind: 'multiclass',
  backbone: { name: 'mobilenet_v2', alpha: 0.35 },
  imageSize: 64,
  classes: ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name })),
  dropout: 0.3,
  hiddenLayers: [
    { units: 24, dropout: 0.3 },
    { units: 16, dropout: 0.2 },
    { units: 8, dropout: 0 },
  ],
} as const;

const width = 1280;
const count = 40;
const stage = { name: 'test', learningRate: 3e-3, epochs: 14 };
const plateau = { factor: 0.5, patience: 2, minLearningRate: 1e-3 };

describe.skipIf(!existsSync(python))('a head of several layers with softmax, beside Keras', () => {
  let engine: TensorFlowEngine;
  let folder: string;
  let classifier: Classifier;
  let tail: Graph;
  const pixels = randomPixels(3, design.imageSize);
  const random = new Random('features');
  const labels = Array.from({ length: count }, (_, index) => index % design.classes.length);
  // Another order: what is learnt does not help there for long, and the learning rate falls.
  const heldOut = random.shuffle(labels);
  const features = Float32Array.from({ length: count * width }, (_, index) =>
    Math.max(0, random.normal() + (index % 7 === labels[Math.floor(index / width)] ? 0.5 : 0)),
  );
  let keras: {
    ours: number[];
    layers: [string, number, string | undefined][];
    theirs: number[];
    loss: number;
    gradients: number[][];
    losses: number[];
    validationLosses: number[];
    rates: number[];
    after: number[][];
  };

  const predict = (model: LayersModel): Float32Array => {
    const { tf } = engine;
    const { divisor, subtrahend } = preprocessings.mobilenet_v2;
    return tf.tidy(() => {
      const input = tf.tensor4d(Float32Array.from(pixels), [3, 64, 64, 3]).div(divisor).sub(subtrahend);
      return (model.predict(input) as Tensor).dataSync() as Float32Array;
    });
  };
  const oneHot = (numbers: readonly number[]): Uint8Array =>
    Uint8Array.from(numbers.flatMap((label) => design.classes.map((_, index) => Number(index === label))));
  const headParameters = (graph: Graph): Float32Array[] => graph.nodes.flatMap(parametersOf).map(({ values }) => values);

  beforeAll(async () => {
    engine = await loadTensorFlow();
    folder = temporaryFolder();
    classifier = buildClassifier(engine.tf, design, 5);
    const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, 0)));
    const cut = cutGraph(graph, tensorShapes(graph)).tail;
    tail = { ...cut, nodes: cut.nodes.map((node) => (node.op === 'dropout' ? { ...node, rate: 0 } : node)) };
    const { minLearningRate, ...rest } = plateau;
    const told = {
      ...design,
      classes: design.classes.length,
      width,
      labels,
      heldOut,
      ...stage,
      plateau: { ...rest, min_lr: minLearningRate },
    };
    writeFileSync(path.join(folder, 'pixels.bin'), pixels);
    writeFileSync(path.join(folder, 'ours.keras'), await kerasArchive(classifier));
    writeFileSync(
      path.join(folder, 'head.json'),
      JSON.stringify({ ...told, features: Array.from(features), parameters: headParameters(tail).map((values) => Array.from(values)) }),
    );
    const { status, stderr } = spawnSync(python, [path.join(__dirname, 'multiclass.oracle.py'), folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr.slice(-2000));
    keras = JSON.parse(readFileSync(path.join(folder, 'answer.json'), 'utf8'));
  }, 240_000);

  it('is loaded by Keras with the names that Keras itself would give, and gives the same', () => {
    expect(keras.layers.map(([name, size, activation]) => [name, size, activation ?? null])).toEqual([
      ['dropout', 0.3, null],
      ['dense', 24, 'relu'],
      ['dropout_1', 0.3, null],
      ['dense_1', 16, 'relu'],
      ['dropout_2', 0.2, null],
      ['dense_2', 8, 'relu'],
      ['dense_3', 5, 'softmax'],
    ]);
    expect(relativeError(predict(classifier.model), keras.ours)).toBeLessThan(1e-5);
  });

  it.each(['theirs.keras', 'theirs.h5'])('that Keras saved as %s gives the same here, and in ONNX Runtime', async (file) => {
    const { model } = buildClassifier(engine.tf, design, 1);
    assignWeights(engine.tf, model, await readKerasWeights(path.join(folder, file)), file);
    expect(relativeError(predict(model), keras.theirs)).toBeLessThan(1e-4);
    const graph = foldAffine(graphOf(model), { acrossTheCut: true });
    const onnx = await openOnnx(
      toOnnx(graph, { outputs: [{ tensor: graph.output, name: 'out' }], preprocessing: preprocessings.mobilenet_v2 }),
    );
    const { out } = await onnx.run({ image: { data: pixels, shape: [3, 64, 64, 3] } });
    await onnx.release();
    expect(relativeError(out as Float32Array, keras.theirs)).toBeLessThan(1e-4);
  });

  it('has the same loss and the same gradients', () => {
    const { tf } = engine;
    const running = new Tail(engine, tail);
    const inputs = new Map([[tail.inputs[0]!.name, tf.tensor2d(features, [count, width]) as Tensor]]);
    const wanted = tf.tensor2d(Float32Array.from(oneHot(labels)), [count, design.classes.length]);
    const { value, grads } = tf.variableGrads(() => categoricalCrossEntropy(running.logits(inputs), wanted), running.variables);
    expect(relativeError(value.dataSync(), [keras.loss])).toBeLessThan(1e-5);
    for (const [index, expected] of keras.gradients.entries())
      expect(relativeError(grads[running.variables[index]!.name]!.dataSync(), expected), `parameter ${index}`).toBeLessThan(1e-3);
    expect(keras.gradients).toHaveLength(running.variables.length);
    running.dispose();
  });

  it('stays with Keras, epoch by epoch: losses, learning rates and what was learnt', async () => {
    const epochs: EpochResult[] = [];
    const rows = [...labels.keys()];
    const read = (_name: string, wanted: readonly number[]): Float32Array =>
      Float32Array.from(wanted.flatMap((row) => Array.from(features.subarray(row * width, (row + 1) * width))));
    const before = engine.tf.memory().numTensors;
    const result = await trainTail({
      engine,
      tail,
      activations: { read } as unknown as Activations,
      classes: design.classes.map(({ name }) => name),
      train: { rows, labels: oneHot(labels) },
      validation: { rows, labels: oneHot(heldOut) },
      stage,
      plateau,
      batchSize: count,
      judging: { kind: 'multiclass' },
      patience: null,
      random: new Random(1),
      onEpoch: async (epoch) => void epochs.push(epoch),
    });
    expect(engine.tf.memory().numTensors).toBe(before);
    expect(new Set(keras.rates).size).toBeGreaterThan(1);
    expect(
      relativeError(
        epochs.map(({ learningRate }) => learningRate),
        keras.rates,
      ),
    ).toBeLessThan(1e-6);
    expect(
      relativeError(
        epochs.map(({ train }) => train.loss),
        keras.losses,
      ),
    ).toBeLessThan(2e-3);
    expect(
      relativeError(
        epochs.map(({ validation }) => validation.loss),
        keras.validationLosses,
      ),
    ).toBeLessThan(2e-3);
    expect(epochs.at(-1)!.train.loss).toBeLessThan(0.95 * epochs[0]!.train.loss);
    for (const [index, values] of headParameters(result.tail).entries())
      expect(relativeError(values, keras.after[index]!), `parameter ${index}`).toBeLessThan(0.02);
  });
});

describe('training on views', () => {
  it('draws one view of each picture in every epoch, and measures on the pictures themselves', async () => {
    const engine = await loadTensorFlow();
    const classifier = buildClassifier(engine.tf, { ...design, hiddenLayers: [] }, 5);
    const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, 0)));
    const { tail } = cutGraph(graph, tensorShapes(graph));
    const seen: number[][] = [];
    const read = (_name: string, rows: readonly number[]): Float32Array => {
      seen.push([...rows]);
      return new Float32Array(rows.length * width).fill(0.1);
    };
    const views = [
      [0, 2, 3],
      [1, 4, 5],
    ];
    const epochs = 30;
    await trainTail({
      engine,
      tail,
      activations: { read } as unknown as Activations,
      classes: design.classes.map(({ name }) => name),
      train: { rows: [0, 1], labels: Uint8Array.of(1, 0, 0, 0, 0, 0, 1, 0, 0, 0), views },
      validation: { rows: [6], labels: Uint8Array.of(1, 0, 0, 0, 0) },
      stage: { ...stage, epochs },
      batchSize: 2,
      judging: { kind: 'multiclass' },
      patience: null,
      random: new Random(1),
    });
    const learnt = seen.filter((rows) => rows.length === 2);
    expect([learnt.length, seen.length]).toEqual([epochs, 2 * epochs]);
    for (const rows of learnt) for (const own of views) expect(rows.filter((row) => own.includes(row))).toHaveLength(1);
    expect(new Set(learnt.flat())).toEqual(new Set([0, 1, 2, 3, 4, 5]));
    classifier.model.dispose();
  });
});
