import type { onnx } from 'onnx-proto';
import { constantsOf, floatValues } from './onnxProto';
import { type Quantisation, quantisationOf, type Range } from './quantiseRange';

/** What of an ONNX graph becomes 8 bits. */
export interface QuantisationPlan {
  /** Tensors kept in 8 bits whose range calibration finds. */
  readonly tensors: readonly string[];
  /** The convolutions that compute in 8 bits, by their outputs. */
  readonly convolutions: ReadonlySet<string>;
  /** An activation that is nothing but the end of its convolution's range: the convolution's output to the activation's. */
  readonly absorbed: ReadonlyMap<string, string>;
  /** The preprocessing, where it is one step of 8-bit arithmetic itself. */
  readonly pixels?: PixelInput;
}

/** Pixels that are a quantised tensor as they come: x / divisor − subtrahend = scale · (x − zeroPoint) + offset. */
export interface PixelInput extends Quantisation {
  /** The tensor that the first convolution reads. */
  readonly tensor: string;
  /** What is left because the zero point is a whole number; the convolution's bias takes it. */
  readonly offset: number;
  /** Outputs of the nodes that fall away, the transposition being the last. */
  readonly nodes: readonly string[];
}

/**
 * Chooses the tensors to keep in 8 bits: what convolutions, sums, products and the sigmoids of swish read and give: turned to float32 and back for
 * a sigmoid alone, EfficientNetB0 would be slower than in float32. A ReLU or ReLU6 behind a convolution needs no node of its own: its calibrated range ends
 * where it would cut.
 *
 * What is computed of averages over the picture (the head, and squeeze-and-excitation's gates) stays float32: it takes no time, and errors there reach all
 * of the picture. So does the first convolution where the pixels are no 8-bit tensor as they come: to read three channels at a time is slow in 8 bits.
 */
export function planQuantisation(graph: onnx.IGraphProto): QuantisationPlan {
  const nodes = graph.node!;
  const constants = constantsOf(graph);
  const readers = new Map<string, onnx.INodeProto[]>();
  for (const node of nodes) for (const input of node.input!) readers.set(input, [...(readers.get(input) ?? []), node]);

  const pixels = findPixels(nodes, constants, readers);
  const stem = pixels ? undefined : nodes.find(({ opType }) => opType === 'Conv');
  const averages = findAverages(nodes, constants);
  const absorbed = new Map<string, string>();
  const convolutions = new Set<string>();
  const tensors = new Set<string>();
  for (const node of nodes) {
    const [first, second] = node.input!;
    const output = node.output![0]!;
    if (averages.has(output) && node.opType !== 'GlobalAveragePool') continue;
    if (node.opType === 'Conv') {
      if (node === stem) continue;
      const [reader, ...others] = readers.get(output) ?? [];
      const cutsRange = reader?.opType === 'Relu' || (reader?.opType === 'Clip' && scalarOf(constants, reader.input![1]) <= 0);
      const end = cutsRange && others.length === 0 ? reader!.output![0]! : output;
      if (end !== output) absorbed.set(output, end);
      convolutions.add(output);
      tensors.add(first!).add(end);
    } else if (node.opType === 'Add' || node.opType === 'Mul') {
      if (!constants.has(first!) && !constants.has(second!)) tensors.add(first!).add(second!).add(output);
    } else if (node.opType === 'Sigmoid' || node.opType === 'GlobalAveragePool') tensors.add(first!).add(output);
  }
  if (pixels) tensors.delete(pixels.tensor);
  return { tensors: [...tensors], convolutions, absorbed, ...(pixels && { pixels }) };
}

/** Averages over the picture, and all that is computed of nothing else. */
function findAverages(nodes: readonly onnx.INodeProto[], constants: ReadonlyMap<string, onnx.ITensorProto>): Set<string> {
  const averages = new Set<string>();
  for (const { opType, input, output } of nodes) {
    const isAverage = opType === 'ReduceMean' || opType === 'GlobalAveragePool';
    if (isAverage || input!.every((name) => averages.has(name) || constants.has(name))) averages.add(output![0]!);
  }
  return averages;
}

/** A scalar constant; NaN where the name is of no such thing, which compares with nothing. */
function scalarOf(constants: ReadonlyMap<string, onnx.ITensorProto>, name: string | undefined): number {
  const tensor = name === undefined ? undefined : constants.get(name);
  return tensor && tensor.dims!.length === 0 ? floatValues(tensor)[0]! : Number.NaN;
}

/** Finds Cast, Div, Sub, Transpose between the pixels and a convolution, as `toOnnx` writes them. */
function findPixels(
  nodes: readonly onnx.INodeProto[],
  constants: ReadonlyMap<string, onnx.ITensorProto>,
  readers: ReadonlyMap<string, readonly onnx.INodeProto[]>,
): PixelInput | undefined {
  const [cast, divide, subtract, transpose] = nodes as onnx.INodeProto[];
  const chain = [cast, divide, subtract, transpose];
  const isChain = ['Cast', 'Div', 'Sub', 'Transpose'].every((opType, index) => chain[index]?.opType === opType);
  if (!isChain) return undefined;
  const tensor = transpose!.output![0]!;
  const divisor = scalarOf(constants, divide!.input![1]);
  const subtrahend = scalarOf(constants, subtract!.input![1]);
  const zeroPoint = Math.round(divisor * subtrahend);
  const fits = zeroPoint >= 0 && zeroPoint <= 255; // false for NaN
  if (!fits || !readers.get(tensor)!.every(({ opType }) => opType === 'Conv')) return undefined;
  return {
    tensor,
    scale: Math.fround(1 / divisor),
    zeroPoint,
    offset: zeroPoint / divisor - subtrahend,
    nodes: chain.map((node) => node!.output![0]!),
  };
}

/** The quantisation of every tensor of a plan. */
export function quantisations(plan: QuantisationPlan, ranges: ReadonlyMap<string, Range>): Map<string, Quantisation> {
  const all = new Map<string, Quantisation>(plan.tensors.map((tensor) => [tensor, quantisationOf(ranges.get(tensor)!)]));
  return plan.pixels ? all.set(plan.pixels.tensor, plan.pixels) : all;
}
