import type * as TensorFlow from '@tensorflow/tfjs';
import { threadCount } from '../threads';

export type TensorFlowModule = typeof TensorFlow;

/** TensorFlow.js and what it runs on: the native library through N-API, or WebAssembly. */
export interface TensorFlowEngine {
  readonly tf: TensorFlowModule;
  readonly backend: 'native' | 'wasm';
  /** Why the native library is not used. */
  readonly reason?: string;
}

let engine: Promise<TensorFlowEngine> | undefined;

/**
 * TensorFlow.js on the best backend there is, loaded once a process: it takes about a second, so only what trains calls this.
 * `VISIONBOOK_BACKEND=wasm` asks for WebAssembly, `VISIONBOOK_THREADS` for a number of threads.
 *
 * @throws BAD_THREADS
 */
export function loadTensorFlow(): Promise<TensorFlowEngine> {
  engine ??= load();
  return engine;
}

async function load(): Promise<TensorFlowEngine> {
  const threads = threadCount();
  if (process.env.VISIONBOOK_BACKEND === 'wasm') return loadWasm('VISIONBOOK_BACKEND=wasm asks for WebAssembly');
  try {
    return await loadNative(threads);
  } catch (error) {
    return loadWasm((error as Error).message.split('\n')[0] ?? 'unknown');
  }
}

async function loadNative(threads: number): Promise<TensorFlowEngine> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // The library reads these once, when it makes its thread pools. One operation runs at a time, so threads between operations have nothing to do.
  process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  await restoreIsNullOrUndefined();
  await import('@tensorflow/tfjs-node');
  const tf = await import('@tensorflow/tfjs');
  await tf.ready();
  return { tf, backend: 'native' };
}

/** tfjs-node calls `util.isNullOrUndefined`, which Node 23 dropped (tensorflow/tfjs issue 8609). */
async function restoreIsNullOrUndefined(): Promise<void> {
  const util = (await import('node:util')).default as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
}

async function loadWasm(reason: string): Promise<TensorFlowEngine> {
  console.warn(`TensorFlow.js runs on WebAssembly, which is slower (${reason}; npm run doctor says more)`);
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-wasm'); // in Node it computes on one thread, whatever it is told (tensorflow/tfjs issue 3830)
  await tf.setBackend('wasm');
  return { tf, backend: 'wasm', reason };
}
