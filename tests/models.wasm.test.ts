import type { Tensor } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadTensorFlow, openOnnx, type TensorFlowEngine } from '../lib/engine';
import { cutGraph, foldAffine, type Graph, graphOf, preprocessings, tensorShapes, toOnnx, trainableLayers } from '../lib/models';
import { Tail } from '../lib/training/tail';
import { backbones, randomClassifier, randomPixels, relativeError, smallDesign } from './models.fixtures';

const size = smallDesign.imageSize;
const pixels = randomPixels(2, size);

describe('on WebAssembly', () => {
  let engine: TensorFlowEngine;

  beforeAll(async () => {
    vi.stubEnv('VISIONBOOK_BACKEND', 'wasm');
    vi.spyOn(console, 'warn').mockReturnValue();
    engine = await loadTensorFlow();
    expect(engine.backend).toBe('wasm');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it.each(backbones)('$name gives what it gives in ONNX Runtime, and its last 40 layers have gradients', async (design) => {
    const { tf } = engine;
    const classifier = randomClassifier(tf, 1, design);
    const { divisor, subtrahend } = preprocessings[design.name];
    const tail = trainableLayers(classifier, 40);
    const graph = foldAffine(graphOf(classifier.model, tail));
    const parts = cutGraph(graph, tensorShapes(graph));
    const crossing = parts.tail.inputs.map(({ name }) => name);
    const run = async (whole: Graph, tensors: readonly string[]): Promise<Float32Array[]> => {
      const outputs = tensors.map((tensor, index) => ({ tensor, name: `out${index}` }));
      const onnx = await openOnnx(toOnnx(whole, { outputs, preprocessing: preprocessings[design.name] }));
      const results = await onnx.run({ image: { data: pixels, shape: [2, size, size, 3] } });
      await onnx.release();
      return outputs.map(({ name }) => results[name] as Float32Array);
    };
    const [expected] = await run(graph, [graph.output]);
    const probabilities = tf.tidy(() => {
      const input = tf.tensor4d(Float32Array.from(pixels), [2, size, size, 3]).div(divisor).sub(subtrahend);
      return (classifier.model.predict(input) as Tensor).dataSync();
    });
    expect(relativeError(probabilities, expected!)).toBeLessThan(1e-4);

    const activations = await run(parts.frozen, crossing);
    const running = new Tail(engine, parts.tail);
    const inputs = new Map(parts.tail.inputs.map(({ name, shape }, index) => [name, tf.tensor(activations[index]!, [2, ...shape])]));
    expect(relativeError(running.logits(inputs).sigmoid().dataSync(), expected!)).toBeLessThan(1e-4);
    const { grads } = tf.variableGrads(() => running.logits(inputs).square().mean(), running.variables);
    const largest = Object.values(grads).map((gradient) => gradient.abs().max().dataSync()[0]!);
    expect(largest.length).toBeGreaterThan(4);
    expect(largest.every((value) => Number.isFinite(value) && value > 0)).toBe(true);
    running.dispose();
  });
});
