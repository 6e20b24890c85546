import { z } from 'zod';
import { conditionsShape } from './conditions';
import { atLeast, atMost, type Measure, measureTable } from './measures';
import type { Target } from './ratios';

const measured = z.number();
/** Null where Python lacks TensorFlow, so that there was nothing to compare with. */
const compared = z.number().nullable();

/**
 * What one bench measured: `experiments/bench/<time>.json`. Numbers are medians over the rounds, the peaks of memory the
 * highest; names with `_ms` are milliseconds, with `_mb` megabytes (10⁶ bytes).
 */
export const benchRecordSchema = z.object({
  schemaVersion: z.literal(1),
  ...conditionsShape,
  data: z.object({ name: z.string(), isSample: z.boolean(), counts: z.record(z.string(), z.number().int()) }),
  weights: z.object({ source: z.string(), sha256: z.string(), isStandIn: z.boolean() }),
  backbone: z.string(),
  /** As `BenchConfig`. */
  config: z.record(z.string(), z.unknown()),
  ratios: z.object({
    /** Keras' time over ours: decoding, training and evaluation, but not the loading of libraries. */
    recipe_vs_keras: compared,
    /** The same with a full activation store. */
    recipe_warm_vs_keras: compared,
    /** Our time over TensorFlow Lite's, one picture, the model alone. */
    model_vs_tflite: compared,
    int8_vs_fp32: measured,
    /** Keras' time over ours for an epoch. */
    epoch_vs_keras: compared.optional(),
  }),
  recipe_seconds: z.object({ keras: compared, cold: measured, warm: measured }),
  /** An epoch of the last stage, after its first: only where that is what is compared, and not the whole recipe. */
  epoch_seconds: z.object({ keras: compared, ours: measured }).optional(),
  /** Examples in it. */
  epoch_examples: z.number().int().optional(),
  /** A file to a decision, with the model loaded. */
  predict_ms: measured,
  model_ms: z.object({ ours: measured, tflite: compared, int8: measured }),
  /** Prediction of a folder. */
  images_per_second: measured,
  /** JPEG files through the frozen layers into an empty activation store. */
  features_per_second: measured,
  /** The command `predict` on one file, from the start of its process to the end. */
  cold_start_ms: measured,
  peak_rss_mb: measured,
  keras_peak_rss_mb: compared,
  /** On the test split; `ours` and `int8` are one model. */
  auc: z.object({ keras: compared, ours: compared, int8: compared }),
  /** Of multi-label tasks. */
  exact_match: z.object({ keras: compared, ours: measured }).optional(),
  /** Of multi-class tasks. */
  accuracy: z.object({ keras: compared, ours: measured, int8: measured }).optional(),
  int8_size_ratio: measured,
  int8_mb: measured.optional(),
  details: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()),
});

export type BenchRecord = z.infer<typeof benchRecordSchema>;

/** What is aimed at, on two cores, with real photographs and the whole recipe, or epochs of 12,000 examples. */
export const targets = {
  recipeVsKeras: atLeast(5),
  warmRecipeVsKeras: atLeast(10),
  epochVsKeras: atLeast(4),
  modelVsTflite: atMost(1.3),
  int8VsFloat32: atMost(0.7),
  predictMs: atMost(12),
  picturesPerSecond: atLeast(150),
  coldStartMs: atMost(1500),
  /** 1.5 GiB. */
  peakMb: atMost(1610),
  aucLost: atLeast(-0.005),
  /** Of 300 test pictures, 6. */
  accuracyLost: atLeast(-0.02),
  int8Mb: atMost(6),
} as const;

/** What was measured beside what is aimed at. */
export function measuresOf(record: BenchRecord): Measure[] {
  const { ratios } = record;
  return [
    ...(record.epoch_seconds ? epochMeasures(record) : recipeMeasures(record)),
    { name: "model alone: share of TensorFlow Lite's time", value: ratios.model_vs_tflite, unit: '×', target: targets.modelVsTflite },
    { name: "int8 alone: share of float32's time", value: ratios.int8_vs_fp32, unit: '×', target: targets.int8VsFloat32 },
    { name: 'JPEG to decision', value: record.predict_ms, unit: 'ms', target: targets.predictMs },
    { name: 'prediction of a folder', value: record.images_per_second, unit: 'pictures/s', target: targets.picturesPerSecond },
    { name: 'JPEG to features', value: record.features_per_second, unit: 'pictures/s', target: targets.picturesPerSecond },
    { name: 'cold start of predict', value: record.cold_start_ms, unit: 'ms', target: targets.coldStartMs },
    { name: 'peak memory of the recipe', value: record.peak_rss_mb, unit: 'MB', target: targets.peakMb },
    ...(record.accuracy
      ? scoreMeasures('accuracy', record.accuracy, targets.accuracyLost)
      : scoreMeasures('AUC', record.auc, targets.aucLost)),
  ];
}

function recipeMeasures({ ratios }: BenchRecord): Measure[] {
  return [
    { name: 'recipe: times as fast as Keras', value: ratios.recipe_vs_keras, unit: '×', target: targets.recipeVsKeras },
    { name: 'the same, with a warm store', value: ratios.recipe_warm_vs_keras, unit: '×', target: targets.warmRecipeVsKeras },
  ];
}

function epochMeasures({ ratios, int8_mb }: BenchRecord): Measure[] {
  return [
    { name: 'an epoch: times as fast as Keras', value: ratios.epoch_vs_keras ?? null, unit: '×', target: targets.epochVsKeras },
    { name: 'size of the int8 model', value: int8_mb ?? null, unit: 'MB', target: targets.int8Mb },
  ];
}

function scoreMeasures(name: string, { keras, ours, int8 }: BenchRecord['auc'], target: Target): Measure[] {
  const difference = (one: number | null, other: number | null): number | null => (one === null || other === null ? null : one - other);
  return [
    { name: `test ${name}: ours less Keras'`, value: difference(ours, keras), unit: '', target },
    { name: `test ${name}: int8 less float32`, value: difference(int8, ours), unit: '', target },
  ];
}

/** The table that the bench prints. */
export function measureRows(record: BenchRecord): Record<string, string>[] {
  return measureTable(measuresOf(record));
}
