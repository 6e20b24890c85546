import { onnx } from 'onnx-proto';
import { BadOnnxModel } from '../engine';

/**
 * An ONNX file as an object that can be changed.
 *
 * @param name what an error calls the file
 * @throws BAD_ONNX_MODEL
 */
export function decodeOnnx(bytes: Uint8Array, name = 'the file'): onnx.ModelProto {
  try {
    const model = onnx.ModelProto.decode(bytes);
    if (model.graph) return model;
  } catch (error) {
    throw BadOnnxModel(name, (error as Error).message);
  }
  throw BadOnnxModel(name, 'it has no graph');
}

/** A node with one output, which it is named by. */
export function operator(opType: string, input: string[], output: string, attribute: onnx.IAttributeProto[] = []): onnx.INodeProto {
  return { opType, input, output: [output], name: output, attribute };
}

export function integer(name: string, i: number): onnx.IAttributeProto {
  return { name, i, type: onnx.AttributeProto.AttributeType.INT };
}

export function float(name: string, f: number): onnx.IAttributeProto {
  return { name, f, type: onnx.AttributeProto.AttributeType.FLOAT };
}

export function integers(name: string, ints: number[]): onnx.IAttributeProto {
  return { name, ints, type: onnx.AttributeProto.AttributeType.INTS };
}

export function scalar(name: string, value: number): onnx.ITensorProto {
  return floats(name, [], Float32Array.of(value));
}

export function floats(name: string, dims: readonly number[], values: Float32Array): onnx.ITensorProto {
  return constant(name, dims, values);
}

/** 64-bit whole numbers, as shapes are. */
export function longs(name: string, values: readonly number[]): onnx.ITensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims: [values.length], dataType: onnx.TensorProto.DataType.INT64, rawData };
}

const dataTypes = {
  Float32Array: onnx.TensorProto.DataType.FLOAT,
  Uint16Array: onnx.TensorProto.DataType.FLOAT16,
  Uint8Array: onnx.TensorProto.DataType.UINT8,
  Int8Array: onnx.TensorProto.DataType.INT8,
  Int32Array: onnx.TensorProto.DataType.INT32,
} as const;

/** A constant tensor of whichever type its values have; a Uint16Array holds the bits of float16 numbers. */
export function constant(
  name: string,
  dims: readonly number[],
  values: Float32Array | Uint16Array | Uint8Array | Int8Array | Int32Array,
): onnx.ITensorProto {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims: [...dims], dataType: dataTypes[values.constructor.name as keyof typeof dataTypes], rawData };
}

export function valueInfo(name: string, elemType: number, shape: readonly number[]): onnx.IValueInfoProto {
  const dim = [{ dimParam: 'batch' }, ...shape.map((dimValue) => ({ dimValue }))];
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

/** A graph's constant tensors by name. */
export function constantsOf({ initializer }: onnx.IGraphProto): Map<string, onnx.ITensorProto> {
  return new Map(initializer!.map((tensor) => [tensor.name!, tensor]));
}

/** The float32 values of a constant tensor that was written as raw bytes. */
export function floatValues({ rawData }: onnx.ITensorProto): Float32Array {
  return new Float32Array(Uint8Array.from(rawData!).buffer); // copied, because a file's bytes need not be aligned
}

/**
 * An ONNX file with more of the key-value pairs that it keeps about itself; a new value takes the place of an old one.
 *
 * @throws BAD_ONNX_MODEL
 */
export function withMetadata(model: Uint8Array, metadata: Readonly<Record<string, string>>): Uint8Array {
  const proto = decodeOnnx(model);
  const known = Object.fromEntries(proto.metadataProps.map(({ key, value }) => [key!, value!]));
  proto.metadataProps = Object.entries({ ...known, ...metadata }).map(([key, value]) => onnx.StringStringEntryProto.create({ key, value }));
  return onnx.ModelProto.encode(proto).finish();
}

/**
 * An ONNX file that also gives back one of its inner float32 tensors. What is added is appended: an encoded message followed by another is
 * both merged, lists end to end (Protocol Buffers, "Encoding", section "Last One Wins"), so nothing of a large file is decoded and written again.
 */
export function withOutput(model: Uint8Array, tensor: string): Uint8Array {
  const output = { name: tensor, type: { tensorType: { elemType: onnx.TensorProto.DataType.FLOAT } } };
  return Buffer.concat([model, onnx.ModelProto.encode({ graph: { output: [output] } }).finish()]);
}
