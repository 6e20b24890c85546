import type { DataSource } from '../data';
import { judgePredictions, type SplitMetrics } from '../metrics';
import { median } from '../timing';
import type { Workspace } from '../workspace';
import { type Beginning, busyNote, describeConditions } from './conditions';
import type { BenchConfig } from './config';
import type { JobResult } from './jobResults';
import type { KerasRecipe } from './keras';
import { ratio } from './ratios';
import type { BenchRecord } from './record';

/** Everything that was measured, round by round. */
export interface Measurements {
  readonly beginning: Beginning;
  readonly config: BenchConfig;
  readonly source: DataSource;
  /** Pictures by split. */
  readonly counts: Readonly<Record<string, number>>;
  readonly start: JobResult<'start'>;
  /** Undefined where Python has no TensorFlow. */
  readonly keras: KerasRecipe | undefined;
  readonly recipes: readonly { readonly cold: JobResult<'recipe'>; readonly warm: JobResult<'recipe'> }[];
  readonly exported: JobResult<'export'>;
  readonly inference: readonly JobResult<'inference'>[];
  /** Empty where Python has no TensorFlow, as `keras`. */
  readonly tfliteMs: readonly number[];
  readonly coldStartMs: readonly number[];
}

/** The record of what was measured: medians over the rounds, and how they compare. */
export async function summarise(workspace: Workspace, measured: Measurements): Promise<BenchRecord> {
  const { beginning, config, source, start, keras, recipes, exported, inference, tfliteMs, coldStartMs } = measured;
  const conditions = await describeConditions(workspace, beginning, { quick: config.quick, backend: start.backend });
  const medianOf = <One>(all: readonly One[], pick: (one: One) => number): number => median(all.map(pick));
  const cold = medianOf(recipes, (round) => round.cold.seconds);
  const warm = medianOf(recipes, (round) => round.warm.seconds);
  const ours = medianOf(inference, (round) => round.modelMs);
  const int8 = medianOf(inference, (round) => round.int8Ms);
  const tflite = tfliteMs.length > 0 ? median(tfliteMs) : null;
  const peak = Math.max(...recipes.flatMap((round) => [round.cold.peakMemoryMiB, round.warm.peakMemoryMiB]));
  // The one that was exported.
  const trained = recipes.at(-1)!.warm;
  const inKeras = keras && judge(start, keras);
  const epoch = config.contest === 'epoch' ? epochSeconds(measured) : undefined;
  return {
    schemaVersion: 1,
    ...conditions,
    versions: { ...conditions.versions, ...keras?.versions },
    data: { name: source.name, isSample: source.isSample, counts: measured.counts },
    weights: start.weights,
    backbone: start.backbone,
    config: { ...config },
    ratios: {
      recipe_vs_keras: ratio(keras?.seconds ?? null, cold),
      recipe_warm_vs_keras: ratio(keras?.seconds ?? null, warm),
      model_vs_tflite: ratio(ours, tflite),
      int8_vs_fp32: int8 / ours,
      ...(epoch && { epoch_vs_keras: ratio(epoch.keras, epoch.ours) }),
    },
    recipe_seconds: { keras: keras?.seconds ?? null, cold, warm },
    ...(epoch && { epoch_seconds: epoch, epoch_examples: start.examples }),
    predict_ms: medianOf(inference, (round) => round.predictMs),
    model_ms: { ours, tflite, int8 },
    images_per_second: medianOf(inference, (round) => round.picturesPerSecond),
    features_per_second: medianOf(recipes, (round) => round.cold.featuresPerSecond),
    cold_start_ms: median(coldStartMs),
    peak_rss_mb: megabytes(peak),
    keras_peak_rss_mb: keras ? megabytes(keras.peakMemoryMiB) : null,
    auc: { keras: inKeras?.auc ?? null, ours: trained.auc, int8: exported.aucInt8 },
    ...(start.judging.kind === 'multiclass'
      ? { accuracy: { keras: inKeras?.accuracy ?? null, ours: trained.accuracy!, int8: exported.accuracyInt8! } }
      : { exact_match: { keras: inKeras?.exactMatch ?? null, ours: trained.exactMatch! } }),
    int8_size_ratio: exported.bytes.int8 / exported.bytes.float32,
    int8_mb: exported.bytes.int8 / 1e6,
    details: {
      stages: start.stages.map(({ trainable, ...stage }) => ({ ...stage, trainableLayers: trainable.length })),
      keras: keras && { seconds: keras.seconds, epochSeconds: keras.epochSeconds },
      recipes,
      inference,
      tfliteMs,
      coldStartMs,
      bytes: exported.bytes,
    },
    notes: notesOn(measured),
  };
}

/** How good Keras' probabilities are, by the metrics that ours are judged by. */
function judge({ classes, testLabels, judging }: JobResult<'start'>, { probabilities }: KerasRecipe): SplitMetrics {
  return judgePredictions(
    {
      classes,
      count: testLabels.length / classes.length,
      labels: Uint8Array.from(testLabels),
      probabilities: Float32Array.from(probabilities),
    },
    judging,
  );
}

/** Medians of the last stage's epochs. The first of a training is left out: in it pictures are decoded, files read and graphs built. */
function epochSeconds({ start, keras, recipes }: Measurements): { keras: number | null; ours: number } {
  const { name } = start.stages.at(-1)!;
  const settled = ({ epochSeconds }: Pick<KerasRecipe, 'epochSeconds'>): number[] => {
    const [first, ...later] = epochSeconds[name]!;
    return later.length > 0 ? later : [first!];
  };
  const ours = recipes.flatMap(({ cold, warm }) => [cold, warm].flatMap(settled));
  return { keras: keras ? median(settled(keras)) : null, ours: median(ours) };
}

function megabytes(mebibytes: number): number {
  return (mebibytes * 2 ** 20) / 1e6;
}

/** What one should know before trusting the numbers. */
function notesOn({ beginning, config, source, start, keras }: Measurements): string[] {
  const isEpoch = config.contest === 'epoch';
  const notes: [boolean, string][] = [
    [config.quick, `little of everything was measured: the targets are for ${isEpoch ? 'epochs of 12,000 examples' : 'the whole recipe'}`],
    [isEpoch, 'so few epochs were trained that the accuracy compares how both learn, and is not what the recipe comes to'],
    [
      config.settings.augmentation?.views === 1,
      'no other views of a picture are learnt from: Keras would compute them anew in every epoch',
    ],
    [source.isSample, 'the data is the generated sample, whose metrics say nothing about photographs'],
    [start.weights.isStandIn, `the weights are a stand-in: ${start.weights.source}`],
    [start.backend === 'wasm', 'training ran on WebAssembly, which is slower: npm run doctor says how to get the native library'],
    [!keras, 'Python has no TensorFlow here, so nothing was compared with it: npm run doctor says how to get it'],
  ];
  return [...notes.flatMap(([isSo, note]) => (isSo ? [note] : [])), ...busyNote(beginning)];
}
