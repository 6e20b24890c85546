import { onnx } from 'onnx-proto';
import { constant, decodeOnnx, floatValues, integer, operator } from './onnxProto';

/** The largest finite float16. */
const largest = 65_504;
/** Smaller tensors are not worth a node. */
const smallestTensor = 16;

/**
 * An ONNX model with its float32 weights stored in float16, half the bytes: a Cast behind each makes it float32 again when the model is
 * loaded, so it computes in float32 and is as fast. A tensor with a number beyond float16's range stays as it is.
 *
 * @throws BAD_ONNX_MODEL
 */
export function halveWeights(model: Uint8Array): Uint8Array {
  const proto = decodeOnnx(model);
  halveTensors(proto.graph!, () => true);
  return onnx.ModelProto.encode(proto).finish();
}

/** The same of a graph's constants that are chosen. */
export function halveTensors(graph: onnx.IGraphProto, isChosen: (tensor: onnx.ITensorProto) => boolean): void {
  const casts: onnx.INodeProto[] = [];
  graph.initializer = graph.initializer!.map((tensor) => {
    if (tensor.dataType !== onnx.TensorProto.DataType.FLOAT || !isChosen(tensor)) return tensor;
    const values = floatValues(tensor);
    if (values.length < smallestTensor || values.some((value) => Math.abs(value) > largest)) return tensor;
    casts.push(operator('Cast', [`${tensor.name}/half`], tensor.name!, [integer('to', onnx.TensorProto.DataType.FLOAT)]));
    return constant(`${tensor.name}/half`, tensor.dims!.map(Number), toFloat16(values));
  });
  graph.node = [...casts, ...graph.node!];
}

/** Single precision to the nearest half, ties to even (IEEE 754-2019, section 4.3.1), as bits. */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

function halfOf(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const exponent = (single >>> 23) & 0xff;
  const fraction = single & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  if (exponent < 102) return sign; // below half of the smallest subnormal
  if (exponent > 142) return sign | 0x7c00;
  if (exponent > 112) return sign | roundShift(((exponent - 112) << 23) | fraction, 13); // a carry runs into the exponent, up to infinity
  return sign | roundShift(fraction | 0x800000, 126 - exponent);
}

/** value / 2^places, to the nearest whole number, ties to even. */
function roundShift(value: number, places: number): number {
  const kept = value >>> places;
  const rest = value & (2 ** places - 1);
  const half = 2 ** (places - 1);
  return rest > half || (rest === half && kept % 2 === 1) ? kept + 1 : kept;
}

let float16Values: Float32Array | undefined;

/** IEEE 754 half precision to single, by a table of all 65,536 values. */
export function fromFloat16(bits: Uint16Array): Float32Array {
  float16Values ??= Float32Array.from({ length: 65_536 }, (_, half) => float16Value(half));
  const values = new Float32Array(bits.length);
  for (let index = 0; index < bits.length; index++) values[index] = float16Values[bits[index]!]!;
  return values;
}

function float16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * 2 ** -24 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}
