import type { LayersModel, layers } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import { UnsupportedLayer } from './errors';
import {
  type ConvNode,
  type Graph,
  type GraphNode,
  type NodeBase,
  type Padding,
  type Parameter,
  type PlainNode,
  parametersOf,
} from './graph';

type Shape = readonly (number | null)[];

/** What of a layer's configuration matters here; each kind of layer has some of it. */
interface LayerConfig {
  readonly padding: [[number, number], [number, number]];
  readonly rate: number;
  readonly noiseShape?: readonly unknown[] | null;
  readonly maxValue: number;
  readonly activation: string;
  readonly scale: number;
  readonly offset: number;
}

/** Activations, as Keras names them, that a layer may carry or be. */
const activations: Readonly<Record<string, PlainNode['op']>> = {
  relu: 'relu',
  sigmoid: 'sigmoid',
  softmax: 'softmax',
  swish: 'swish',
};

/**
 * The graph of a model in inference mode. Batch normalisations become affine nodes; see `foldAffine`.
 *
 * @param trainable names of the layers that learn
 * @throws UNSUPPORTED_LAYER
 */
export function graphOf(model: LayersModel, trainable: ReadonlySet<string> = new Set()): Graph {
  const outputOf = new Map<string, string>();
  const paddings = new Map<string, Padding>();
  const nodes: GraphNode[] = [];
  const inputs: { name: string; shape: number[] }[] = [];
  for (const layer of model.layers) {
    const sources = layer.inboundNodes[0]!.inboundLayers.map((source) => source.name);
    const base = {
      name: layer.name,
      inputs: sources.map((source) => outputOf.get(source) ?? source),
      trainable: trainable.has(layer.name),
    };
    const kind = layer.getClassName();
    const config = layer.getConfig() as unknown as LayerConfig;
    outputOf.set(layer.name, layer.name);
    const activate = (): void => {
      if (config.activation === 'linear') return;
      const op = activationOf(layer, config);
      const name = `${layer.name}/${op}`;
      nodes.push({ name, inputs: [layer.name], trainable: false, op });
      outputOf.set(layer.name, name);
    };
    switch (kind) {
      case 'InputLayer':
        inputs.push({ name: layer.name, shape: (layer.batchInputShape ?? []).slice(1) as number[] });
        break;
      case 'ZeroPadding2D': {
        const [[top, bottom], [left, right]] = config.padding;
        paddings.set(layer.name, { top, bottom, left, right });
        outputOf.set(layer.name, base.inputs[0]!);
        break;
      }
      case 'Conv2D':
      case 'DepthwiseConv2D':
        nodes.push(convolution(layer, base, kind === 'DepthwiseConv2D', paddings.get(sources[0]!)));
        activate();
        break;
      case 'Activation':
        nodes.push({ ...base, op: activationOf(layer, config) });
        break;
      case 'Rescaling':
        nodes.push({ ...base, trainable: false, op: 'affine', ...rescalingOf(layer, config) });
        break;
      case 'Normalization':
        nodes.push({ ...base, trainable: false, op: 'affine', ...standardisationOf(layer) });
        break;
      case 'BatchNormalization':
        nodes.push({ ...base, op: 'affine', ...affineOf(layer) });
        break;
      case 'ReLU':
        if (config.maxValue !== 6) throw UnsupportedLayer(layer.name, 'ReLU without the maximum 6');
        nodes.push({ ...base, op: 'relu6' });
        break;
      case 'Add':
        nodes.push({ ...base, op: 'add' });
        break;
      case 'Multiply':
        nodes.push({ ...base, op: 'multiply' });
        break;
      case 'Reshape':
        if (`${layer.outputShape}` !== `${[null, 1, 1, ...(layer.inboundNodes[0]!.inputShapes[0] as Shape).slice(1)]}`)
          throw UnsupportedLayer(layer.name, `Reshape to ${layer.outputShape}`);
        nodes.push({ ...base, op: 'unsqueeze' });
        break;
      case 'GlobalAveragePooling2D':
        nodes.push({ ...base, op: 'pool' });
        break;
      case 'Dropout':
        // Stochastic depth belongs to a backbone, which always runs in inference mode.
        if (config.noiseShape) outputOf.set(layer.name, base.inputs[0]!);
        else nodes.push({ ...base, op: 'dropout', rate: config.rate });
        break;
      case 'Dense':
        nodes.push({ ...base, op: 'dense', kernel: parameter(layer, 'kernel'), bias: parameter(layer, 'bias') });
        activate();
        break;
      default:
        throw UnsupportedLayer(layer.name, kind);
    }
  }
  return { inputs, nodes, output: outputOf.get(model.outputLayers[0]!.name)! };
}

function activationOf(layer: layers.Layer, { activation }: LayerConfig): PlainNode['op'] {
  const op = activations[activation];
  if (!op) throw UnsupportedLayer(layer.name, `${layer.getClassName()} with ${activation}`);
  return op;
}

