import path from 'node:path';
import { z } from 'zod';
import { findModel } from '../models';
import type { ExportReport } from '../prediction';
import type { OnProgress } from '../progress';
import { type ContestBar, type ContestPanel, contestBars, type Figure, formatNumber } from '../report';
import type { Workspace } from '../workspace';
import { runJob } from './children';
import type { FormRequest } from './formJobs';

/** How heavy a form of a model is. */
export interface FormMeasure {
  readonly variant: ExportReport['files'][number]['variant'];
  readonly bytes: number;
  /** From pixels to probabilities, one picture at a time: the median. */
  readonly latencyMs: number;
  /** What loading and running it adds to a process, at the peak. */
  readonly memoryMiB: number;
}

const resultSchema = z.object({ latencyMs: z.number(), memoryMiB: z.number() });

/**
 * Measures every exported form of a run's model, each in a process of its own, so that none has another's memory.
 *
 * @param options `predictions` of each form: 200 by default
 * @throws NO_MODEL, UNREADABLE_MODEL; BENCH_FAILED with what the process said
 */
export async function measureForms(
  workspace: Workspace,
  { run, task, files }: ExportReport,
  { predictions = 200, onProgress }: { readonly predictions?: number; readonly onProgress?: OnProgress } = {},
): Promise<FormMeasure[]> {
  const { card } = await findModel(workspace, task, run);
  const measures: FormMeasure[] = [];
  for (const { variant, file, bytes } of files) {
    const request: FormRequest = { file, size: card.imageSize, predictions };
    const args = [path.join(workspace.root, 'lib/bench/child.cjs'), 'formJobs', 'form', JSON.stringify(request)];
    const child = { what: variant, command: process.execPath, args, cwd: workspace.root, ...(onProgress && { onProgress }) };
    measures.push({ variant, bytes, ...(await runJob(child, resultSchema)) });
  }
  return measures;
}

/** Size, latency and memory of a model's forms as bars; float32, which comes first, is grey. */
export function formsFigure(measures: readonly FormMeasure[]): Figure {
  const panel = (title: string, quantity: string, unit: string, quantityOf: (measure: FormMeasure) => number): ContestPanel => {
    const whole = quantityOf(measures[0]!);
    const bars = measures.map((measure, index): ContestBar => {
      const value = quantityOf(measure);
      const share = { verdict: `${formatNumber(value / whole)} × float32` };
      return { name: measure.variant, value, label: `${value.toFixed(1)} ${unit}`, isOurs: index > 0, ...(index > 0 && share) };
    });
    return { title, quantity, bars };
  };
  return contestBars(
    [
      panel('Size of the file', 'Megabytes', 'MB', ({ bytes }) => bytes / 1e6),
      panel('One picture, from pixels to probabilities', 'Milliseconds', 'ms', ({ latencyMs }) => latencyMs),
      panel('Memory that it adds to a process, at the peak', 'Mebibytes', 'MiB', ({ memoryMiB }) => memoryMiB),
    ],
    { title: 'Forms of the model', subtitle: 'The same model with its numbers in float32, float16 and 8 bits; less is better.' },
  );
}
