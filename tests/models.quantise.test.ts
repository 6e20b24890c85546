import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onnx } from 'onnx-proto';
import { beforeAll, describe, expect, it } from 'vitest';
import { openOnnx } from '../lib/engine';
import {
  type ConvNode,
  type Graph,
  type GraphNode,
  halveWeights,
  type Parameter,
  preprocessings,
  quantise,
  toFloat16,
  toOnnx,
  withMetadata,
} from '../lib/models';
import { entropyRange, histogramBins, quantisationOf } from '../lib/models/quantiseRange';
import { Random } from '../lib/random';
import { openWorkspace } from '../lib/workspace';
import { temporaryFolder } from './data.fixtures';
import { relativeError } from './models.fixtures';

const python = path.join(openWorkspace().venvBin, 'python');
const size = 32;
const width = 3;
const count = 16;
const pixels = Uint8Array.from(Array.from({ length: count }, (_, index) => [...picture(`test ${index}`)]).flat());
const pictures = Array.from({ length: 24 }, (_, index) => picture(`calibration ${index}`));
/** With 8 bits a processor without VNNI gives other answers; see `quantiseKernel`. */
const calibration = { pictures, size, method: 'minmax', weightBits: 7 } as const;

async function run(model: Uint8Array): Promise<Float32Array> {
  const session = await openOnnx(model);
  try {
    return (await session.run({ image: { data: pixels, shape: [count, size, size, 3] } })).probabilities as Float32Array;
  } finally {
    await session.release();
  }
}

/** Waves of random colour and length: pictures that differ, as pure noise does not once it is averaged. */
function picture(seed: string): Uint8Array {
  const random = new Random(seed);
  const waves = Array.from({ length: 3 }, () => ({
    middle: random.uniform(20, 235),
    height: random.uniform(0, 120),
    x: random.uniform(-1, 1),
    y: random.uniform(-1, 1),
  }));
  return Uint8Array.from({ length: size * size * 3 }, (_, index) => {
    const { middle, height, x, y } = waves[index % 3]!;
    const pixel = Math.floor(index / 3);
    const value = middle + height * Math.sin(x * (pixel % size) + y * Math.floor(pixel / size));
    return Math.max(0, Math.min(255, Math.round(value)));
  });
}

/** Nodes with random weights. */
function nodesOf(seed: string) {
  const random = new Random(seed);
  const parameter = (name: string, shape: number[], deviation: number): Parameter => ({
    name,
    shape,
    values: Float32Array.from({ length: shape.reduce((product, side) => product * side, 1) }, () => deviation * random.normal()),
  });
  const conv = (name: string, from: string, [side, channels, filters]: number[], { depthwise = false, stride = 1 } = {}): ConvNode => {
    const edge = side === 3 ? 1 : 0;
    return {
      op: 'conv',
      name,
      inputs: [from],
      trainable: false,
      depthwise,
      stride,
      padding: { top: edge, bottom: edge, left: edge, right: edge },
      kernel: parameter(`${name}/kernel`, [side!, side!, channels!, filters!], Math.sqrt(2 / (side! ** 2 * (depthwise ? 1 : channels!)))),
      bias: parameter(`${name}/bias`, [depthwise ? channels! : filters!], 0.3),
    };
  };
  type Plain = 'relu6' | 'add' | 'pool' | 'sigmoid' | 'swish' | 'multiply' | 'unsqueeze';
  const plain = (op: Plain, name: string, ...inputs: string[]): GraphNode => ({ op, name, inputs, trainable: false });
  const head = (from: string, channels: number): GraphNode[] => [
    plain('pool', 'pooled', from),
    {
      op: 'dense',
      name: 'dense',
      inputs: ['pooled'],
      trainable: false,
      kernel: parameter('dense/kernel', [channels, width], 0.3),
      bias: parameter('dense/bias', [width], 0.1),
    },
    plain('sigmoid', 'dense/sigmoid', 'dense'),
  ];
  return { parameter, conv, plain, head };
}