function convolution(layer: layers.Layer, base: NodeBase, depthwise: boolean, explicit: Padding | undefined): ConvNode {
  const config = layer.getConfig() as { strides: [number, number]; padding: string; useBias?: boolean };
  const kernel = parameter(layer, depthwise ? 'depthwise_kernel' : 'kernel');
  const stride = config.strides[0];
  const [, height, width] = layer.inboundNodes[0]!.inputShapes[0] as Shape as [null, number, number];
  const padding = config.padding === 'same' ? samePadding(height, width, kernel.shape, stride) : { top: 0, bottom: 0, left: 0, right: 0 };
  const bias = layer.weights.some((weight) => isNamed(weight.originalName, 'bias')) ? parameter(layer, 'bias') : undefined;
  return { ...base, op: 'conv', depthwise, stride, padding: explicit ?? padding, kernel, ...(bias && { bias }) };
}

/** TensorFlow's SAME: as little as gives ceil(size / stride) outputs, the odd pixel at the bottom and right. */
function samePadding(height: number, width: number, kernel: readonly number[], stride: number): Padding {
  const total = (size: number, side: number): number => Math.max((Math.ceil(size / stride) - 1) * stride + side - size, 0);
  const vertical = total(height, kernel[0]!);
  const horizontal = total(width, kernel[1]!);
  const top = Math.floor(vertical / 2);
  const left = Math.floor(horizontal / 2);
  return { top, bottom: vertical - top, left, right: horizontal - left };
}

function affineOf(layer: layers.Layer): { scale: Parameter; offset: Parameter } {
  const [gamma, beta, mean, variance] = ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => parameter(layer, name).values);
  const { epsilon } = layer.getConfig() as { epsilon: number };
  const scale = gamma!.map((value, channel) => value / Math.sqrt(variance![channel]! + epsilon));
  const offset = beta!.map((value, channel) => value - mean![channel]! * scale[channel]!);
  return affine(layer, scale, offset);
}

function rescalingOf(layer: layers.Layer, { scale, offset }: LayerConfig): { scale: Parameter; offset: Parameter } {
  const channels = (layer.outputShape as Shape).at(-1)!;
  return affine(layer, new Float32Array(channels).fill(scale), new Float32Array(channels).fill(offset));
}

function standardisationOf(layer: layers.Layer): { scale: Parameter; offset: Parameter } {
  const [mean, variance] = ['mean', 'variance'].map((name) => parameter(layer, name).values);
  const scale = variance!.map((value) => 1 / Math.sqrt(value));
  return affine(
    layer,
    scale,
    scale.map((value, channel) => -mean![channel]! * value),
  );
}

function affine(layer: layers.Layer, scale: Float32Array, offset: Float32Array): { scale: Parameter; offset: Parameter } {
  const shape = [scale.length];
  return { scale: { name: `${layer.name}/scale`, shape, values: scale }, offset: { name: `${layer.name}/offset`, shape, values: offset } };
}

/** TensorFlow.js makes weight names unique by a suffix: `Conv1/kernel`, `Conv1/kernel_1`. */
function isNamed(weightName: string, wanted: string): boolean {
  return weightName.split('/').at(-1)!.replace(/_\d+$/, '') === wanted;
}

function parameter(layer: layers.Layer, wanted: string): Parameter {
  const weight = layer.weights.find(({ originalName }) => isNamed(originalName, wanted));
  if (!weight) throw UnsupportedLayer(layer.name, `layer without ${wanted}`);
  return { name: `${layer.name}/${wanted}`, shape: weight.shape as number[], values: weight.read().dataSync().slice() as Float32Array };
}

/**
 * Writes trained numbers back into the model that the graph came from. Where a batch normalisation was folded into a kernel and a
 * bias, the layers get that kernel and a batch normalisation with scale 1 and the bias as its beta, which computes the same.
 *
 * @param trained nodes of the graph, or of a part of it; the ones that do not learn are left alone
 */
export function applyTrained(tf: TensorFlowModule, model: LayersModel, trained: readonly GraphNode[]): void {
  const assign = (layer: string, arrays: readonly Float32Array[]): void => {
    const { weights } = model.getLayer(layer);
    model.getLayer(layer).setWeights(weights.map(({ shape }, index) => tf.tensor(arrays[index]!, shape as number[])));
  };
  const normalisation = (layer: string, gamma: Float32Array, beta: Float32Array): void => {
    const { epsilon } = model.getLayer(layer).getConfig() as { epsilon: number };
    assign(layer, [gamma, beta, new Float32Array(gamma.length), new Float32Array(gamma.length).fill(1 - epsilon)]);
  };
  tf.tidy(() => {
    for (const node of trained) {
      if (!node.trainable) continue;
      if (node.op === 'dense') assign(node.name, [node.kernel.values, node.bias.values]);
      else if (node.op === 'affine') normalisation(node.name, node.scale.values, node.offset.values);
      else if (node.op === 'conv') {
        const layer = node.kernel.name.slice(0, node.kernel.name.lastIndexOf('/'));
        if (node.bias && layer !== node.name) {
          assign(layer, [node.kernel.values]);
          normalisation(node.name, new Float32Array(node.bias.values.length).fill(1), node.bias.values);
        } else
          assign(
            layer,
            parametersOf(node).map(({ values }) => values),
          );
      }
    }
  });
}
