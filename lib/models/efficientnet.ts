import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import type { BackboneOptions } from './backbones';
import { normalization } from './normalization';

/** The stages of EfficientNet's smallest network: table 1 of Tan and Le 2019, arXiv:1905.11946. */
const stages: readonly { kernelSize: 3 | 5; repeats: number; filters: number; expansion: 1 | 6; stride: 1 | 2 }[] = [
  { kernelSize: 3, repeats: 1, filters: 16, expansion: 1, stride: 1 },
  { kernelSize: 3, repeats: 2, filters: 24, expansion: 6, stride: 2 },
  { kernelSize: 5, repeats: 2, filters: 40, expansion: 6, stride: 2 },
  { kernelSize: 3, repeats: 3, filters: 80, expansion: 6, stride: 2 },
  { kernelSize: 5, repeats: 3, filters: 112, expansion: 6, stride: 1 },
  { kernelSize: 5, repeats: 4, filters: 192, expansion: 6, stride: 2 },
  { kernelSize: 3, repeats: 1, filters: 320, expansion: 6, stride: 1 },
];
const blocks = stages.flatMap((stage, index) =>
  [...'abcd'.slice(0, stage.repeats)].map((letter, repeat) => ({
    ...stage,
    prefix: `block${index + 1}${letter}_`,
    stride: repeat === 0 ? stage.stride : (1 as const),
  })),
);

/** What the layers' names of each block begin with: `block1a_` to `block7a_`. */
export function blockPrefixes(): string[] {
  return blocks.map(({ prefix }) => prefix);
}

/** Stochastic depth (Huang et al. 2016, arXiv:1603.09382): the share of dropped blocks grows to this at the last one. */
const dropConnectRate = 0.2;

/**
 * EfficientNetB0 as Keras builds it with `weights=None`: the same layer names, in the same order, so that "the last 30 layers" are the same layers and
 * Keras' weights load by name (see `withTrueVariance` for those trained on ImageNet). The rescaling of pixels is inside.
 *
 * @returns a model with random weights: [batch, imageSize, imageSize, 3] in [0, 255] to [batch, imageSize / 32, imageSize / 32, 1280]
 */
export function efficientnetB0(tf: TensorFlowModule, options: BackboneOptions): LayersModel {
  return build(tf, options, {
    name: 'efficientnetb0',
    normalise: (input) => {
      const rescaled = tf.layers.rescaling({ scale: 1 / 255, name: 'rescaling' }).apply(input) as SymbolicTensor;
      return normalization(tf, 'normalization').apply(rescaled) as SymbolicTensor;
    },
    activation: (name) => tf.layers.activation({ activation: 'swish', name }),
    squeezeAndExcitation: true,
  });
}

/**
 * EfficientNet-Lite0: EfficientNetB0 with ReLU6 and without squeeze-and-excitation, made for small devices
 * (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). Layers are named as in EfficientNetB0.
 *
 * @returns a model with random weights: [batch, imageSize, imageSize, 3] in [-127/128, 1] to [batch, imageSize / 32, imageSize / 32, 1280]
 */
export function efficientnetLite0(tf: TensorFlowModule, options: BackboneOptions): LayersModel {
  return build(tf, options, {
    name: 'efficientnet_lite0',
    normalise: (input) => input,
    activation: (name) => tf.layers.reLU({ maxValue: 6, name }),
    squeezeAndExcitation: false,
  });
}

/** What the two differ in. */
interface Variant {
  readonly name: string;
  readonly normalise: (input: SymbolicTensor) => SymbolicTensor;
  readonly activation: (name: string) => layers.Layer;
  readonly squeezeAndExcitation: boolean;
}

