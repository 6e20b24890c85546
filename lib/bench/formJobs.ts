import { peakMemoryMiB } from '../experiments';
import { measureLatency } from '../prediction';
import type { OnProgress } from '../progress';

/** Which model file to measure, and how. */
export interface FormRequest {
  readonly file: string;
  /** Side of its pictures, in pixels. */
  readonly size: number;
  readonly predictions: number;
}

/** One form of a model alone in this process: one picture at a time, warm, and the memory that loading and running it takes. */
async function form({ file, size, predictions }: FormRequest, onProgress: OnProgress): Promise<{ latencyMs: number; memoryMiB: number }> {
  const before = process.memoryUsage().rss / 2 ** 20;
  const latencyMs = await measureLatency(file, size, { predictions, onProgress });
  return { latencyMs, memoryMiB: Math.max(0, peakMemoryMiB() - before) };
}

/** What `measureForms` runs in processes of their own. */
export const jobs = { form };
