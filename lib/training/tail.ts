import type { Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import type { TensorFlowEngine } from '../engine';
import { type ConvNode, type Graph, type GraphNode, parametersOf, withParameters } from '../models';
import type { Random } from '../random';
import { addBias, depthwise, dropoutMask, globalAverage, pad, relu6, swish } from './operations';

/**
 * The trainable part of a model as TensorFlow.js operations: what gradients are taken of. Nodes that learn have variables, the others constants.
 * `dispose` frees them.
 */
export class Tail {
  private readonly tensors = new Map<string, Tensor>();
  /** For each node, what nothing reads after it. */
  private readonly spent: ReadonlyMap<string, readonly string[]>;
  readonly variables: Variable[] = [];

  constructor(
    private readonly engine: TensorFlowEngine,
    private readonly graph: Graph,
  ) {
    const { tf } = engine;
    this.spent = spentAfter(graph);
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

  /** Probabilities [batch, classes] of logits, as the graph's last node gives them. */
  probabilities(logits: Tensor2D): Tensor2D {
    const last = this.graph.nodes.find(({ name }) => name === this.graph.output);
    return last?.op === 'softmax' ? logits.softmax() : logits.sigmoid();
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
      const given = node.inputs.map((input) => values.get(input)!);
      if (node.name === this.graph.output && (node.op === 'sigmoid' || node.op === 'softmax')) return given[0] as Tensor2D;
      values.set(
        node.name,
        this.engine.tf.tidy(() => this.run(node, given, dropout)),
      );
      // What gradients need of it, TensorFlow.js keeps by itself: this bounds the memory of a step.
      for (const name of this.spent.get(node.name)!) values.get(name)!.dispose();
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
      case 'relu':
        return x.relu();
      case 'relu6':
        return relu6(this.engine, x);
      case 'add':
        return inputs.reduce((sum, input) => sum.add(input));
      case 'multiply':
        return inputs.reduce((product, input) => product.mul(input));
      case 'pool':
        return globalAverage(this.engine, x as Tensor4D);
      case 'unsqueeze':
        return x.reshape([x.shape[0]!, 1, 1, x.shape[1]!]);
      case 'dropout':
        return dropout && node.rate > 0 ? x.mul(dropoutMask(this.engine, x.shape, node.rate, dropout)) : x.clone();
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
    const { tf } = this.engine;
    const kernel = this.tensors.get(node.kernel.name) as Tensor4D;
    const [height, width, channels, filters] = node.kernel.shape as [number, number, number, number];
    const biased = (result: Tensor): Tensor => (node.bias ? addBias(this.engine, result, this.tensors.get(node.bias.name)!) : result);
    if (!node.depthwise && height * width === 1 && node.stride === 1) {
      // A 1×1 convolution is a matrix product, which every backend has, gradients included, and runs faster.
      const [batch, rows, columns] = x.shape;
      const product = tf.matMul(x.reshape([batch * rows * columns, channels]), kernel.reshape([channels, filters]) as Tensor2D);
      return biased(product).reshape([batch, rows, columns, filters]);
    }
    if (node.depthwise) return biased(depthwise(this.engine, x, kernel, node));
    return biased(tf.conv2d(pad(x, node.padding), kernel, node.stride, 'valid'));
  }
}

/** For each node, the nodes' results that nothing reads after it. What comes from outside and the output are never among them. */
function spentAfter({ nodes, output }: Graph): Map<string, string[]> {
  const results = new Set(nodes.map(({ name }) => name).filter((name) => name !== output));
  const spent = new Map<string, string[]>();
  for (const { name, inputs } of [...nodes].reverse()) {
    spent.set(
      name,
      [...new Set(inputs)].filter((input) => results.delete(input)),
    );
  }
  return spent;
}
