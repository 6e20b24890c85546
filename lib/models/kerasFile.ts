import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { layers } from '@tensorflow/tfjs';
import { zipSync } from 'fflate';
import type { Group } from 'h5wasm';
import { loadHdf } from '../hdf';
import type { Classifier } from './classifier';

/** The Keras release whose `.keras` layout is written here. */
const kerasVersion = '3.15.1';

/** A classifier as a `.keras` file's content, which Keras 3 loads: the backbone as a nested model, then pooling, dropout and dense. */
export async function kerasArchive(classifier: Classifier): Promise<Uint8Array> {
  const hdf = await loadHdf();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'visionbook-'));
  const weightsFile = path.join(folder, 'model.weights.h5');
  try {
    const opened = new hdf.File(weightsFile, 'w');
    const root = opened.create_group('layers');
    const nested = root.create_group('functional').create_group('layers');
    writeLayers(nested, classifier.backbone.layers);
    writeLayers(root, headLayers(classifier));
    opened.close();
    const text = (content: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(content));
    const metadata = { keras_version: kerasVersion, date_saved: new Date().toISOString().slice(0, 19).replace('T', '@') };
    return zipSync(
      { 'metadata.json': text(metadata), 'config.json': text(modelConfig(classifier)), 'model.weights.h5': await readFile(weightsFile) },
      { level: 0 },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function headLayers({ model, backbone }: Pick<Classifier, 'model' | 'backbone'>): layers.Layer[] {
  const inBackbone = new Set(backbone.layers.map(({ name }) => name));
  return model.layers.filter(({ name }) => !inBackbone.has(name));
}

/** Keras addresses layers by their class in snake case and a count, not by name. */
function writeLayers(group: Group, members: readonly layers.Layer[]): void {
  const counts = new Map<string, number>();
  for (const layer of members) {
    const kind = snakeCase(layer.getClassName());
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    const variables = group.create_group(count === 0 ? kind : `${kind}_${count}`).create_group('vars');
    variables.create_attribute('name', layer.name);
    layer.weights.forEach((weight, index) => {
      const data = weight.read().dataSync() as Float32Array;
      variables.create_dataset({ name: String(index), data, shape: weight.shape as number[], dtype: '<f4' });
    });
  }
}

function snakeCase(className: string): string {
  return className
    .replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

interface KerasObject {
  module: string;
  class_name: string;
  config: Record<string, unknown>;
  registered_name: string | null;
  name?: string;
  build_config?: unknown;
  inbound_nodes?: unknown[];
}

function modelConfig({ model, backbone }: Classifier): KerasObject {
  const inputShape = backbone.inputs[0]!.shape;
  const input: KerasObject = {
    module: 'keras.layers',
    class_name: 'InputLayer',
    config: { batch_shape: inputShape, dtype: 'float32', name: 'image' },
    registered_name: null,
    name: 'image',
    inbound_nodes: [],
  };
  const nested: KerasObject = {
    ...functional(
      backbone.name,
      backbone.layers.map((layer) => layerConfig(layer)),
      backbone.layers[0]!.name,
      backbone.layers.at(-1)!.name,
    ),
    name: backbone.name,
    inbound_nodes: [{ args: [tensorOf('image', inputShape)], kwargs: { training: false } }],
  };
  const head = headLayers({ model, backbone });
  const rest = head.map((layer, index) => layerConfig(layer, index === 0 ? backbone.name : undefined));
  return functional(model.name, [input, nested, ...rest], 'image', head.at(-1)!.name);
}

function functional(name: string, members: KerasObject[], input: string, output: string): KerasObject {
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: { name, trainable: true, layers: members, input_layers: [input, 0, 0], output_layers: [output, 0, 0] },
    registered_name: 'Functional',
    build_config: { input_shape: null },
  };
}

/** @param source the layer that this one reads, where it is another than in our flat model */
function layerConfig(layer: layers.Layer, source?: string): KerasObject {
  const node = layer.inboundNodes[0]!;
  const sources = node.inboundLayers.map((inbound, index) => tensorOf(source ?? inbound.name, node.inputShapes[index] as Shape));
  const args = sources.length > 1 ? [sources] : sources;
  return {
    module: 'keras.layers',
    class_name: layer.getClassName(),
    config: { name: layer.name, dtype: 'float32', ...optionsOf(layer) },
    registered_name: null,
    name: layer.name,
    ...(sources.length === 1 && { build_config: { input_shape: node.inputShapes[0] } }),
    inbound_nodes: sources.length > 0 ? [{ args, kwargs: {} }] : [],
  };
}

type Shape = readonly (number | null)[];

function tensorOf(layer: string, shape: Shape): object {
  return { class_name: '__keras_tensor__', config: { shape, dtype: 'float32', keras_history: [layer, 0, 0] } };
}

/** The options that differ from Keras' defaults, in Keras' names. */
function optionsOf(layer: layers.Layer): Record<string, unknown> {
  const config = layer.getConfig() as Record<string, unknown>;
  switch (layer.getClassName()) {
    case 'InputLayer':
      return { batch_shape: layer.batchInputShape };
    case 'Conv2D':
    case 'DepthwiseConv2D': {
      const shared = { kernel_size: config.kernelSize, strides: config.strides, padding: config.padding, use_bias: config.useBias };
      return layer.getClassName() === 'Conv2D' ? { filters: config.filters, activation: config.activation, ...shared } : shared;
    }
    case 'BatchNormalization':
      return { momentum: config.momentum, epsilon: config.epsilon };
    case 'ReLU':
      return { max_value: config.maxValue };
    case 'ZeroPadding2D':
      return { padding: config.padding };
    case 'Dropout':
      return { rate: config.rate, ...(config.noiseShape ? { noise_shape: config.noiseShape } : {}) };
    case 'Activation':
      return { activation: config.activation };
    case 'Rescaling':
      return { scale: config.scale, offset: config.offset };
    case 'Normalization':
      return { axis: [-1] };
    case 'Reshape':
      return { target_shape: config.targetShape };
    case 'Dense':
      return { units: config.units, activation: config.activation };
    default:
      return {};
  }
}
