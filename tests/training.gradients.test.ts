import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, openOnnx, type TensorFlowEngine } from '../lib/engine';
import { cutGraph, foldAffine, graphOf, parametersOf, preprocessings, tensorShapes, toOnnx, trainableLayers } from '../lib/models';
import { Random } from '../lib/random';
import type { Activations } from '../lib/training';
import { depthwise } from '../lib/training/operations';
import { adam } from '../lib/training/optimizer';
import { Tail } from '../lib/training/tail';
import { crossEntropy, trainTail } from '../lib/training/trainer';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { randomClassifier, randomPixels, relativeError, smallDesign } from './models.fixtures';

const python = path.join(openWorkspace().venvBin, 'python');
let engine: TensorFlowEngine;
beforeAll(async () => {
  engine = await loadTensorFlow();
});

describe.skipIf(!existsSync(python))('a batch through the last 38 layers of MobileNetV2, beside Keras', () => {
  const labels = Array.from({ length: 8 }, (_, index) => [index & 1, (index >> 1) & 1, (index >> 2) & 1]);
  const negativeWeight = 4;
  const weights = labels.map((row) => (row.includes(1) ? 1 : negativeWeight));
  const stage = { name: 'test', learningRate: 1e-3, epochs: 5 };
  let keras: { losses: number[]; gradients: Record<string, number[]>; after: Record<string, number[]> };
  let tail: ReturnType<typeof cutGraph>['tail'];
  let crossing: Float32Array;
  let before: Map<string, Float32Array>;

  beforeAll(async () => {
    const { imageSize: size, backbone } = smallDesign;
    const pixels = randomPixels(labels.length, size);
    const classifier = randomClassifier(engine.tf);
    const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, 38)));
    const parts = cutGraph(graph, tensorShapes(graph));
    tail = parts.tail;
    expect(tail.inputs).toHaveLength(1);
    expect(tail.nodes.some((node) => node.op === 'conv' && node.depthwise && node.stride === 2)).toBe(true);
    const outputs = [{ tensor: tail.inputs[0]!.name, name: 'crossing' }];
    const onnx = await openOnnx(toOnnx(parts.frozen, { outputs, preprocessing: preprocessings[backbone.name] }));
    const found = await onnx.run({ image: { data: pixels, shape: [labels.length, size, size, 3] } });
    await onnx.release();
    crossing = found.crossing as Float32Array;
    before = new Map(graph.nodes.flatMap(parametersOf).map(({ name, values }) => [name, values]));
    const folder = temporaryFolder();
    const parameters = Object.fromEntries([...before].map(([name, values]) => [name, Array.from(values)]));
    const learning = tail.nodes.flatMap(parametersOf).map(({ name }) => name);
    const told = { imageSize: size, alpha: backbone.alpha, labels, weights, parameters, learning };
    writeFileSync(path.join(folder, 'pixels.bin'), pixels);
    writeFileSync(path.join(folder, 'model.json'), JSON.stringify({ ...told, learningRate: stage.learningRate, steps: stage.epochs }));
    const oracle = spawnSync(python, [path.resolve('tests/training.oracle.py'), folder], { encoding: 'utf8' });
    expect(oracle.status, oracle.stderr).toBe(0);
    keras = JSON.parse(readFileSync(path.join(folder, 'answer.json'), 'utf8'));
  });

  it('has the same loss and the same gradients', () => {
    const { tf } = engine;
    const running = new Tail(engine, tail);
    const shape = [labels.length, ...tail.inputs[0]!.shape];
    const inputs = new Map([[tail.inputs[0]!.name, tf.tensor(crossing, shape) as Tensor]]);
    const { value, grads } = tf.variableGrads(
      () => crossEntropy(running.logits(inputs), tf.tensor2d(labels), tf.tensor1d(weights)),
      running.variables,
    );
    expect(relativeError(value.dataSync(), [keras.losses[0]!])).toBeLessThan(1e-4);
    const names = tail.nodes.flatMap(parametersOf).map(({ name }) => name);
    for (const [index, name] of names.entries()) {
      const gradient = grads[running.variables[index]!.name]!.dataSync();
      expect(relativeError(gradient, keras.gradients[name]!), name).toBeLessThan(1e-3);
    }
    running.dispose();
  });

  it('stays with Keras for five steps of Adam', async () => {
    const losses: number[] = [];
    const size = crossing.length / labels.length;
    const read = (_name: string, rows: readonly number[]): Float32Array =>
      Float32Array.from(rows.flatMap((row) => Array.from(crossing.subarray(row * size, (row + 1) * size))));
    const withoutDropout = { ...tail, nodes: tail.nodes.map((node) => (node.op === 'dropout' ? { ...node, rate: 0 } : node)) };
    const examples = { rows: [...labels.keys()], labels: Uint8Array.from(labels.flat()) };
    const trained = await trainTail({
      engine,
      tail: withoutDropout,
      activations: { read } as unknown as Activations,
      classes: ['a', 'b', 'c'],
      train: examples,
      validation: examples,
      stage,
      batchSize: labels.length,
      judging: { threshold: 0.5, negativeWeight },
      patience: null,
      random: new Random(1),
      onEpoch: async ({ train }) => void losses.push(train.loss),
    });
    expect(relativeError(losses, keras.losses)).toBeLessThan(1e-3);
    expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
    const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
    for (const { name, values } of trained.tail.nodes.flatMap(parametersOf)) {
      const start = before.get(name)!;
      const [moved, movedInKeras] = [values, keras.after[name]!].map((after) => Array.from(start, (value, index) => after[index]! - value));
      const apart = norm(moved!.map((value, index) => value - movedInKeras![index]!));
      expect(apart / norm(movedInKeras!), name).toBeLessThan(0.02);
    }
  });
});

