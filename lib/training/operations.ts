import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { TensorFlowEngine } from '../engine';
import type { ConvNode } from '../models';
import type { Random } from '../random';

/** Operations whose gradients TensorFlow.js computes slowly or, on WebAssembly, not at all. */

/** What of tfjs-node's backend is used in this room: operations that TensorFlow.js has no function for. */
export interface NativeBackend {
  readonly binding: Readonly<
    Record<'TF_ATTR_TYPE' | 'TF_ATTR_BOOL' | 'TF_ATTR_INT' | 'TF_ATTR_STRING' | 'TF_ATTR_SHAPE' | 'TF_FLOAT', number>
  >;
  executeSingleOutput(operation: string, attributes: readonly object[], inputs: readonly Tensor[]): Tensor;
  executeMultipleOutputs(operation: string, attributes: readonly object[], inputs: readonly Tensor[], outputs: number): Tensor[];
}

/** TF_ATTR_TYPE and TF_FLOAT of TensorFlow's C API. */
const floatAttribute = { name: 'T', type: 4, value: 1 };

/** min(max(x, 0), 6). On the native backend its gradient is TensorFlow's own `Relu6Grad`, where TensorFlow.js composes it of three operations. */
export function relu6({ tf, backend }: TensorFlowEngine, x: Tensor): Tensor {
  if (backend !== 'native') return tf.relu6(x);
  const native = tf.backend() as unknown as NativeBackend;
  return tf.customGrad((input, save) => {
    const value = tf.relu6(input as Tensor);
    (save as Save)([value]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => native.executeSingleOutput('Relu6Grad', [floatAttribute], [dy, saved[0]!]),
    };
  })(x);
}

type Save = (tensors: Tensor[]) => void;

/** x · sigmoid(x). Of its gradient, σ(x) · (1 + x · (1 − σ(x))), only x is kept in memory between the passes. */
export function swish({ tf }: TensorFlowEngine, x: Tensor): Tensor {
  return tf.customGrad((input, save) => {
    const given = input as Tensor;
    (save as Save)([given]);
    const gradient = (dy: Tensor, [saved]: Tensor[]): Tensor => {
      const gate = saved!.sigmoid();
      return dy.mul(gate).mul(saved!.mul(gate.neg().add(1)).add(1));
    };
    return { value: given.mul(given.sigmoid()), gradFunc: gradient };
  })(x);
}

/**
 * Adds a bias to the last axis. On the native backend the bias' gradient is TensorFlow's own `BiasAddGrad`, in half the time of TensorFlow.js' sum over
 * all other axes.
 */
export function addBias({ tf, backend }: TensorFlowEngine, x: Tensor, bias: Tensor): Tensor {
  if (backend !== 'native') return x.add(bias);
  const native = tf.backend() as unknown as NativeBackend;
  return tf.customGrad((input, offset) => ({
    value: (input as Tensor).add(offset as Tensor),
    gradFunc: (dy: Tensor) => [dy, native.executeSingleOutput('BiasAddGrad', [floatAttribute], [dy])],
  }))(x, bias);
}

/** The mean over rows and columns. TensorFlow.js' own gradient multiplies by ones of the input's size, which it fills in JavaScript. */
export function globalAverage({ tf }: TensorFlowEngine, x: Tensor4D): Tensor {
  const [batch, rows, columns, channels] = x.shape;
  return tf.customGrad((input) => ({
    value: (input as Tensor).mean([1, 2]),
    gradFunc: (dy: Tensor) =>
      dy
        .div(rows * columns)
        .reshape([batch, 1, 1, channels])
        .broadcastTo([batch, rows, columns, channels]),
  }))(x);
}

/** Inverted dropout: 0 with probability `rate`, else 1 / (1 − rate). Srivastava et al. 2014, JMLR 15. */
export function dropoutMask({ tf }: TensorFlowEngine, shape: number[], rate: number, random: Random): Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const scale = 1 / (1 - rate);
  const kept = random.chances(1 - rate, size);
  // A loop takes a tenth of the time of Float32Array.from, which was a third of an epoch of the head.
  const mask = new Float32Array(size);
  for (let index = 0; index < size; index++) mask[index] = kept[index]! * scale;
  return tf.tensor(mask, shape);
}