function build(tf: TensorFlowModule, { imageSize, includeTop = false, classes = 1000 }: BackboneOptions, variant: Variant): LayersModel {
  const apply = (layer: layers.Layer, input: SymbolicTensor | SymbolicTensor[]): SymbolicTensor => layer.apply(input) as SymbolicTensor;
  const batchNorm = (name: string, input: SymbolicTensor): SymbolicTensor =>
    apply(tf.layers.batchNormalization({ epsilon: 1e-3, momentum: 0.99, name }), input);
  const activate = (name: string, input: SymbolicTensor): SymbolicTensor => apply(variant.activation(name), input);
  const pointwise = (name: string, filters: number, input: SymbolicTensor): SymbolicTensor =>
    apply(tf.layers.conv2d({ filters, kernelSize: 1, padding: 'same', useBias: false, name }), input);

  /** Keras' `correct_pad`: what TensorFlow's SAME pads at stride 2, as a layer of its own. */
  function pad(name: string, kernelSize: number, input: SymbolicTensor): SymbolicTensor {
    const half = (kernelSize - 1) / 2;
    const before = (side: number): [number, number] => [half - (1 - (side % 2)), half];
    const [, height, width] = input.shape as [null, number, number];
    return apply(tf.layers.zeroPadding2d({ padding: [before(height), before(width)], name }), input);
  }

  /** Channels weighted by what the whole picture shows: Hu et al. 2018, arXiv:1709.01507. */
  function squeezeAndExcite(prefix: string, reduced: number, input: SymbolicTensor): SymbolicTensor {
    const channels = input.shape.at(-1)!;
    const gate = (name: string, filters: number, activation: 'swish' | 'sigmoid', x: SymbolicTensor): SymbolicTensor =>
      apply(tf.layers.conv2d({ filters, kernelSize: 1, padding: 'same', activation, name }), x);
    let squeezed = apply(tf.layers.globalAveragePooling2d({ name: `${prefix}se_squeeze` }), input);
    squeezed = apply(tf.layers.reshape({ targetShape: [1, 1, channels], name: `${prefix}se_reshape` }), squeezed);
    squeezed = gate(`${prefix}se_expand`, channels, 'sigmoid', gate(`${prefix}se_reduce`, reduced, 'swish', squeezed));
    return apply(tf.layers.multiply({ name: `${prefix}se_excite` }), [input, squeezed]);
  }

  function invertedResidual(input: SymbolicTensor, block: (typeof blocks)[number], dropRate: number): SymbolicTensor {
    const { prefix, kernelSize, expansion, filters, stride } = block;
    const inputChannels = input.shape.at(-1)!;
    let x = input;
    if (expansion > 1) {
      x = pointwise(`${prefix}expand_conv`, expansion * inputChannels, x);
      x = activate(`${prefix}expand_activation`, batchNorm(`${prefix}expand_bn`, x));
    }
    if (stride === 2) x = pad(`${prefix}dwconv_pad`, kernelSize, x);
    const padding = stride === 2 ? 'valid' : 'same';
    x = apply(tf.layers.depthwiseConv2d({ kernelSize, strides: stride, padding, useBias: false, name: `${prefix}dwconv` }), x);
    x = activate(`${prefix}activation`, batchNorm(`${prefix}bn`, x));
    if (variant.squeezeAndExcitation) x = squeezeAndExcite(prefix, Math.floor(inputChannels / 4), x);
    x = batchNorm(`${prefix}project_bn`, pointwise(`${prefix}project_conv`, filters, x));
    if (stride === 2 || inputChannels !== filters) return x;
    const noiseShape = [null as unknown as number, 1, 1, 1]; // TensorFlow.js' type knows no free batch
    x = apply(tf.layers.dropout({ rate: dropRate, noiseShape, name: `${prefix}drop` }), x);
    return apply(tf.layers.add({ name: `${prefix}add` }), [x, input]);
  }

  const input = tf.input({ shape: [imageSize, imageSize, 3], name: 'input_layer' });
  let x = pad('stem_conv_pad', 3, variant.normalise(input));
  x = apply(tf.layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, padding: 'valid', useBias: false, name: 'stem_conv' }), x);
  x = activate('stem_activation', batchNorm('stem_bn', x));
  for (const [index, block] of blocks.entries()) x = invertedResidual(x, block, (dropConnectRate * index) / blocks.length);
  x = activate('top_activation', batchNorm('top_bn', pointwise('top_conv', 1280, x)));
  if (includeTop) {
    x = apply(tf.layers.globalAveragePooling2d({ name: 'avg_pool' }), x);
    x = apply(tf.layers.dropout({ rate: 0.2, name: 'top_dropout' }), x);
    x = apply(tf.layers.dense({ units: classes, activation: 'softmax', name: 'predictions' }), x);
  }
  return tf.model({ inputs: input, outputs: x, name: variant.name });
}
