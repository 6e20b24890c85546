import type { Graph, GraphNode } from './graph';

/** A graph in two: what never changes, and what training runs again and again. */
export interface CutGraph {
  readonly frozen: Graph;
  readonly tail: Graph;
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** The share of a training step that may go into frozen layers which the tail computes again, and what that must save of the room at the cut. */
const againAtMost = 0.1;
const savedAtLeast = 0.5;
/** A step's multiplications for each of the forward pass: gradients of inputs and of kernels take about as many again, each. */
const stepPerForward = 3;

/**
 * Cuts a graph where training starts: the tail is every node that learns or is random (dropout), and every node that reads one
 * of those. `tail.inputs` are the tensors at the cut, and `frozen.output` is the first of them; more than one crosses where a residual
 * connection does.
 *
 * What crosses is kept for every picture, so the cut lies earlier where a tensor is much narrower and what follows it is cheap: the tail then also has
 * a few frozen nodes. EfficientNetB0's last 100 layers begin inside a block, where 154,000 numbers cross; its input has 22,000.
 *
 * @param shapes shape without the batch of each tensor, from `tensorShapes`
 */
export function cutGraph(graph: Graph, shapes: Shapes): CutGraph {
  const inTail = new Set<string>();
  for (const node of graph.nodes) {
    const learns = node.trainable && 'kernel' in node;
    const scales = node.trainable && node.op === 'affine';
    if (learns || scales || node.op === 'dropout' || node.inputs.some((input) => inTail.has(input))) inTail.add(node.name);
  }
  for (const name of cheapToComputeAgain(graph, shapes, inTail)) inTail.add(name);
  const [frozen, tail] = [graph.nodes.filter(({ name }) => !inTail.has(name)), graph.nodes.filter(({ name }) => inTail.has(name))];
  const crossing = inputsOf(tail);
  return {
    frozen: { inputs: graph.inputs, nodes: frozen, output: crossing[0]! },
    tail: { inputs: crossing.map((name) => ({ name, shape: shapes.get(name)! })), nodes: tail, output: graph.output },
  };
}

/** What nodes read of others, each once. */
function inputsOf(nodes: readonly GraphNode[]): string[] {
  const own = new Set(nodes.map(({ name }) => name));
  return [...new Set(nodes.flatMap(({ inputs }) => inputs).filter((input) => !own.has(input)))];
}

/**
 * The frozen nodes behind an earlier tensor from which all that crosses the cut can be computed, where that is worth it: the cut moves back as long as
 * each move halves what crosses.
 */
function cheapToComputeAgain({ inputs, nodes }: Graph, shapes: Shapes, inTail: ReadonlySet<string>): Iterable<string> {
  const tail = nodes.filter(({ name }) => inTail.has(name));
  const crossing = inputsOf(tail);
  const allowed = againAtMost * stepPerForward * multiplications(tail, shapes);
  let room = crossing.reduce((sum, name) => sum + sizeOf(shapes.get(name)!), 0);
  let again: readonly GraphNode[] = [];
  const outside = new Set(inputs.map(({ name }) => name));
  for (const { name: start } of [...nodes].reverse()) {
    const size = sizeOf(shapes.get(start)!);
    if (inTail.has(start) || size > (1 - savedAtLeast) * room) continue;
    const between = nodesBetween(nodes, start, crossing);
    const needsMore = [...crossing, ...between.flatMap((node) => node.inputs)].some((input) => outside.has(input));
    if (needsMore || multiplications(between, shapes) > allowed) continue;
    room = size;
    again = between;
  }
  return again.map(({ name }) => name);
}

/** The nodes that some tensors need, back to the tensor `start` and no further. */
function nodesBetween(nodes: readonly GraphNode[], start: string, wanted: readonly string[]): GraphNode[] {
  const needed = new Set(wanted);
  needed.delete(start);
  const between: GraphNode[] = [];
  for (const node of [...nodes].reverse()) {
    if (!needed.has(node.name)) continue;
    between.push(node);
    for (const input of node.inputs) if (input !== start) needed.add(input);
  }
  return between;
}

function multiplications(nodes: readonly GraphNode[], shapes: Shapes): number {
  return nodes.reduce((sum, node) => {
    if (node.op === 'dense') return sum + sizeOf(node.kernel.shape);
    if (node.op !== 'conv') return sum;
    const [height, width, channels] = node.kernel.shape as [number, number, number];
    return sum + sizeOf(shapes.get(node.name)!) * height * width * (node.depthwise ? 1 : channels);
  }, 0);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