/** Two blocks like MobileNetV2's: deep enough for every operator, and shallow enough not to amplify rounding. */
function smallGraph(): Graph {
  const { conv, plain, head } = nodesOf('small graph');
  const depthwise = { depthwise: true };
  const nodes: GraphNode[] = [
    conv('first', 'input_layer', [3, 3, 16], { stride: 2 }),
    plain('relu6', 'first_relu', 'first'),
    conv('depthwise', 'first_relu', [3, 16, 1], depthwise),
    plain('relu6', 'depthwise_relu', 'depthwise'),
    conv('project', 'depthwise_relu', [1, 16, 8]),
    conv('expand', 'project', [1, 8, 48]),
    plain('relu6', 'expand_relu', 'expand'),
    conv('depthwise_2', 'expand_relu', [3, 48, 1], depthwise),
    plain('relu6', 'depthwise_2_relu', 'depthwise_2'),
    conv('project_2', 'depthwise_2_relu', [1, 48, 8]),
    plain('add', 'sum', 'project', 'project_2'),
    conv('last', 'sum', [1, 8, 64]),
    plain('relu6', 'last_relu', 'last'),
    ...head('last_relu', 64),
  ];
  return { inputs: [{ name: 'input_layer', shape: [size, size, 3] }], nodes, output: 'dense/sigmoid' };
}

/** A block like EfficientNetB0's, with swish, squeeze-and-excitation, and a normalisation before it all. */
function gatedGraph(): Graph {
  const { conv, plain, head } = nodesOf('gated graph');
  const values = (name: string, numbers: number[]): Parameter => ({ name, shape: [3], values: Float32Array.from(numbers) });
  const nodes: GraphNode[] = [
    {
      op: 'affine',
      name: 'normalization',
      inputs: ['input_layer'],
      trainable: false,
      scale: values('normalization/scale', [0.017, 0.0175, 0.0174]),
      offset: values('normalization/offset', [-2.1, -2, -1.8]),
    },
    conv('stem', 'normalization', [3, 3, 16], { stride: 2 }),
    plain('swish', 'stem_swish', 'stem'),
    conv('depthwise', 'stem_swish', [3, 16, 1], { depthwise: true }),
    plain('swish', 'depthwise_swish', 'depthwise'),
    plain('pool', 'squeezed', 'depthwise_swish'),
    plain('unsqueeze', 'picture', 'squeezed'),
    conv('reduce', 'picture', [1, 16, 4]),
    plain('swish', 'reduce_swish', 'reduce'),
    conv('expand', 'reduce_swish', [1, 4, 16]),
    plain('sigmoid', 'gate', 'expand'),
    plain('multiply', 'excited', 'depthwise_swish', 'gate'),
    conv('project', 'excited', [1, 16, 32]),
    plain('swish', 'project_swish', 'project'),
    ...head('project_swish', 32),
  ];
  return { inputs: [{ name: 'input_layer', shape: [size, size, 3] }], nodes, output: 'dense/sigmoid' };
}

const logit = (probability: number): number => Math.log(probability / (1 - probability));

/** Mean distance of the logits, relative to how far they spread over the pictures: 0 is the same answer, 1 is as good as guessing. */
function distance(actual: Float32Array, expected: Float32Array): number {
  const [given, wanted] = [Array.from(actual, logit), Array.from(expected, logit)];
  const means = Array.from({ length: width }, (_, column) => wanted.reduce((sum, x, i) => sum + (i % width === column ? x : 0), 0) / count);
  const total = (difference: (index: number) => number): number => wanted.reduce((sum, _, index) => sum + Math.abs(difference(index)), 0);
  return total((index) => given[index]! - wanted[index]!) / total((index) => wanted[index]! - means[index % width]!);
}

