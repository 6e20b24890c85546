import { z } from 'zod';
import { conditionsShape } from './conditions';
import { atLeast, atMost, type Measure, measureTable } from './measures';

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
  }),
  recipe_seconds: z.object({ keras: compared, cold: measured, warm: measured }),
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
  exact_match: z.object({ keras: compared, ours: measured }),
  int8_size_ratio: measured,
  details: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()),
});

export type BenchRecord = z.infer<typeof benchRecordSchema>;

/** What is aimed at, on two cores, with real photographs and the whole recipe. */
export const targets = {
  recipeVsKeras: atLeast(5),
  warmRecipeVsKeras: atLeast(10),
  modelVsTflite: atMost(1.3),
  int8VsFloat32: atMost(0.7),
  predictMs: atMost(12),
  picturesPerSecond: atLeast(150),
  coldStartMs: atMost(1500),
  /** 1.5 GiB. */
  peakMb: atMost(1610),
  aucLost: atLeast(-0.005),
} as const;

/** What was measured beside what is aimed at. */
export function measuresOf(record: BenchRecord): Measure[] {
  const { ratios, auc } = record;
  const difference = (one: number | null, other: number | null): number | null => (one === null || other === null ? null : one - other);
  return [
    { name: 'recipe: times as fast as Keras', value: ratios.recipe_vs_keras, unit: '×', target: targets.recipeVsKeras },
    { name: 'the same, with a warm store', value: ratios.recipe_warm_vs_keras, unit: '×', target: targets.warmRecipeVsKeras },
    { name: "model alone: share of TensorFlow Lite's time", value: ratios.model_vs_tflite, unit: '×', target: targets.modelVsTflite },
    { name: "int8 alone: share of float32's time", value: ratios.int8_vs_fp32, unit: '×', target: targets.int8VsFloat32 },
    { name: 'JPEG to decision', value: record.predict_ms, unit: 'ms', target: targets.predictMs },
    { name: 'prediction of a folder', value: record.images_per_second, unit: 'pictures/s', target: targets.picturesPerSecond },
    { name: 'JPEG to features', value: record.features_per_second, unit: 'pictures/s', target: targets.picturesPerSecond },
    { name: 'cold start of predict', value: record.cold_start_ms, unit: 'ms', target: targets.coldStartMs },
    { name: 'peak memory of the recipe', value: record.peak_rss_mb, unit: 'MB', target: targets.peakMb },
    { name: "test AUC: ours less Keras'", value: difference(auc.ours, auc.keras), unit: '', target: targets.aucLost },
    { name: 'test AUC: int8 less float32', value: difference(auc.int8, auc.ours), unit: '', target: targets.aucLost },
  ];
}

/** The table that the bench prints. */
export function measureRows(record: BenchRecord): Record<string, string>[] {
  return measureTable(measuresOf(record));
}