describe('Adam', () => {
  it("is the same by TensorFlow's one operation and composed of many, and leaves no tensor behind", () => {
    const { tf } = engine;
    const run = (backend: TensorFlowEngine['backend']): number[] => {
      const random = new Random('gradients');
      const variables = [[3, 2], [4]].map((shape) => tf.variable(tf.fill(shape, 0.5)));
      const before = tf.memory().numTensors;
      const optimizer = adam({ ...engine, backend }, variables, 1e-2);
      for (let step = 0; step < 6; step++) {
        tf.tidy(() => {
          // From large to so small that the place of epsilon counts.
          const gradients = variables.map(({ name, shape, size }) => {
            const values = Float32Array.from({ length: size }, () => random.normal() * 10 ** -random.uniform(0, 9));
            return [name, tf.tensor(values, shape)] as const;
          });
          optimizer.applyGradients(Object.fromEntries(gradients));
        });
      }
      optimizer.dispose();
      expect(tf.memory().numTensors).toBe(before);
      const values = variables.flatMap((variable) => Array.from(variable.dataSync()));
      tf.dispose(variables);
      return values;
    };
    const fused = run(engine.backend);
    expect(relativeError(run('wasm'), fused)).toBeLessThan(1e-5);
    expect(fused.every((value) => value !== 0.5)).toBe(true);
  });
});

describe('a depthwise convolution for backends without its gradients', () => {
  const even = { top: 1, bottom: 1, left: 1, right: 1 };
  const uneven = { top: 0, bottom: 1, left: 0, right: 1 };
  it.each([
    { side: 3, stride: 1, rows: 7, columns: 5, padding: even },
    { side: 3, stride: 2, rows: 8, columns: 8, padding: uneven },
    { side: 3, stride: 2, rows: 9, columns: 6, padding: even },
    { side: 3, stride: 3, rows: 8, columns: 11, padding: uneven },
    { side: 5, stride: 1, rows: 7, columns: 9, padding: { top: 2, bottom: 2, left: 2, right: 2 } },
    { side: 5, stride: 1, rows: 8, columns: 6, padding: uneven },
    { side: 5, stride: 2, rows: 8, columns: 8, padding: { top: 1, bottom: 2, left: 1, right: 2 } },
  ])(
    "gives TensorFlow's result and gradients with a side of $side and stride $stride on $rows × $columns",
    ({ side, rows, columns, ...window }) => {
      const { tf } = engine;
      const random = new Random('depthwise');
      const draw = (shape: [number, number, number, number]): Tensor4D => {
        const size = shape.reduce((product, side) => product * side, 1);
        return tf.tensor4d(
          Float32Array.from({ length: size }, () => random.normal()),
          shape,
        );
      };
      const [x, kernel] = [draw([2, rows, columns, 4]), draw([side, side, 4, 1])];
      const results = (['native', 'wasm'] as const).map((backend) => {
        const convolve = (given: Tensor, weights: Tensor): Tensor =>
          depthwise({ ...engine, backend }, given as Tensor4D, weights as Tensor4D, window);
        const gradients = tf.grads((given, weights) => convolve(given!, weights!).square())([x, kernel]);
        return [convolve(x, kernel), ...gradients].map((tensor) => Array.from(tensor.dataSync()));
      });
      for (const [index, expected] of results[0]!.entries()) expect(relativeError(results[1]![index]!, expected)).toBeLessThan(1e-5);
    },
  );
});