function oracle(command: string, folder: string): void {
  const { status, stderr } = spawnSync(python, [path.join(__dirname, 'models.quantise.oracle.py'), command, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.slice(-2000));
}

const constantsOf = (model: Uint8Array): Map<string, onnx.ITensorProto> =>
  new Map(onnx.ModelProto.decode(model).graph!.initializer!.map((tensor) => [tensor.name!, tensor]));
const numbersOf = (tensor: onnx.ITensorProto): Float32Array => new Float32Array(Uint8Array.from(tensor.rawData!).buffer);
const scalarOf = (tensor: onnx.ITensorProto): number => numbersOf(tensor)[0]!;

describe('a model in 8 bits', () => {
  let float: Uint8Array;
  let expected: Float32Array;
  let int8: Uint8Array;

  beforeAll(async () => {
    const graph = smallGraph();
    float = toOnnx(graph, {
      outputs: [{ tensor: graph.output, name: 'probabilities' }],
      preprocessing: preprocessings.mobilenet_v2,
      metadata: { task: 'food' },
    });
    expected = await run(float);
    int8 = await quantise(float, calibration);
  });

  it('answers as the float32 model does', async () => {
    const answers = await run(int8);
    expect(answers).not.toEqual(expected);
    expect(distance(answers, expected)).toBeLessThan(0.06);
  });

  it('is closer to float32 for having its biases corrected', async () => {
    const proto = onnx.ModelProto.decode(int8);
    const floats = constantsOf(float);
    const constants = new Map(proto.graph!.initializer!.map((tensor) => [tensor.name!, tensor]));
    for (const { opType, input, output } of onnx.ModelProto.decode(float).graph!.node!) {
      if (opType !== 'Conv') continue;
      const scales = numbersOf(constants.get(`${output![0]}/bias/scale`)!);
      const uncorrected = numbersOf(floats.get(input![2]!)!).map((bias, channel) => bias / scales[channel]!);
      constants.get(`${output![0]}/bias/quantised`)!.rawData = new Uint8Array(Int32Array.from(uncorrected).buffer);
    }
    const without = await run(onnx.ModelProto.encode(proto).finish());
    expect(distance(await run(int8), expected)).toBeLessThan(0.8 * distance(without, expected));
  });

  it('has no weight beyond 7 bits outside depthwise convolutions where it must not overflow 16 bits', async () => {
    const largest = (model: Uint8Array, depthwise: boolean): number => {
      const kernels = [...constantsOf(model).values()].filter(
        ({ name, dims }) => name!.endsWith('/quantised') && dims!.length === 4 && (Number(dims![1]) === 1) === depthwise,
      );
      const numbers = kernels.map(({ rawData }) => new Int8Array(Uint8Array.from(rawData!).buffer));
      return numbers.flatMap((kernel) => [...kernel]).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    };
    const wide = await quantise(float, { ...calibration, weightBits: 8 });
    expect([largest(int8, false), largest(int8, true)]).toEqual([63, 127]);
    expect([largest(wide, false), largest(wide, true)]).toEqual([127, 127]);
  });

  it('reads pixels as the 8-bit numbers that they are, and needs no node for ReLU6', () => {
    const { node, initializer } = onnx.ModelProto.decode(int8).graph!;
    const kinds = new Set(node!.map(({ opType }) => opType));
    expect([...kinds].sort()).toEqual(
      ['Add', 'Cast', 'Conv', 'DequantizeLinear', 'Gemm', 'Identity', 'QuantizeLinear', 'ReduceMean', 'Sigmoid', 'Transpose'].sort(),
    );
    const byName = new Map(initializer!.map((tensor) => [tensor.name!, tensor]));
    expect(scalarOf(byName.get('input_layer/scale')!)).toBeCloseTo(1 / 127.5, 9);
    expect([...byName.get('input_layer/zero_point')!.rawData!]).toEqual([128]);
    expect(255 * scalarOf(byName.get('first_relu/scale')!)).toBeLessThanOrEqual(6.00001);
    for (const { name } of initializer!) expect(node!.some(({ input }) => input!.includes(name!))).toBe(true);
  });

  it('keeps the scale that a normalisation between convolutions has of its own', async () => {
    const { nodes, ...graph } = smallGraph();
    const values = (name: string, number: number): Parameter => ({ name, shape: [8], values: new Float32Array(8).fill(number) });
    const normalisation: GraphNode = {
      op: 'affine',
      name: 'normalization',
      inputs: ['project'],
      trainable: false,
      scale: values('normalization/scale', 0.7),
      offset: values('normalization/offset', 0.1),
    };
    const end = nodes.findIndex(({ name }) => name === 'project') + 1;
    const rest = nodes.slice(end).map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (name === 'project' ? 'normalization' : name)),
    }));
    const outputs = [{ tensor: graph.output, name: 'probabilities' }];
    const all = [...nodes.slice(0, end), normalisation, ...rest];
    const normalised = toOnnx({ ...graph, nodes: all }, { outputs, preprocessing: preprocessings.mobilenet_v2 });
    const small = await quantise(normalised, calibration);
    expect([...numbersOf(constantsOf(small).get('normalization/scale')!)]).toEqual([...normalisation.scale.values]);
    expect(distance(await run(small), await run(normalised))).toBeLessThan(0.06);
  });

  describe('with swish and squeeze-and-excitation', () => {
    let gated: Uint8Array;
    let small: Uint8Array;
    beforeAll(async () => {
      const graph = gatedGraph();
      gated = toOnnx(graph, { outputs: [{ tensor: graph.output, name: 'probabilities' }], preprocessing: preprocessings.efficientnet_b0 });
      small = await quantise(gated, calibration);
    });

    it('answers as the float32 model does', async () => {
      expect(distance(await run(small), await run(gated))).toBeLessThan(0.06);
    });

    it('keeps in 8 bits what is as large as the picture, and in float32 what is computed of averages, with float16 weights', () => {
      const { node } = onnx.ModelProto.decode(small).graph!;
      const reading = new Map(node!.map(({ output, input }) => [output![0]!, input!]));
      const isDequantised = (tensor: string): boolean => tensor.endsWith('/dequantised');
      const large = [
        'stem_swish/gate',
        'stem_swish',
        'depthwise',
        'depthwise_swish/gate',
        'depthwise_swish',
        'picture',
        'excited',
        'project',
      ];
      for (const name of large) expect(reading.get(name)!.every(isDequantised)).toBe(true);
      for (const name of ['reduce_swish/gate', 'reduce_swish', 'expand', 'gate'])
        expect(reading.get(name)!.some(isDequantised)).toBe(false);
      const halves = [...constantsOf(small).values()].filter(({ dataType }) => dataType === onnx.TensorProto.DataType.FLOAT16);
      const kernels = ['dense/kernel', 'expand/kernel', 'reduce/kernel', 'stem/kernel'];
      expect(halves.map(({ name }) => name!.split('/half')[0]).sort()).toEqual(kernels);
    });

    it('averages by the operator of which ONNX Runtime has an 8-bit form, but not for the head', () => {
      const { node } = onnx.ModelProto.decode(small).graph!;
      const outputsOf = (kind: string) => node!.flatMap(({ opType, output }) => (opType === kind ? output! : []));
      expect([outputsOf('GlobalAveragePool'), outputsOf('ReduceMean'), outputsOf('Unsqueeze')]).toEqual([['picture'], ['pooled'], []]);
    });
  });

  it('is the same bytes for the same model and pictures', async () => {
    expect(await quantise(float, calibration)).toEqual(int8);
  });

  it('survives a channel whose weights are next to nothing under a bias that is not', async () => {
    const proto = onnx.ModelProto.decode(float);
    const [kernel] = proto.graph!.initializer!.filter(({ name }) => name === 'first/kernel');
    const values = new Float32Array(Uint8Array.from(kernel!.rawData!).buffer);
    values.fill(1e-20, 0, 27);
    kernel!.rawData = new Uint8Array(values.buffer);
    const weak = onnx.ModelProto.encode(proto).finish();
    expect(distance(await run(await quantise(weak, calibration)), await run(weak))).toBeLessThan(0.06);
  });

  it('can be calibrated by entropy, which cuts ranges and never widens them', async () => {
    const byEntropy = constantsOf(await quantise(float, { ...calibration, method: 'entropy' }));
    const scales = [...constantsOf(int8).values()].filter(({ name, dims }) => name!.endsWith('/scale') && dims!.length === 0);
    const ratios = scales.map((tensor) => scalarOf(byEntropy.get(tensor.name!)!) / scalarOf(tensor));
    expect(Math.max(...ratios)).toBeLessThan(1.001);
    expect(Math.min(...ratios)).toBeLessThan(0.99);
  });

  it('cannot be made without pictures, or of what is no ONNX model', async () => {
    await expect(quantise(float, { ...calibration, pictures: [] })).rejects.toMatchObject({ code: 'NO_CALIBRATION' });
    await expect(quantise(float.subarray(0, 1000), calibration)).rejects.toMatchObject({ code: 'BAD_ONNX_MODEL' });
    await expect(quantise(new Uint8Array(), calibration)).rejects.toMatchObject({ code: 'BAD_ONNX_MODEL' });
    expect(() => halveWeights(float.subarray(0, 1000))).toThrow(expect.objectContaining({ code: 'BAD_ONNX_MODEL' }));
  });

  it('with weights in float16 is smaller and gives nearly the same', async () => {
    const half = halveWeights(float);
    expect(half.length / float.length).toBeLessThan(0.7);
    const answers = await run(half);
    expect(answers).not.toEqual(expected);
    expect(distance(answers, expected)).toBeLessThan(0.02);
  });

  it.skipIf(!existsSync(python))('is accepted by onnx.checker, and means the same to the reference implementation of ONNX', async () => {
    const folder = temporaryFolder();
    const models = { 'int8.onnx': withMetadata(int8, { variant: 'int8' }), 'f16.onnx': halveWeights(float) };
    for (const [name, model] of Object.entries(models)) writeFileSync(path.join(folder, name), model);
    writeFileSync(path.join(folder, 'pixels.bin'), pixels.subarray(0, 2 * size * size * 3));
    oracle('check', folder);
    const answers = JSON.parse(readFileSync(path.join(folder, 'onnx.json'), 'utf8'));
    for (const [name, model] of Object.entries(models)) {
      const ours = (await run(model)).subarray(0, 2 * width);
      // Integer and float arithmetic may round a number to neighbours, and the network carries that on.
      expect(relativeError(answers[name].probabilities, ours)).toBeLessThan(name === 'int8.onnx' ? 0.1 : 1e-4);
    }
    expect(answers['int8.onnx'].metadata).toMatchObject({ task: 'food', variant: 'int8', preprocessing: 'x / 127.5 - 1' });
  });
});