/** Zeros around rows and columns. */
export function pad(x: Tensor4D, { top, bottom, left, right }: ConvNode['padding']): Tensor4D {
  return x.pad([
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
}

/** How a convolution moves over its input. */
type Window = Pick<ConvNode, 'padding' | 'stride'>;

/**
 * A depthwise convolution.
 *
 * @param x shape [batch, rows, columns, channels]
 * @param kernel shape [rows, columns, channels, 1]
 */
export function depthwise({ tf, backend }: TensorFlowEngine, x: Tensor4D, kernel: Tensor4D, window: Window): Tensor {
  const { padding, stride } = window;
  const [kernelRows, kernelColumns] = kernel.shape;
  const { top, bottom, left, right } = padding;
  if (backend !== 'native') return ownDepthwise(tf, pad(x, padding), kernel, stride);
  const isSame = stride === 1 && top === bottom && left === right && 2 * top === kernelRows - 1 && 2 * left === kernelColumns - 1;
  const [input, kind] = isSame ? [x, 'same' as const] : [pad(x, padding), 'valid' as const];
  if (kernelRows <= 3) return tf.depthwiseConv2d(input, kernel, stride, kind);
  return wideDepthwise(tf, input, kernel, { stride, padding: isSame ? padding : { top: 0, bottom: 0, left: 0, right: 0 }, kind });
}

/**
 * On the native backend, kernels wider than 3: with its padding in numbers, TensorFlow computes their gradient by code of its own instead of oneDNN's,
 * in half the time (5 × 5 at 14 × 14 × 672, 32 pictures: 22 ms → 11 ms). 3 × 3 kernels are faster by oneDNN (1.5 ms).
 */
function wideDepthwise(tf: TensorFlowEngine['tf'], x: Tensor4D, kernel: Tensor4D, { padding, ...moving }: Moving & Window): Tensor {
  const native = tf.backend() as unknown as NativeBackend;
  const { TF_ATTR_INT, TF_ATTR_STRING } = native.binding;
  const { stride, kind } = moving;
  const { top, bottom, left, right } = padding;
  const attributes = [
    floatAttribute,
    { name: 'strides', type: TF_ATTR_INT, value: [1, stride, stride, 1] },
    { name: 'dilations', type: TF_ATTR_INT, value: [1, 1, 1, 1] },
    { name: 'data_format', type: TF_ATTR_STRING, value: 'NHWC' },
  ];
  const asNamed = { name: 'padding', type: TF_ATTR_STRING, value: kind.toUpperCase() };
  const asNumbers = [
    { name: 'padding', type: TF_ATTR_STRING, value: 'EXPLICIT' },
    { name: 'explicit_paddings', type: TF_ATTR_INT, value: [0, 0, top, bottom, left, right, 0, 0] },
  ];
  const sizes = (tensor: Tensor): Tensor => tf.tensor1d(tensor.shape, 'int32');
  return withGradients(tf, x, kernel, moving, (dy, given, weights) => [
    native.executeSingleOutput('DepthwiseConv2dNativeBackpropInput', [...attributes, asNamed], [sizes(given), weights, dy]),
    native.executeSingleOutput('DepthwiseConv2dNativeBackpropFilter', [...attributes, ...asNumbers], [given, sizes(weights), dy]),
  ]);
}

/**
 * WebAssembly has no gradients of depthwise convolutions. That of the input is itself a depthwise convolution, of the gradient spread out by the
 * stride and with the kernel turned round; that of one weight is the sum of the gradient times the inputs that the weight met. No padding.
 */
function ownDepthwise(tf: TensorFlowEngine['tf'], padded: Tensor4D, kernel: Tensor4D, stride: number): Tensor {
  return withGradients(tf, padded, kernel, { stride, kind: 'valid' }, (dy, x, weights) => [
    inputGradient(tf, dy, weights, x.shape, stride),
    kernelGradient(tf, dy, x, weights.shape, stride),
  ]);
}

/** How TensorFlow.js is told to move a kernel: over what is padded already, or with zeros around that keep the size. */
interface Moving {
  readonly stride: number;
  readonly kind: 'same' | 'valid';
}

type DepthwiseGradients = (dy: Tensor4D, x: Tensor4D, kernel: Tensor4D) => [x: Tensor, kernel: Tensor];

/** TensorFlow.js' depthwise convolution, with other gradients than its own. */
function withGradients(
  tf: TensorFlowEngine['tf'],
  x: Tensor4D,
  kernel: Tensor4D,
  { stride, kind }: Moving,
  gradientsOf: DepthwiseGradients,
): Tensor {
  return tf.customGrad((input, weights, save) => {
    const [given, filter] = [input as Tensor4D, weights as Tensor4D];
    (save as unknown as Save)([given, filter]);
    const gradient = (dy: Tensor4D, saved: Tensor[]): Tensor[] => gradientsOf(dy, saved[0] as Tensor4D, saved[1] as Tensor4D);
    return { value: tf.depthwiseConv2d(given, filter, stride, kind), gradFunc: gradient as never };
  })(x, kernel);
}

type Shape4D = Tensor4D['shape'];

function inputGradient(tf: TensorFlowEngine['tf'], dy: Tensor4D, kernel: Tensor4D, [, height, width]: Shape4D, stride: number): Tensor {
  const [batch, rows, columns, channels] = dy.shape;
  const [kernelRows, kernelColumns] = kernel.shape;
  const zeros = stride - 1;
  // Zeros between the rows, then between the columns: [batch, rows · stride, columns · stride, channels].
  const apart = dy
    .reshape([batch * rows, 1, columns, channels])
    .pad([
      [0, 0],
      [0, zeros],
      [0, 0],
      [0, 0],
    ])
    .reshape([batch * rows * stride * columns, 1, channels])
    .pad([
      [0, 0],
      [0, zeros],
      [0, 0],
    ])
    .reshape([batch, rows * stride, columns * stride, channels]);
  const [above, before] = [kernelRows - 1, kernelColumns - 1];
  const [spreadRows, spreadColumns] = [(rows - 1) * stride + 1, (columns - 1) * stride + 1];
  const spread = apart.slice([0, 0, 0, 0], [batch, spreadRows, spreadColumns, channels]).pad([
    [0, 0],
    [above, height - spreadRows],
    [before, width - spreadColumns],
    [0, 0],
  ]) as Tensor4D;
  return tf.depthwiseConv2d(spread, kernel.reverse([0, 1]), 1, 'valid');
}

function kernelGradient(tf: TensorFlowEngine['tf'], dy: Tensor4D, x: Tensor4D, shape: Shape4D, stride: number): Tensor {
  const [batch, rows, columns, channels] = dy.shape;
  const [kernelRows, kernelColumns] = shape;
  const sums: Tensor[] = [];
  for (let row = 0; row < kernelRows; row++) {
    for (let column = 0; column < kernelColumns; column++) {
      const end: Shape4D = [batch, row + (rows - 1) * stride + 1, column + (columns - 1) * stride + 1, channels];
      const met = tf.stridedSlice(x, [0, row, column, 0], end, [1, stride, stride, 1]);
      sums.push(met.mul(dy).sum([0, 1, 2]));
    }
  }
  return tf.stack(sums).reshape(shape);
}
