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

/** How long the recipe, or an epoch, takes in Keras and here, and one picture in TensorFlow Lite and here, beside what is aimed at. */
export function benchFigure(record: BenchRecord): Figure {
  const { data, threads, hardware, backbone } = record;
  const pictures = Object.values(data.counts).reduce((sum, count) => sum + count, 0);
  const on = `${pictures.toLocaleString('en')} pictures of ${data.isSample ? 'the generated sample' : path.basename(data.name)}`;
  return contestBars([trainingPanel(record), modelPanel(record)], {
    title: `How long it takes: ${record.epoch_seconds ? 'an epoch' : 'a training'}, and a prediction${record.quick ? ' (quick bench)' : ''}`,
    subtitle: `${backbone}, ${on}, ${threads} threads (${hardware.cpu}). Dark lines: targets.`,
  });
}

function trainingPanel({ recipe_seconds: recipe, epoch_seconds: epoch, epoch_examples: examples, ratios }: BenchRecord): ContestPanel {
  if (!epoch) {
    const { keras, cold, warm } = recipe;
    return secondsPanel('The whole recipe: data set to tested model', keras, [
      { name: 'visionbook', seconds: cold, times: ratios.recipe_vs_keras, target: targets.recipeVsKeras },
      { name: 'visionbook, trained again', seconds: warm, times: ratios.recipe_warm_vs_keras, target: targets.warmRecipeVsKeras },
    ]);
  }
  return secondsPanel(`An epoch of the last stage: ${examples!.toLocaleString('en')} examples`, epoch.keras, [
    { name: 'visionbook', seconds: epoch.ours, times: ratios.epoch_vs_keras ?? null, target: targets.epochVsKeras },
  ]);
}

/** A time of ours, and how many times as fast as Keras that is. */
interface Timed {
  readonly name: string;
  readonly seconds: number;
  readonly times: number | null;
  readonly target: Target;
}

function secondsPanel(title: string, keras: number | null, ours: readonly Timed[]): ContestPanel {
  const inMinutes = Math.max(keras ?? 0, ...ours.map(({ seconds }) => seconds)) >= 120;
  const unit = inMinutes ? 60 : 1;
  const bar = (name: string, seconds: number, isOurs: boolean): ContestBar => ({
    name,
    value: seconds / unit,
    label: formatSeconds(seconds),
    isOurs,
  });
  const against = ({ times, target }: Timed): Partial<ContestBar> =>
    times === null || keras === null
      ? {}
      : { target: keras / target.limit / unit, verdict: verdict(`${display(times)} × as fast as Keras`, times, target) };
  return {
    title,
    quantity: inMinutes ? 'Minutes' : 'Seconds',
    bars: [
      ...(keras === null ? [] : [bar('Keras', keras, false)]),
      ...ours.map((timed) => ({ ...bar(timed.name, timed.seconds, true), ...against(timed) })),
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
