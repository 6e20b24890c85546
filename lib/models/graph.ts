/** Trained numbers of one node, in TensorFlow's layout: kernels are [height, width, in, out]. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What every node has. */
export interface NodeBase {
  /** Also the name of the tensor that the node gives. */
  readonly name: string;
  readonly inputs: readonly string[];
  /** Whether the node's layer learns. */
  readonly trainable: boolean;
}

export interface Padding {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** A convolution; `depthwise` kernels are [height, width, channels, 1]. */
export interface ConvNode extends NodeBase {
  readonly op: 'conv';
  readonly depthwise: boolean;
  readonly stride: number;
  readonly padding: Padding;
  readonly kernel: Parameter;
  readonly bias?: Parameter;
}

/** x · scale + offset a channel: what batch normalisation is in inference mode. */
export interface AffineNode extends NodeBase {
  readonly op: 'affine';
  readonly scale: Parameter;
  readonly offset: Parameter;
}

export interface DenseNode extends NodeBase {
  readonly op: 'dense';
  readonly kernel: Parameter;
  readonly bias: Parameter;
}

export interface DropoutNode extends NodeBase {
  readonly op: 'dropout';
  readonly rate: number;
}

/**
 * Nodes without parameters. `pool` is global average pooling, to [channels]; `unsqueeze` makes [1, 1, channels] of that; `multiply` broadcasts it;
 * `swish` is x · sigmoid(x).
 */
export interface PlainNode extends NodeBase {
  readonly op: 'relu' | 'relu6' | 'swish' | 'sigmoid' | 'softmax' | 'add' | 'multiply' | 'pool' | 'unsqueeze';
}

export type GraphNode = ConvNode | AffineNode | DenseNode | DropoutNode | PlainNode;

/**
 * A model as what it computes, with nothing left of how it was written: convolutions, affine maps, activations, in an order in
 * which they can run. Training, ONNX export and quantisation all start from here.
 */
export interface Graph {
  /** Names and shapes (without the batch) of the tensors that come from outside. */
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly nodes: readonly GraphNode[];
  readonly output: string;
}

/**
 * Merges every affine node into the convolution or affine node before it, where nothing else reads that one and both learn or neither
 * does. The merged node has the affine node's name; of a convolution it has the kernel and a bias as parameters.
 *
 * @param acrossTheCut merges also where only one of the two learns: for a model that is finished
 */
export function foldAffine(graph: Graph, { acrossTheCut = false } = {}): Graph {
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const readers = new Map<string, number>();
  for (const node of graph.nodes) for (const input of node.inputs) readers.set(input, (readers.get(input) ?? 0) + 1);
  const merged = new Set<string>();
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes) {
    const before = node.op === 'affine' ? byName.get(node.inputs[0]!) : undefined;
    const sameSide = acrossTheCut || before?.trainable === node.trainable;
    if (node.op === 'affine' && (before?.op === 'conv' || before?.op === 'affine') && readers.get(before.name) === 1 && sameSide) {
      merged.add(before.name);
      const both = before.op === 'conv' ? mergeConvolution(before, node) : mergeAffine(before, node);
      byName.set(node.name, both);
      nodes.push(both);
    } else nodes.push(node);
  }
  return { ...graph, nodes: nodes.filter((node) => !merged.has(node.name)) };
}

function mergeConvolution(conv: ConvNode, affine: AffineNode): ConvNode {
  const scale = affine.scale.values;
  const channels = scale.length; // the kernel's last axis that is not 1 is the output channel, depthwise or not
  const kernel = { ...conv.kernel, values: conv.kernel.values.map((value, index) => value * scale[index % channels]!) };
  const offset = affine.offset.values;
  const values = offset.map((value, channel) => value + (conv.bias?.values[channel] ?? 0) * scale[channel]!);
  const layer = conv.kernel.name.slice(0, conv.kernel.name.lastIndexOf('/'));
  return { ...conv, name: affine.name, trainable: affine.trainable, kernel, bias: { name: `${layer}/bias`, shape: [channels], values } };
}

function mergeAffine(first: AffineNode, second: AffineNode): AffineNode {
  const scale = second.scale.values.map((value, channel) => value * first.scale.values[channel]!);
  const offset = second.offset.values.map((value, channel) => value + first.offset.values[channel]! * second.scale.values[channel]!);
  return { ...second, inputs: first.inputs, scale: { ...second.scale, values: scale }, offset: { ...second.offset, values: offset } };
}

/** The part of a graph that some of its tensors need. */
export function pruneGraph(graph: Graph, outputs: readonly string[]): Graph {
  const needed = new Set(outputs);
  for (const node of [...graph.nodes].reverse()) if (needed.has(node.name)) for (const input of node.inputs) needed.add(input);
  return { ...graph, nodes: graph.nodes.filter((node) => needed.has(node.name)), output: outputs[0]! };
}

/** The shape, without the batch, of every tensor of a graph. */
export function tensorShapes(graph: Graph): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>(graph.inputs.map(({ name, shape }) => [name, shape]));
  for (const node of graph.nodes) {
    const input = shapes.get(node.inputs[0]!)!;
    if (node.op === 'conv') {
      const [height, width] = input as [number, number, number];
      const { top, bottom, left, right } = node.padding;
      const [kernelHeight, kernelWidth, inChannels, outChannels] = node.kernel.shape as [number, number, number, number];
      const side = (size: number, padded: number, kernel: number): number => Math.floor((size + padded - kernel) / node.stride) + 1;
      const channels = node.depthwise ? inChannels : outChannels;
      shapes.set(node.name, [side(height, top + bottom, kernelHeight), side(width, left + right, kernelWidth), channels]);
    } else if (node.op === 'pool') shapes.set(node.name, [input.at(-1)!]);
    else if (node.op === 'unsqueeze') shapes.set(node.name, [1, 1, ...input]);
    else if (node.op === 'dense') shapes.set(node.name, [node.kernel.shape[1]!]);
    else shapes.set(node.name, input);
  }
  return shapes;
}

/** Every parameter of a node. */
export function parametersOf(node: GraphNode): Parameter[] {
  if (node.op === 'conv') return node.bias ? [node.kernel, node.bias] : [node.kernel];
  if (node.op === 'affine') return [node.scale, node.offset];
  if (node.op === 'dense') return [node.kernel, node.bias];
  return [];
}

/** The same graph with other numbers: `values` by parameter name; a parameter that it does not name stays. */
export function withParameters(graph: Graph, values: ReadonlyMap<string, Float32Array>): Graph {
  const renew = <P extends Parameter | undefined>(parameter: P): P =>
    parameter && values.has(parameter.name) ? { ...parameter, values: values.get(parameter.name)! } : parameter;
  const nodes = graph.nodes.map((node): GraphNode => {
    if (node.op === 'conv') return { ...node, kernel: renew(node.kernel), ...(node.bias && { bias: renew(node.bias) }) };
    if (node.op === 'affine') return { ...node, scale: renew(node.scale), offset: renew(node.offset) };
    if (node.op === 'dense') return { ...node, kernel: renew(node.kernel), bias: renew(node.bias) };
    return node;
  });
  return { ...graph, nodes };
}
