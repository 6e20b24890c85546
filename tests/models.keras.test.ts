import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, openOnnx, type TensorFlowEngine, type TensorFlowModule } from '../lib/engine';
import {
  assignWeights,
  type BackboneDesign,
  buildBackbone,
  buildClassifier,
  type Classifier,
  cutGraph,
  foldAffine,
  type Graph,
  graphOf,
  kerasArchive,
  parametersOf,
  preprocessings,
  pruneGraph,
  readKerasWeights,
  tensorShapes,
  toOnnx,
  trainableLayers,
} from '../lib/models';
import { Tail } from '../lib/training/tail';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { backbones, randomClassifier, randomPixels, relativeError, smallDesign } from './models.fixtures';

const python = path.join(openWorkspace().venvBin, 'python');
const size = smallDesign.imageSize;
const pixels = randomPixels(3, size);
const classes = 7;

interface KerasAnswer {
  readonly layers: string[];
  readonly topLayers: string[];
  readonly preprocessed: number[];
  readonly backbone: number[];
  readonly top: number[];
  readonly classifier: number[];
  readonly gradients: Record<string, number[]>;
}

describe.skipIf(!existsSync(python))('with Keras itself as the oracle', () => {
  let engine: TensorFlowEngine;
  let tf: TensorFlowModule;
  let folder: string;
  /** What our models give, which the oracle finds as files. */
  const ours = new Map<string, Float32Array>();

  const answer = <Answer = KerasAnswer>(name: string): Answer => JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'));
  const input = ({ name }: BackboneDesign): Tensor => {
    const { divisor, subtrahend } = preprocessings[name];
    return tf.tensor4d(Float32Array.from(pixels), [3, size, size, 3]).div(divisor).sub(subtrahend);
  };
  const predict = (model: LayersModel, design: BackboneDesign): Float32Array =>
    tf.tidy(() => (model.predict(input(design)) as Tensor).dataSync() as Float32Array);
  const assign = async (model: LayersModel, file: string): Promise<void> =>
    assignWeights(tf, model, await readKerasWeights(path.join(folder, file)), file);
  const classifierOfKeras = async (backbone: BackboneDesign): Promise<Classifier> => {
    const classifier = buildClassifier(tf, { ...smallDesign, backbone }, 1);
    await assign(classifier.model, `${backbone.name}.classifier.keras`);
    return classifier;
  };
  const exportOnnx = (graph: Graph, { name }: BackboneDesign): Uint8Array =>
    toOnnx(graph, { outputs: [{ tensor: graph.output, name: 'out' }], preprocessing: preprocessings[name] });
  const runOnnx = async (graph: Graph, design: BackboneDesign): Promise<Float32Array> => {
    const onnx = await openOnnx(exportOnnx(graph, design));
    const { out } = await onnx.run({ image: { data: pixels, shape: [3, size, size, 3] } });
    await onnx.release();
    return out as Float32Array;
  };

  beforeAll(async () => {
    engine = await loadTensorFlow();
    tf = engine.tf;
    folder = temporaryFolder();
    writeFileSync(path.join(folder, 'pixels.bin'), pixels);
    for (const design of backbones) {
      const classifier = randomClassifier(tf, 1, design);
      writeFileSync(path.join(folder, `${design.name}.ours.keras`), await kerasArchive(classifier));
      const graph = foldAffine(graphOf(classifier.model), { acrossTheCut: true });
      writeFileSync(path.join(folder, `${design.name}.ours.onnx`), exportOnnx(graph, design));
      ours.set(design.name, predict(classifier.model, design));
    }
    const { status, stderr } = spawnSync(python, [path.join(__dirname, 'models.oracle.py'), folder], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr.slice(-2000));
  }, 240_000);

  it.each(backbones)('$name has the same layers in the same order, with and without top', (design) => {
    const keras = answer(design.name);
    const names = (model: LayersModel): string[] => model.layers.map(({ name }) => name);
    // Keras counts up the names of its input and of layers without a name. The oracle's Lite0 preprocesses inside; ours before.
    const uncounted = (layers: readonly string[]): string[] =>
      layers
        .map((name) =>
          name.replace(/^(rescaling|normalization|global_average_pooling2d)_\d+$/, '$1').replace(/^input_layer.*/, 'input_layer'),
        )
        .filter((name) => design.name !== 'efficientnet_lite0' || !['rescaling', 'normalization'].includes(name));
    expect(names(buildBackbone(tf, design, { imageSize: size }))).toEqual(uncounted(keras.layers));
    expect(names(buildBackbone(tf, design, { imageSize: size, includeTop: true, classes }))).toEqual(uncounted(keras.topLayers));
  });

  it.each(backbones.slice(0, 2))('preprocessing for $name gives the same bits', ({ name }) => {
    const { preprocessed } = answer(name);
    const { divisor, subtrahend } = preprocessings[name];
    const ours = preprocessed.map((_, index) => Math.fround(Math.fround(pixels[index]! / divisor) - subtrahend));
    expect(ours).toEqual(preprocessed);
  });

  const files: readonly [BackboneDesign, string][] = [
    [backbones[0]!, 'backbone.weights.h5'],
    [backbones[0]!, 'backbone.keras'],
    [backbones[0]!, 'backbone.h5'],
    [backbones[1]!, 'backbone.weights.h5'],
    [backbones[1]!, 'backbone.h5'],
    [backbones[2]!, 'backbone.h5'],
  ];
  it.each(files)('%o that Keras saved as %s gives the same features', async (design, file) => {
    const model = buildBackbone(tf, design, { imageSize: size });
    await assign(model, `${design.name}.${file}`);
    expect(relativeError(predict(model, design), answer(design.name).backbone)).toBeLessThan(1e-4);
  });

  it.each([
    [backbones[0]!, 'top.h5'],
    [backbones[1]!, 'top.weights.h5'],
    [backbones[2]!, 'top.keras'],
  ] as const)('%o with its top, saved as %s, gives the same classes, and so does ONNX Runtime', async (design, file) => {
    const model = buildBackbone(tf, design, { imageSize: size, includeTop: true, classes });
    await assign(model, `${design.name}.${file}`);
    const { top } = answer(design.name);
    expect(relativeError(predict(model, design), top)).toBeLessThan(1e-4);
    expect(relativeError(await runOnnx(foldAffine(graphOf(model), { acrossTheCut: true }), design), top)).toBeLessThan(1e-4);
  });

  it.each(['imagenet.h5', 'imagenet.weights.h5'])(
    "EfficientNetB0 of weights='imagenet', in %s, gives the features that Keras' additional rescaling makes",
    async (file) => {
      const design = { name: 'efficientnet_b0' } as const;
      const model = buildBackbone(tf, design, { imageSize: size });
      await assign(model, file);
      expect(relativeError(predict(model, design), answer<number[]>('imagenet'))).toBeLessThan(1e-4);
    },
  );

  it.each([
    [backbones[0]!, 'classifier.keras'],
    [backbones[0]!, 'classifier.h5'],
    [backbones[1]!, 'classifier.keras'],
    [backbones[2]!, 'classifier.keras'],
  ] as const)('a classifier with nested %o, saved as %s, gives the same probabilities', async (design, file) => {
    const { model } = buildClassifier(tf, { ...smallDesign, backbone: design }, 1);
    await assign(model, `${design.name}.${file}`);
    expect(relativeError(predict(model, design), answer(design.name).classifier)).toBeLessThan(1e-4);
  });

  it.each(backbones)('after export of $name, folded or not, ONNX Runtime gives the same from plain pixels', async (design) => {
    const { model } = await classifierOfKeras(design);
    for (const graph of [graphOf(model), foldAffine(graphOf(model), { acrossTheCut: true })])
      expect(relativeError(await runOnnx(graph, design), answer(design.name).classifier)).toBeLessThan(1e-4);
  });

  it('gradients through squeeze-and-excitation and swish are those of Keras', async () => {
    const design = { name: 'efficientnet_b0' } as const;
    const classifier = await classifierOfKeras(design);
    const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, 30)));
    const shapes = tensorShapes(graph);
    const { frozen, tail } = cutGraph(graph, shapes);
    const crossing = new Map<string, Tensor>();
    for (const { name, shape } of tail.inputs) {
      const part = pruneGraph(frozen, [name]);
      crossing.set(name, tf.tensor(await runOnnx(part, design), [3, ...shape]));
    }
    const running = new Tail(engine, tail);
    const { grads } = tf.variableGrads(() => running.logits(crossing).square().mean(), running.variables);
    const names = tail.nodes.filter(({ trainable }) => trainable).flatMap(parametersOf);
    const { gradients } = answer(design.name);
    for (const [name, expected] of Object.entries(gradients)) {
      const position = names.findIndex((parameter) => parameter.name === name);
      expect(relativeError(grads[running.variables[position]!.name]!.dataSync(), expected), name).toBeLessThan(1e-3);
    }
    expect(Object.keys(gradients)).toHaveLength(4);
    running.dispose();
  });

  it('Keras loads what is saved here, gives the same, and onnx.checker has accepted what is exported', () => {
    const nested = { mobilenet_v2: 'mobilenetv2_0.35_64', efficientnet_b0: 'efficientnetb0', efficientnet_lite0: 'efficientnet_lite0' };
    for (const { name } of backbones) {
      const loaded = answer<{ layers: string[]; probabilities: number[] }>(`${name}.checked`);
      expect(relativeError(loaded.probabilities, ours.get(name)!), name).toBeLessThan(1e-5);
      expect(loaded.layers).toEqual(['image', nested[name], 'global_average_pooling2d', 'dropout', 'dense']);
    }
  });
});
