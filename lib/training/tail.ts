import type { Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import type { TensorFlowEngine } from '../engine';
import { type ConvNode, type Graph, type GraphNode, parametersOf, withParameters } from '../models';
import type { Random } from '../random';

/**
 * The trainable part of a model as TensorFlow.js operations: what gradients are taken of. Nodes that learn have variables, the others constants.
 * `dispose` frees them.
 */
export class Tail {
  private readonly tensors = new Map<string, Tensor>();
  readonly variables: Variable[] = [];

  constructor(
    private readonly engine: TensorFlowEngine,
    private readonly graph: Graph,
  ) {
    const { tf } = engine;
    for (const node of graph.nodes) {
      for (const { name, shape, values } of parametersOf(node)) {
        const tensor = tf.tensor(values, [...shape]);
        if (node.trainable) {
          const variable = tf.variable(tensor, true);
          tensor.dispose();
          this.variables.push(variable);
          this.tensors.set(name, variable);
        } else this.tensors.set(name, tensor);
      }
    }
  }

  /**
   * Logits [batch, classes] for a batch of activations at the cut. Call it inside `tf.tidy` or a gradient.
   *
   * @param inputs a tensor for each of the graph's inputs
   * @param dropout draws the dropped units while training; without it nothing is dropped
   */
  logits(inputs: ReadonlyMap<string, Tensor>, dropout?: Random): Tensor2D {
    const values = new Map(inputs);
    for (const node of this.graph.nodes) {
      if (node.op === 'sigmoid' && node.name === this.graph.output) return values.get(node.inputs[0]!) as Tensor2D;
      values.set(
        node.name,
        this.run(
          node,
          node.inputs.map((input) => values.get(input)!),
          dropout,
        ),
      );
    }
    return values.get(this.graph.output) as Tensor2D;
  }

  /** The graph with what was learnt. */
  trained(): Graph {
    const learnt = this.graph.nodes.filter((node) => node.trainable).flatMap(parametersOf);
    return withParameters(
      this.graph,
      new Map(learnt.map(({ name }) => [name, this.tensors.get(name)!.dataSync().slice() as Float32Array])),
    );
  }

  dispose(): void {
    for (const tensor of this.tensors.values()) tensor.dispose();
  }

  private run(node: GraphNode, inputs: Tensor[], dropout?: Random): Tensor {
    const { tf } = this.engine;
    const x = inputs[0]!;
    switch (node.op) {
      case 'conv':
        return this.convolve(node, x as Tensor4D);
      case 'affine':
        return x.mul(this.tensors.get(node.scale.name)!).add(this.tensors.get(node.offset.name)!);
      case 'relu6':
        return relu6(this.engine, x);
      case 'add':
        return inputs.reduce((sum, input) => sum.add(input));
      case 'multiply':
        return inputs.reduce((product, input) => product.mul(input));
      case 'pool':
        return x.mean([1, 2]);
      case 'unsqueeze':
        return x.reshape([x.shape[0]!, 1, 1, x.shape[1]!]);
      case 'dropout':
        return dropout && node.rate > 0 ? x.mul(dropoutMask(this.engine, x.shape, node.rate, dropout)) : x;
      case 'dense':
        return tf.matMul(x as Tensor2D, this.tensors.get(node.kernel.name) as Tensor2D).add(this.tensors.get(node.bias.name)!);
      case 'sigmoid':
        return x.sigmoid();
      case 'swish':
        return swish(this.engine, x);
      case 'softmax':
        return x.softmax();
    }
  }

  private convolve(node: ConvNode, x: Tensor4D): Tensor {
    const { tf, backend } = this.engine;
    const kernel = this.tensors.get(node.kernel.name) as Tensor4D;
    const { top, bottom, left, right } = node.padding;
    const [height, width, channels, filters] = node.kernel.shape as [number, number, number, number];
    const biased = (result: Tensor): Tensor => (node.bias ? result.add(this.tensors.get(node.bias.name)!) : result);
    if (!node.depthwise && height * width === 1 && node.stride === 1) {
      // A 1×1 convolution is a matrix product, which every backend has, gradients included, and runs faster.
      const [batch, rows, columns] = x.shape;
      const product = tf.matMul(x.reshape([batch * rows * columns, channels]), kernel.reshape([channels, filters]) as Tensor2D);
      return biased(product).reshape([batch, rows, columns, filters]);
    }
    const padded = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    if (!node.depthwise) return biased(tf.conv2d(padded, kernel, node.stride, 'valid'));
    if (backend === 'native' || node.stride > 1) return biased(tf.depthwiseConv2d(padded, kernel, node.stride, 'valid'));
    return biased(shiftedDepthwise(padded, kernel));
  }
}

/** WebAssembly has no gradients of depthwise convolutions: the sum of shifted, scaled copies is the same, of operations that have. */
function shiftedDepthwise(padded: Tensor4D, kernel: Tensor4D): Tensor {
  const [kernelHeight, kernelWidth, channels] = kernel.shape;
  const [batch, rows, columns] = padded.shape;
  const size: [number, number, number, number] = [batch, rows - kernelHeight + 1, columns - kernelWidth + 1, channels];
  let sum: Tensor | undefined;
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < kernelWidth; column++) {
      const product = padded
        .slice([0, row, column, 0], size)
        .mul(kernel.slice([row, column, 0, 0], [1, 1, channels, 1]).reshape([channels]));
      sum = sum ? sum.add(product) : product;
    }
  }
  return sum!;
}

