import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import type { BackboneOptions } from './backbones';

/** Expansion, output channels and stride of each inverted residual block: table 2 of Sandler et al. 2018, arXiv:1801.04381. */
const blocks: readonly { filters: number; stride: 1 | 2; expansion: number }[] = [
  { filters: 16, stride: 1, expansion: 1 },
  { filters: 24, stride: 2, expansion: 6 },
  { filters: 24, stride: 1, expansion: 6 },
  { filters: 32, stride: 2, expansion: 6 },
  { filters: 32, stride: 1, expansion: 6 },
  { filters: 32, stride: 1, expansion: 6 },
  { filters: 64, stride: 2, expansion: 6 },
  { filters: 64, stride: 1, expansion: 6 },
  { filters: 64, stride: 1, expansion: 6 },
  { filters: 64, stride: 1, expansion: 6 },
  { filters: 96, stride: 1, expansion: 6 },
  { filters: 96, stride: 1, expansion: 6 },
  { filters: 96, stride: 1, expansion: 6 },
  { filters: 160, stride: 2, expansion: 6 },
  { filters: 160, stride: 1, expansion: 6 },
  { filters: 160, stride: 1, expansion: 6 },
  { filters: 320, stride: 1, expansion: 6 },
];

/** What Keras calls a channel count that hardware likes: a multiple of 8, never more than 10 % below the wish. */
function makeDivisible(channels: number, divisor = 8): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

/**
 * MobileNetV2 as Keras builds it: the same layer names, in the same order, so that "the last 30
 * layers" are the same layers and Keras' weights load by name.
 *
 * @param imageSize side of the input, [batch, imageSize, imageSize, 3] in [-1, 1]
 * @param alpha width multiplier
 * @returns a model with random weights whose output is [batch, imageSize / 32, imageSize / 32, 1280] (more for alpha > 1)
 */
export function mobilenetV2(
  tf: TensorFlowModule,
  { imageSize, alpha, includeTop = false, classes = 1000 }: BackboneOptions & { readonly alpha: number },
): LayersModel {
  const apply = (layer: layers.Layer, input: SymbolicTensor | SymbolicTensor[]): SymbolicTensor => layer.apply(input) as SymbolicTensor;
  const batchNorm = (name: string, input: SymbolicTensor): SymbolicTensor =>
    apply(tf.layers.batchNormalization({ epsilon: 1e-3, momentum: 0.999, name }), input);
  const relu6 = (name: string, input: SymbolicTensor): SymbolicTensor => apply(tf.layers.reLU({ maxValue: 6, name }), input);
  const pointwise = (name: string, filters: number, input: SymbolicTensor): SymbolicTensor =>
    apply(tf.layers.conv2d({ filters, kernelSize: 1, padding: 'same', useBias: false, name }), input);

  function invertedResidual(input: SymbolicTensor, index: number): SymbolicTensor {
    const { filters, stride, expansion } = blocks[index]!;
    const [, side, , inputChannels] = input.shape as [number, number, number, number];
    const outputChannels = makeDivisible(filters * alpha);
    const prefix = index === 0 ? 'expanded_conv_' : `block_${index}_`;
    let x = input;
    if (index > 0) {
      x = pointwise(`${prefix}expand`, expansion * inputChannels, x);
      x = relu6(`${prefix}expand_relu`, batchNorm(`${prefix}expand_BN`, x));
    }
    if (stride === 2)
      x = apply(
        tf.layers.zeroPadding2d({
          padding: [
            [side % 2, 1],
            [side % 2, 1],
          ],
          name: `${prefix}pad`,
        }),
        x,
      );
    x = apply(
      tf.layers.depthwiseConv2d({
        kernelSize: 3,
        strides: stride,
        padding: stride === 1 ? 'same' : 'valid',
        useBias: false,
        name: `${prefix}depthwise`,
      }),
      x,
    );
    x = relu6(`${prefix}depthwise_relu`, batchNorm(`${prefix}depthwise_BN`, x));
    x = batchNorm(`${prefix}project_BN`, pointwise(`${prefix}project`, outputChannels, x));
    return stride === 1 && inputChannels === outputChannels ? apply(tf.layers.add({ name: `${prefix}add` }), [input, x]) : x;
  }

  const input = tf.input({ shape: [imageSize, imageSize, 3], name: 'input_layer' });
  let x = apply(
    tf.layers.conv2d({ filters: makeDivisible(32 * alpha), kernelSize: 3, strides: 2, padding: 'same', useBias: false, name: 'Conv1' }),
    input,
  );
  x = relu6('Conv1_relu', batchNorm('bn_Conv1', x));
  for (let index = 0; index < blocks.length; index++) x = invertedResidual(x, index);
  x = pointwise('Conv_1', alpha > 1 ? makeDivisible(1280 * alpha) : 1280, x);
  x = relu6('out_relu', batchNorm('Conv_1_bn', x));
  if (includeTop) {
    x = apply(tf.layers.globalAveragePooling2d({ name: 'global_average_pooling2d' }), x);
    x = apply(tf.layers.dense({ units: classes, activation: 'softmax', name: 'predictions' }), x);
  }
  return tf.model({ inputs: input, outputs: x, name: `mobilenetv2_${alpha.toFixed(2)}_${imageSize}` });
}
