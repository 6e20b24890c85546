import type { onnx } from 'onnx-proto';
import { UnsupportedHead } from './errors';
import { constantsOf, decodeOnnx, floatValues } from './onnxProto';

/** One step on the way from averaged features to the classes' logits. A kernel has the shape [inputs, outputs]. */
export type HeadLayer =
  | { readonly op: 'dense'; readonly kernel: Float32Array; readonly bias: Float32Array }
  | { readonly op: 'clip'; readonly low: number; readonly high: number };

/** What a classifier does after its last convolution. */
export interface ClassifierHead {
  /** The tensor [batch, channels, rows, columns] that is averaged over the picture. */
  readonly features: string;
  /** The averages themselves, [batch, channels]. */
  readonly averages: string;
  /** From the averages to the logits, without the sigmoid or softmax at the end. */
  readonly layers: readonly HeadLayer[];
}

/**
 * The head of a float32 model of `toOnnx`, found by going back from its first output to the average over the picture.
 *
 * @param name what an error calls the file
 * @throws BAD_ONNX_MODEL, UNSUPPORTED_HEAD where something other than dense layers and rectifiers lies between
 */
export function readHead(model: Uint8Array, name?: string): ClassifierHead {
  const graph = decodeOnnx(model, name).graph!;
  const constants = constantsOf(graph);
  const nodeOf = new Map(graph.node!.map((node) => [node.output![0]!, node]));
  const layers: HeadLayer[] = [];
  for (let tensor = graph.output![0]!.name!; ; ) {
    const node = nodeOf.get(tensor);
    if (node?.opType === 'ReduceMean') return { features: node.input![0]!, averages: tensor, layers };
    if (node && isWeighed(node, constants)) layers.unshift(layerOf(node, constants));
    // A sigmoid or softmax may come after the logits, not between dense layers.
    else if (!node || !(node.opType === 'Identity' || (isSquashing(node) && layers.length === 0)))
      throw UnsupportedHead(tensor, node?.opType ?? 'computed by nothing');
    tensor = node.input![0]!;
  }
}

function isSquashing({ opType }: onnx.INodeProto): boolean {
  return opType === 'Sigmoid' || opType === 'Softmax';
}

function isWeighed({ opType, input, attribute }: onnx.INodeProto, constants: ReadonlyMap<string, onnx.ITensorProto>): boolean {
  const isPlain = opType === 'Relu' || opType === 'Clip' || (opType === 'Gemm' && input!.length === 3 && !attribute?.length);
  return isPlain && input!.slice(1).every((name) => constants.has(name));
}

function layerOf({ opType, input }: onnx.INodeProto, constants: ReadonlyMap<string, onnx.ITensorProto>): HeadLayer {
  const [first, second] = input!.slice(1).map((name) => floatValues(constants.get(name)!));
  if (opType === 'Relu') return { op: 'clip', low: 0, high: Number.POSITIVE_INFINITY };
  return opType === 'Clip' ? { op: 'clip', low: first![0]!, high: second![0]! } : { op: 'dense', kernel: first!, bias: second! };
}