/** What of tfjs-node's backend is used here: TensorFlow operations that TensorFlow.js has no function for. */
interface NativeBackend {
  executeSingleOutput(operation: string, attributes: readonly object[], inputs: readonly Tensor[]): Tensor;
}

/** TF_ATTR_TYPE and TF_FLOAT of TensorFlow's C API. */
const floatAttribute = { name: 'T', type: 4, value: 1 };

/** min(max(x, 0), 6). On the native backend its gradient is TensorFlow's own `Relu6Grad`, where TensorFlow.js composes it of three operations. */
function relu6({ tf, backend }: TensorFlowEngine, x: Tensor): Tensor {
  if (backend !== 'native') return tf.relu6(x);
  const native = tf.backend() as unknown as NativeBackend;
  return tf.customGrad((input, save) => {
    const value = tf.relu6(input as Tensor);
    (save as (tensors: Tensor[]) => void)([value]);
    return {
      value,
      gradFunc: (dy: Tensor, saved: Tensor[]) => native.executeSingleOutput('Relu6Grad', [floatAttribute], [dy, saved[0]!]),
    };
  })(x);
}

/** x · sigmoid(x). Of its gradient, σ(x) · (1 + x · (1 − σ(x))), only x is kept in memory between the passes. */
function swish({ tf }: TensorFlowEngine, x: Tensor): Tensor {
  return tf.customGrad((input, save) => {
    const given = input as Tensor;
    (save as (tensors: Tensor[]) => void)([given]);
    const gradient = (dy: Tensor, [saved]: Tensor[]): Tensor => {
      const gate = saved!.sigmoid();
      return dy.mul(gate).mul(saved!.mul(gate.neg().add(1)).add(1));
    };
    return { value: given.mul(given.sigmoid()), gradFunc: gradient };
  })(x);
}

/** Inverted dropout: 0 with probability `rate`, else 1 / (1 − rate). Srivastava et al. 2014, JMLR 15. */
function dropoutMask({ tf }: TensorFlowEngine, shape: number[], rate: number, random: Random): Tensor {
  const size = shape.reduce((product, side) => product * side, 1);
  const kept = 1 / (1 - rate);
  return tf.tensor(
    Float32Array.from({ length: size }, () => (random.chance(rate) ? 0 : kept)),
    shape,
  );
}
