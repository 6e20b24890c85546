import { openOnnx } from '../engine';
import { peakMemoryMiB } from '../experiments';
import type { OnProgress } from '../progress';
import { medianMs } from './timing';

/** Which model file to measure, and how. */
export interface FormRequest {
  readonly file: string;
  /** Side of its pictures, in pixels. */
  readonly size: number;
  readonly predictions: number;
}

/** One form of a model alone in this process: one picture at a time, warm, and the memory that loading and running it takes. */
async function form({ file, size, predictions }: FormRequest, onProgress: OnProgress): Promise<{ latencyMs: number; memoryMiB: number }> {
  const image = { data: new Uint8Array(size * size * 3).fill(127), shape: [1, size, size, 3] };
  const before = process.memoryUsage().rss / 2 ** 20;
  const model = await openOnnx(file);
  const latencyMs = await medianMs(
    () => model.run({ image }),
    predictions,
    (done) => onProgress({ label: 'predictions', done, total: predictions }),
  );
  await model.release();
  return { latencyMs, memoryMiB: Math.max(0, peakMemoryMiB() - before) };
}

/** What `measureForms` runs in processes of their own. */
export const jobs = { form };
