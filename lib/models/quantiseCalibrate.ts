import { onnx } from 'onnx-proto';
import { type OnnxModel, openOnnx } from '../engine';
import type { OnProgress } from '../progress';
import { constant, constantsOf, integer, operator } from './onnxProto';
import { kernelErrors, type QuantisedKernel } from './quantiseKernel';
import { entropyRange, type Histogram, histogramBins, type Range } from './quantiseRange';

/** How the range of a tensor follows from the values seen: all of them, or as much as tells the values least apart. */
export type CalibrationMethod = 'minmax' | 'entropy';

/** What to calibrate with. */
export interface Calibration {
  /** Decoded pictures, each [size, size, 3], uint8. */
  readonly pictures: readonly Uint8Array[];
  readonly size: number;
  readonly method: CalibrationMethod;
  readonly onProgress?: OnProgress;
}

/** All tensors of so many pictures are in memory at once: about 30 MB a picture of 224x224. */
const batchSize = 4;

/**
 * Runs a float32 model over pictures to find the range of some of its tensors.
 *
 * @throws BAD_ONNX_MODEL
 */
export async function findRanges(model: Uint8Array, tensors: readonly string[], calibration: Calibration): Promise<Map<string, Range>> {
  const extremes = await findExtremes(model, tensors, calibration);
  if (calibration.method === 'minmax') return extremes;
  const histograms = new Map([...extremes].map(([name, range]) => [name, { ...range, counts: new Float64Array(histogramBins) }]));
  const session = await openWithOutputs(onnx.ModelProto.decode(model), tensors);
  try {
    await forEachBatch(calibration, 'histograms', session, (name, values) => count(values, histograms.get(name)!));
  } finally {
    await session.release();
  }
  return new Map([...histograms].map(([name, histogram]) => [name, entropyRange(histogram)]));
}

/** The smallest and the largest value of each tensor and 0, found inside ONNX Runtime. */
async function findExtremes(model: Uint8Array, tensors: readonly string[], calibration: Calibration): Promise<Map<string, Range>> {
  const proto = onnx.ModelProto.decode(model);
  const reduce = (kind: 'Min' | 'Max') =>
    tensors.map((name) => operator(`Reduce${kind}`, [name], `${name}/${kind}`, [integer('keepdims', 0)]) as onnx.NodeProto);
  const extremes = [...reduce('Min'), ...reduce('Max')];
  proto.graph!.node!.push(...extremes);
  const found = new Map<string, number>();
  const session = await openWithOutputs(
    proto,
    extremes.map(({ name }) => name),
  );
  try {
    await forEachBatch(calibration, 'ranges', session, (name, [value]) => {
      const choose = name.endsWith('Min') ? Math.min : Math.max;
      found.set(name, choose(found.get(name) ?? 0, value!));
    });
  } finally {
    await session.release();
  }
  return new Map(tensors.map((name) => [name, { low: found.get(`${name}/Min`)!, high: found.get(`${name}/Max`)! }]));
}

function count(values: Float32Array, { low, high, counts }: Histogram): void {
  const perUnit = histogramBins / (high - low || 1);
  for (const value of values) counts[Math.min(histogramBins - 1, Math.floor((value - low) * perUnit))]!++;
}

/**
 * Runs a float32 model over pictures to find how much the rounding of its weights raises each channel of a convolution's output, on average.
 * Beside each convolution stands one of its weights' errors alone, and the mean of what that gives is the shift.
 *
 * @param kernels by the convolution's output, as are the shifts
 * @throws BAD_ONNX_MODEL
 */
export async function findShifts(
  model: Uint8Array,
  kernels: ReadonlyMap<string, QuantisedKernel>,
  calibration: Calibration,
): Promise<Map<string, Float32Array>> {
  const proto = onnx.ModelProto.decode(model);
  const graph = proto.graph!;
  const constants = constantsOf(graph);
  const sums = new Map<string, Float32Array>();
  for (const { input, output, attribute } of [...graph.node!]) {
    const [source, weights] = input as [string, string];
    const name = output![0]!;
    const quantised = kernels.get(name);
    if (!quantised) continue;
    const kernel = constants.get(weights)!;
    const dims = kernel.dims!.map(Number);
    graph.initializer!.push(constant(`${weights}/errors`, dims, kernelErrors(kernel, quantised)));
    const errors = operator('Conv', [source, `${weights}/errors`], `${name}/errors`, attribute!);
    graph.node!.push(errors as onnx.NodeProto, operator('GlobalAveragePool', [`${name}/errors`], `${name}/shift`) as onnx.NodeProto);
    sums.set(name, new Float32Array(dims[0]!));
  }
  const session = await openWithOutputs(
    proto,
    [...sums.keys()].map((name) => `${name}/shift`),
  );
  try {
    await forEachBatch(calibration, 'shifts', session, (output, values) => {
      const sum = sums.get(output.slice(0, -'/shift'.length))!;
      for (const [index, value] of values.entries()) sum[index % sum.length]! += value;
    });
  } finally {
    await session.release();
  }
  return new Map([...sums].map(([name, sum]) => [name, sum.map((value) => value / calibration.pictures.length)]));
}

function openWithOutputs(proto: onnx.ModelProto, names: readonly string[]): Promise<OnnxModel> {
  const float = { tensorType: { elemType: onnx.TensorProto.DataType.FLOAT } };
  proto.graph!.output = names.map((name) => ({ name, type: float }));
  return openOnnx(onnx.ModelProto.encode(proto).finish());
}

async function forEachBatch(
  { pictures, size, onProgress }: Calibration,
  label: string,
  session: OnnxModel,
  observe: (output: string, values: Float32Array) => void,
): Promise<void> {
  for (let first = 0; first < pictures.length; first += batchSize) {
    const batch = pictures.slice(first, first + batchSize);
    const results = await session.run({ image: { data: Buffer.concat(batch), shape: [batch.length, size, size, 3] } });
    for (const [name, values] of Object.entries(results)) observe(name, values as Float32Array);
    onProgress?.({ label, done: first + batch.length, total: pictures.length });
  }
}
