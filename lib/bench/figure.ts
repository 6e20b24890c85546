import path from 'node:path';
import { writeAtomic } from '../files';
import { type ContestBar, type ContestPanel, contestBars, type Figure, figureToPng, formatSeconds } from '../report';
import type { Workspace } from '../workspace';
import { display } from './measures';
import { isMet, type Target } from './ratios';
import { type BenchRecord, targets } from './record';

/** Draws a record's figure beside it, and to other files. @throws FIGURE_NOT_DRAWN, the file system's errors */
export async function writeBenchFigure(workspace: Workspace, record: BenchRecord, others: readonly string[] = []): Promise<void> {
  await writeFigure(benchFigure(record), [workspace.bench(record.startedAt, 'png'), ...others]);
}

/** Draws a figure once, to several files. @throws FIGURE_NOT_DRAWN, the file system's errors */
export async function writeFigure(figure: Figure, files: readonly string[]): Promise<void> {
  const png = await figureToPng(figure);
  for (const file of files) await writeAtomic(file, png);
}

/** How long the recipe takes in Keras and here, and one picture in TensorFlow Lite and here, beside what is aimed at. */
export function benchFigure(record: BenchRecord): Figure {
  const { data, threads, hardware, backbone } = record;
  const pictures = Object.values(data.counts).reduce((sum, count) => sum + count, 0);
  const on = `${pictures.toLocaleString('en')} pictures of ${data.isSample ? 'the generated sample' : path.basename(data.name)}`;
  return contestBars([recipePanel(record), modelPanel(record)], {
    title: `How long it takes: a training, and a prediction${record.quick ? ' (quick bench)' : ''}`,
    subtitle: `${backbone}, ${on}, ${threads} threads (${hardware.cpu}). Dark lines: targets.`,
  });
}

function recipePanel({ recipe_seconds: { keras, cold, warm }, ratios }: BenchRecord): ContestPanel {
  const inMinutes = Math.max(keras ?? 0, cold) >= 120;
  const unit = inMinutes ? 60 : 1;
  const bar = (name: string, seconds: number, rest: Partial<ContestBar> = {}): ContestBar => ({
    name,
    value: seconds / unit,
    label: formatSeconds(seconds),
    isOurs: true,
    ...rest,
  });
  const against = (times: number | null, target: Target): Partial<ContestBar> =>
    times === null || keras === null
      ? {}
      : { target: keras / target.limit / unit, verdict: verdict(`${display(times)} × as fast as Keras`, times, target) };
  return {
    title: 'The whole recipe: data set to tested model',
    quantity: inMinutes ? 'Minutes' : 'Seconds',
    bars: [
      ...(keras === null ? [] : [bar('Keras', keras, { isOurs: false })]),
      bar('visionbook', cold, against(ratios.recipe_vs_keras, targets.recipeVsKeras)),
      bar('visionbook, trained again', warm, against(ratios.recipe_warm_vs_keras, targets.warmRecipeVsKeras)),
    ],
  };
}

function modelPanel({ model_ms: { ours, tflite, int8 }, ratios }: BenchRecord): ContestPanel {
  const bar = (name: string, value: number, rest: Partial<ContestBar> = {}): ContestBar => ({
    name,
    value,
    label: `${display(value)} ms`,
    isOurs: true,
    ...rest,
  });
  const share = (of: string, whole: number | null, value: number | null, target: Target): Partial<ContestBar> =>
    whole === null || value === null ? {} : { target: whole * target.limit, verdict: verdict(`${display(value)} × ${of}`, value, target) };
  return {
    title: 'One picture through the model',
    quantity: 'Milliseconds',
    bars: [
      ...(tflite === null ? [] : [bar('TensorFlow Lite', tflite, { isOurs: false })]),
      bar('visionbook', ours, share('TensorFlow Lite', tflite, ratios.model_vs_tflite, targets.modelVsTflite)),
      bar('visionbook, int8', int8, share('float32', ours, ratios.int8_vs_fp32, targets.int8VsFloat32)),
    ],
  };
}

/** What a value comes to, and whether that meets its target. */
export function verdict(what: string, value: number, target: Target): string {
  const sign = target.better === 'higher' ? '≥' : '≤';
  return `${what} (target ${sign} ${display(target.limit)}: ${isMet(value, target) ? 'met' : 'missed'})`;
}
