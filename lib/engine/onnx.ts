import * as ort from 'onnxruntime-node';
import { threadCount } from '../threads';
import { BadOnnxModel } from './errors';

/** A tensor on its way into or out of ONNX Runtime. */
export interface Batch {
  readonly data: Uint8Array | Float32Array;
  readonly shape: readonly number[];
}

/** Results by output name: float32 numbers, or the bits of float16 ones where the model says so. */
export type Outputs = Record<string, Float32Array | Uint16Array>;

/** A loaded ONNX model. `release` it when done: it holds native memory. */
export interface OnnxModel {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** @param outputs names of those that are wanted; all by default */
  run(inputs: Readonly<Record<string, Batch>>, outputs?: readonly string[]): Promise<Outputs>;
  release(): Promise<void>;
}

/** What to load a model with. */
export interface OnnxOptions {
  /** Threads inside one operator; `threadCount()` by default. */
  readonly threads?: number;
  /** What an error calls a model that is given as bytes. */
  readonly name?: string;
}

/**
 * Loads an ONNX model from a file or from bytes.
 *
 * @throws BAD_ONNX_MODEL
 */
export async function openOnnx(
  model: string | Uint8Array,
  { threads = threadCount(), name = typeof model === 'string' ? model : 'the exported model' }: OnnxOptions = {},
): Promise<OnnxModel> {
  // Since 1.29 it tells Microsoft about each model that it loads on Linux, unless this is set before the first.
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const options: ort.InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  };
  let session: ort.InferenceSession;
  try {
    session =
      typeof model === 'string' ? await ort.InferenceSession.create(model, options) : await ort.InferenceSession.create(model, options);
  } catch (error) {
    throw BadOnnxModel(name, (error as Error).message);
  }
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    run: (inputs, outputs = session.outputNames) => run(session, inputs, outputs),
    release: () => session.release(),
  };
}

async function run(session: ort.InferenceSession, inputs: Readonly<Record<string, Batch>>, outputs: readonly string[]): Promise<Outputs> {
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, { data, shape }] of Object.entries(inputs)) {
    feeds[name] = data instanceof Uint8Array ? new ort.Tensor('uint8', data, shape) : new ort.Tensor('float32', data, shape);
  }
  const results = await session.run(feeds, outputs);
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array | Uint16Array]));
}
