import { openOnnx } from '../engine';
import type { OnProgress } from '../progress';
import { medianMs } from '../timing';

/**
 * How long a model takes for one picture, from pixels to probabilities: the median, in milliseconds, with nothing else running in this process.
 *
 * @param file an ONNX model that takes pictures
 * @param size side of its pictures, in pixels
 * @param options `predictions` that are counted: 50 by default
 * @throws BAD_ONNX_MODEL
 */
export async function measureLatency(
  file: string,
  size: number,
  { predictions = 50, onProgress }: { readonly predictions?: number; readonly onProgress?: OnProgress | undefined } = {},
): Promise<number> {
  const image = { data: new Uint8Array(size * size * 3).fill(127), shape: [1, size, size, 3] };
  const model = await openOnnx(file);
  try {
    return await medianMs(
      () => model.run({ image }),
      predictions,
      (done) => onProgress?.({ label: 'latency', done, total: predictions }),
    );
  } finally {
    await model.release();
  }
}
