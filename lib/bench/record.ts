import { z } from 'zod';
import { isMet, type Target } from './ratios';

const measured = z.number();
/** Null where Python lacks TensorFlow, so that there was nothing to compare with. */
const compared = z.number().nullable();

/** What one bench measured: `experiments/bench/<time>.json`. Every number is a median; names with `_ms` are milliseconds, with `_mb` megabytes. */
export const benchRecordSchema = z.object({
  schemaVersion: z.literal(1),
  startedAt: z.string(),
  finishedAt: z.string(),
  quick: z.boolean(),
  data: z.object({ name: z.string(), isSample: z.boolean(), counts: z.record(z.string(), z.number().int()) }),
  weights: z.object({ source: z.string(), sha256: z.string(), isStandIn: z.boolean() }),
  backbone: z.string(),
  /** As `BenchConfig`. */
  config: z.record(z.string(), z.unknown()),
  threads: z.number().int(),
  hardware: z.object({ cpu: z.string(), cores: z.number().int(), memoryGiB: z.number(), platform: z.string(), backend: z.string() }),
  /** Of the last minute before the bench began: on an idle machine close to 0. */
  loadAverage: z.number(),
  versions: z.record(z.string(), z.string()),
  git: z.object({ commit: z.string(), dirty: z.boolean() }).nullable(),
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
  /** `npm run predict` on one file, from start to end. */
  cold_start_ms: measured,
  peak_rss_mb: measured,
  keras_peak_rss_mb: compared,
  /** On the test split. */
  auc: z.object({ keras: compared, ours: compared, int8: compared }),
  exact_match: z.object({ keras: compared, ours: measured }),
  int8_size_ratio: measured,
  details: z.record(z.string(), z.unknown()),
  notes: z.array(z.string()),
});

export type BenchRecord = z.infer<typeof benchRecordSchema>;

/** A line of the bench's table. */
export interface Measure {
  readonly name: string;
  readonly value: number | null;
  readonly unit: string;
  readonly target: Target;
}

const atLeast = (limit: number): Target => ({ limit, better: 'higher' });
const atMost = (limit: number): Target => ({ limit, better: 'lower' });

/** What was measured beside what is aimed at. The targets are for two cores, real photographs and the whole recipe. */
export function measuresOf(record: BenchRecord): Measure[] {
  const { ratios, auc } = record;
  const difference = (one: number | null, other: number | null): number | null => (one === null || other === null ? null : one - other);
  return [
    { name: 'recipe, as fast as Keras', value: ratios.recipe_vs_keras, unit: '×', target: atLeast(5) },
    { name: 'recipe with a warm store, as fast as Keras', value: ratios.recipe_warm_vs_keras, unit: '×', target: atLeast(10) },
    { name: "model alone, of TensorFlow Lite's time", value: ratios.model_vs_tflite, unit: '×', target: atMost(1.3) },
    { name: "int8, of float32's time", value: ratios.int8_vs_fp32, unit: '×', target: atMost(0.7) },
    { name: 'JPEG to decision', value: record.predict_ms, unit: 'ms', target: atMost(12) },
    { name: 'prediction of a folder', value: record.images_per_second, unit: 'pictures/s', target: atLeast(150) },
    { name: 'JPEG to features', value: record.features_per_second, unit: 'pictures/s', target: atLeast(150) },
    { name: 'cold start of npm run predict', value: record.cold_start_ms, unit: 'ms', target: atMost(1500) },
    { name: 'peak memory of the recipe', value: record.peak_rss_mb, unit: 'MB', target: atMost(1610) },
    { name: "test AUC, ours less Keras'", value: difference(auc.ours, auc.keras), unit: '', target: atLeast(-0.005) },
    { name: 'test AUC, int8 less float32', value: difference(auc.int8, auc.ours), unit: '', target: atLeast(-0.005) },
  ];
}

/** The table that the bench prints. */
export function measureRows(record: BenchRecord): Record<string, string>[] {
  return measuresOf(record).map(({ name, value, unit, target }) => {
    const met = isMet(value, target);
    return {
      measured: name,
      value: value === null ? '–' : `${display(value)} ${unit}`.trim(),
      target: `${target.better === 'higher' ? '≥' : '≤'} ${display(target.limit)} ${unit}`.trim(),
      '': met === undefined ? 'not measured' : met ? 'met' : 'missed',
    };
  });
}

/** Three digits. */
function display(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
