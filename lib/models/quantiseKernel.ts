import type { onnx } from 'onnx-proto';
import { constantsOf, floatValues } from './onnxProto';
import type { QuantisationPlan } from './quantisePlan';
import type { Quantisation } from './quantiseRange';

/** A convolution's weights in 8 bits: real weight = scale of its output channel · number. */
export interface QuantisedKernel {
  readonly numbers: Int8Array;
  readonly scales: Float32Array;
}

/** Bits of a weight; see `quantiseKernel`. */
export type WeightBits = 7 | 8;

/** The quantised weights of a plan's convolutions, by the convolution's output. */
export function quantiseKernels(
  graph: onnx.IGraphProto,
  { convolutions }: Pick<QuantisationPlan, 'convolutions'>,
  quantisation: ReadonlyMap<string, Quantisation>,
  weightBits: WeightBits,
): Map<string, QuantisedKernel> {
  const constants = constantsOf(graph);
  const kernels = graph.node!.flatMap(({ opType, input, output }): [string, QuantisedKernel][] => {
    if (opType !== 'Conv' || !convolutions.has(output![0]!)) return [];
    const [source, weights, bias] = input as [string, string, string | undefined];
    const kernel = constants.get(weights)!;
    const biases = biasesOf(constants, bias, Number(kernel.dims![0]));
    return [[output![0]!, quantiseKernel(kernel, biases, quantisation.get(source)!.scale, weightBits)]];
  });
  return new Map(kernels);
}

/** The biases of a convolution: zeros where it has none. */
export function biasesOf(constants: ReadonlyMap<string, onnx.ITensorProto>, bias: string | undefined, channels: number): Float32Array {
  return bias === undefined ? new Float32Array(channels) : floatValues(constants.get(bias)!);
}

/**
 * Weights of a convolution, the output channel first, in 8 bits with a scale for each channel.
 *
 * Processors without VNNI add two products of a uint8 and an int8 in 16 bits, which weights of 8 bits overflow: they would give other answers
 * there than here. 7 bits never do ("reduce_range" at https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
 * Depthwise convolutions, which suffer most from fewer bits, are computed in 32 bits everywhere and always have 8.
 *
 * @param biases one a channel; where a channel's weights are next to nothing its scale grows until the bias fits 32 bits
 * @param inputScale of the tensor that the convolution reads
 */
function quantiseKernel(kernel: onnx.ITensorProto, biases: Float32Array, inputScale: number, weightBits: WeightBits): QuantisedKernel {
  const values = floatValues(kernel);
  const [channels, channelsIn] = kernel.dims!.map(Number) as [number, number];
  const limit = channelsIn === 1 || weightBits === 8 ? 127 : 63;
  const perChannel = values.length / channels;
  const numbers = new Int8Array(values.length);
  const scales = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const row = values.subarray(channel * perChannel, (channel + 1) * perChannel);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.max(largest / limit, Math.abs(biases[channel]!) / inputScale / 2 ** 30) || 1; // a channel of zeros
    scales[channel] = scale;
    for (const [index, value] of row.entries()) numbers[channel * perChannel + index] = Math.round(value / scale);
  }
  return { numbers, scales };
}

/** What quantisation adds to each weight. */
export function kernelErrors(kernel: onnx.ITensorProto, { numbers, scales }: QuantisedKernel): Float32Array {
  const perChannel = numbers.length / scales.length;
  return floatValues(kernel).map((value, index) => numbers[index]! * scales[Math.floor(index / perChannel)]! - value);
}
