import type { onnx } from 'onnx-proto';
import { constantsOf, floatValues } from './onnxProto';
import { type Quantisation, quantisationOf, type Range } from './quantiseRange';

/** What of an ONNX graph becomes 8 bits. */
export interface QuantisationPlan {
  /** Tensors kept in 8 bits whose range calibration finds. */
  readonly tensors: readonly string[];
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
 * Chooses the tensors to keep in 8 bits: what convolutions and additions read and give. Everything else computes in float32. A ReLU or
 * ReLU6 behind a convolution needs no node of its own: its calibrated range ends where it would cut.
 */
export function planQuantisation(graph: onnx.IGraphProto): QuantisationPlan {
  const nodes = graph.node!;
  const constants = constantsOf(graph);
  const readers = new Map<string, onnx.INodeProto[]>();
  for (const node of nodes) for (const input of node.input!) readers.set(input, [...(readers.get(input) ?? []), node]);

  const absorbed = new Map<string, string>();
  const tensors = new Set<string>();
  for (const node of nodes) {
    const [first, second] = node.input!;
    const output = node.output![0]!;
    if (node.opType === 'Conv') {
      const [reader, ...others] = readers.get(output) ?? [];
      const cutsRange = reader?.opType === 'Relu' || (reader?.opType === 'Clip' && scalarOf(constants, reader.input![1]) <= 0);
      const end = cutsRange && others.length === 0 ? reader!.output![0]! : output;
      if (end !== output) absorbed.set(output, end);
      tensors.add(first!).add(end);
    } else if (node.opType === 'Add' && !constants.has(first!) && !constants.has(second!)) tensors.add(first!).add(second!).add(output);
  }
  const pixels = findPixels(nodes, constants, readers);
  if (pixels) tensors.delete(pixels.tensor);
  return { tensors: [...tensors], absorbed, ...(pixels && { pixels }) };
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