describe('8-bit numbers', () => {
  it.each([
    { range: { low: 0, high: 6 }, scale: 6 / 255, zeroPoint: 0 },
    { range: { low: -1, high: 1 }, scale: 2 / 255, zeroPoint: 127 },
    { range: { low: 2, high: 5.1 }, scale: 0.02, zeroPoint: 0 },
    { range: { low: -5.1, high: -1 }, scale: 0.02, zeroPoint: 255 },
    { range: { low: 0, high: 0 }, scale: 1, zeroPoint: 0 },
  ])('from $range.low to $range.high always have a 0', ({ range, scale, zeroPoint }) => {
    const quantisation = quantisationOf(range);
    expect(quantisation.scale).toBeCloseTo(scale, 6);
    expect(quantisation.zeroPoint).toBe(zeroPoint);
  });

  it('by entropy leave out the few values far from all others, and keep all of an even spread', () => {
    const even = new Float64Array(histogramBins).fill(100);
    expect(entropyRange({ low: 0, high: 6, counts: even }).high).toBeCloseTo(6, 1);
    expect(entropyRange({ low: 0, high: 0, counts: even })).toEqual({ low: 0, high: 0 });
    const random = new Random('entropy');
    const counts = new Float64Array(histogramBins);
    for (let value = 0; value < 100_000; value++) {
      const bin = histogramBins / 2 + Math.round(random.normal() * 40);
      counts[bin]!++;
    }
    counts[0] = 1;
    counts[histogramBins - 1] = 1;
    const { low, high } = entropyRange({ low: -10, high: 10, counts });
    expect(high).toBeGreaterThan(1);
    expect(high).toBeLessThan(4);
    expect(low).toBeCloseTo(-high, 1);
  });
});

describe('float16', () => {
  it('has the value and the bits of the nearest half', () => {
    const values = Float32Array.of(
      0,
      -0,
      1,
      -2,
      65_504,
      65_520,
      1e9,
      2 ** -24,
      2 ** -25,
      2 ** -26,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      Number.NaN,
    );
    expect([...toFloat16(values)]).toEqual([0, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0x7c00, 1, 0, 0, 0x3c00, 0x3c02, 0x7e00]);
  });

  it.skipIf(!existsSync(python))('is what numpy makes of the same numbers', () => {
    const folder = temporaryFolder();
    const random = new Random('halves');
    const numbers = Float32Array.from({ length: 20_000 }, () => random.normal() * 2 ** (random.integer(44) - 28));
    writeFileSync(path.join(folder, 'numbers.bin'), new Uint8Array(numbers.buffer));
    oracle('float16', folder);
    const bytes = Uint8Array.from(readFileSync(path.join(folder, 'halves.bin')));
    expect(toFloat16(numbers)).toEqual(new Uint16Array(bytes.buffer));
  });
});
