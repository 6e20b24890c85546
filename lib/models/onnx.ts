import { onnx } from 'onnx-proto';
import { type Graph, type GraphNode, type Parameter, tensorShapes } from './graph';
import { float, floats, integer, integers, longs, operator, scalar, valueInfo } from './onnxProto';

/** How pixels become the model's input: Keras' `preprocess_input` of the backbone, written into the exported model. */
export interface Preprocessing {
  readonly name: string;
  readonly divisor: number;
  readonly subtrahend: number;
}

/** What an exported model gives back and says of itself. */
export interface OnnxExport {
  /** The tensors to give back; images come back as [batch, height, width, channels]. */
  readonly outputs: readonly { readonly tensor: string; readonly name: string }[];
  readonly preprocessing: Preprocessing;
  /** Gives float16: half the bytes, 11 bits of precision. */
  readonly halfPrecision?: boolean;
  /** Key-value pairs kept in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** ONNX operator set; 13 is the first with per-channel quantisation, and every runtime of the last years has it. */
const opset = 13;

/**
 * A graph as an ONNX model: uint8 pictures [batch, height, width, 3] in, with the preprocessing inside, so that who runs it
 * needs no code of ours. Inside, tensors are channels-first, as ONNX wants them.
 */
export function toOnnx(graph: Graph, { outputs, preprocessing, halfPrecision = false, metadata = {} }: OnnxExport): Uint8Array {
  const shapes = tensorShapes(graph);
  const input = graph.inputs[0]!;
  const initializers: onnx.ITensorProto[] = [
    scalar('preprocess/divisor', preprocessing.divisor),
    scalar('preprocess/subtrahend', preprocessing.subtrahend),
    scalar('relu6/low', 0),
    scalar('relu6/high', 6),
  ];
  const nodes: onnx.INodeProto[] = [
    operator('Cast', ['image'], 'preprocess/float', [integer('to', onnx.TensorProto.DataType.FLOAT)]),
    operator('Div', ['preprocess/float', 'preprocess/divisor'], 'preprocess/divided'),
    operator('Sub', ['preprocess/divided', 'preprocess/subtrahend'], 'preprocess/channels-last'),
    operator('Transpose', ['preprocess/channels-last'], input.name, [integers('perm', [0, 3, 1, 2])]),
    ...graph.nodes.flatMap((node) => translate(node, initializers)),
  ];
  const { FLOAT, FLOAT16, UINT8 } = onnx.TensorProto.DataType;
  const results = outputs.map(({ tensor, name }) => {
    const shape = shapes.get(tensor)!;
    const ordered = `${name}/ordered`;
    nodes.push(
      shape.length === 3
        ? operator('Transpose', [tensor], ordered, [integers('perm', [0, 2, 3, 1])])
        : operator('Identity', [tensor], ordered),
    );
    nodes.push(halfPrecision ? operator('Cast', [ordered], name, [integer('to', FLOAT16)]) : operator('Identity', [ordered], name));
    return valueInfo(name, halfPrecision ? FLOAT16 : FLOAT, shape);
  });
  const model = onnx.ModelProto.create({
    irVersion: 8,
    producerName: 'visionbook',
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: Object.entries({ ...metadata, preprocessing: preprocessing.name }).map(([key, value]) => ({ key, value })),
    graph: {
      name: 'visionbook',
      node: nodes,
      initializer: initializers,
      input: [valueInfo('image', UINT8, input.shape)],
      output: results,
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

function translate(node: GraphNode, initializers: onnx.ITensorProto[]): onnx.INodeProto[] {
  const keep = (parameter: Parameter, tensor = parameter): string => {
    initializers.push(floats(parameter.name, tensor.shape, tensor.values));
    return parameter.name;
  };
  const inputs = [...node.inputs];
  switch (node.op) {
    case 'conv': {
      const kernel = channelsFirst(node.kernel, node.depthwise);
      const { top, left, bottom, right } = node.padding;
      const attributes = [integers('strides', [node.stride, node.stride]), integers('pads', [top, left, bottom, right])];
      if (node.depthwise) attributes.push(integer('group', kernel.shape[0]!));
      return [operator('Conv', [...inputs, keep(node.kernel, kernel), ...(node.bias ? [keep(node.bias)] : [])], node.name, attributes)];
    }
    case 'affine': {
      // ONNX has no affine operator; batch normalisation with mean 0 and variance 1 is one.
      const channels = node.scale.shape[0]!;
      initializers.push(floats(`${node.name}/mean`, [channels], new Float32Array(channels)));
      initializers.push(floats(`${node.name}/variance`, [channels], new Float32Array(channels).fill(1)));
      return [
        operator(
          'BatchNormalization',
          [...inputs, keep(node.scale), keep(node.offset), `${node.name}/mean`, `${node.name}/variance`],
          node.name,
          [float('epsilon', 0)],
        ),
      ];
    }
    case 'dense':
      return [operator('Gemm', [...inputs, keep(node.kernel), keep(node.bias)], node.name)];
    case 'relu':
      return [operator('Relu', inputs, node.name)];
    case 'relu6':
      return [operator('Clip', [...inputs, 'relu6/low', 'relu6/high'], node.name)];
    case 'add':
      return [operator('Add', inputs, node.name)];
    case 'multiply':
      return [operator('Mul', inputs, node.name)];
    case 'unsqueeze':
      initializers.push(longs(`${node.name}/axes`, [2, 3]));
      return [operator('Unsqueeze', [...inputs, `${node.name}/axes`], node.name)];
    case 'swish': {
      const gate = `${node.name}/gate`;
      return [operator('Sigmoid', inputs, gate), operator('Mul', [...inputs, gate], node.name)];
    }
    case 'softmax':
      return [operator('Softmax', inputs, node.name, [integer('axis', -1)])];
    case 'pool':
      return [operator('ReduceMean', inputs, node.name, [integers('axes', [2, 3]), integer('keepdims', 0)])];
    case 'dropout':
      return [operator('Identity', inputs, node.name)];
    case 'sigmoid':
      return [operator('Sigmoid', inputs, node.name)];
  }
}

/** [height, width, in, out] to [out, in, height, width]; depthwise [height, width, channels, 1] to [channels, 1, height, width]. */
function channelsFirst({ name, shape, values }: Parameter, depthwise: boolean): Parameter {
  const [height, width, third, fourth] = shape as [number, number, number, number];
  const [inputs, outputs] = depthwise ? [1, third] : [third, fourth];
  const moved = new Float32Array(values.length);
  for (let position = 0; position < height * width; position++)
    for (let input = 0; input < inputs; input++)
      for (let output = 0; output < outputs; output++)
        moved[(output * inputs + input) * height * width + position] = values[(position * inputs + input) * outputs + output]!;
  return { name, shape: [outputs, inputs, height, width], values: moved };
}
