import { z } from 'zod';
import { type RunProblem, type RunRecord, splitMetricsSchema } from '../experiments';
import { readTextIfPresent } from '../files';
import type { SplitMetrics } from '../metrics';
import { type CalibrationMethod, exportReportFile, type ModelVariant, type WeightBits } from '../models';
import type { Workspace } from '../workspace';

/** What a form of a model loses against float32, on the test split. */
export interface VariantLoss {
  readonly before: SplitMetrics;
  readonly after: SplitMetrics;
  /** Share of pictures with the same decision. */
  readonly agreement: number;
  /** Share of pictures on which both say the same of a class, in the card's order. */
  readonly agreementByClass: readonly number[];
  /** Mean and largest absolute difference of a probability. */
  readonly meanDifference: number;
  readonly largestDifference: number;
}

/** A form of a model, as a file. */
export interface ExportedFile {
  readonly variant: ModelVariant;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** From pixels to probabilities, one picture: the median on the report's `machine`. Absent in reports from before. */
  readonly latencyMs?: number;
  /** Absent of float32, and where there is no test picture. */
  readonly loss?: VariantLoss;
}

/** What an export made; it stands beside the files as `export.json`. */
export interface ExportReport {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly task: string;
  readonly classes: readonly string[];
  readonly createdAt: string;
  /** What latency was measured on, in words: times of another machine do not compare. */
  readonly machine?: string;
  readonly files: readonly ExportedFile[];
  readonly int8?: { readonly calibration: CalibrationMethod; readonly weightBits: WeightBits; readonly pictures: number };
  /** What was measured on, and calibrated with. */
  readonly data?: { readonly name: string; readonly isSample: boolean; readonly fingerprint: string; readonly test: number };
  /** What one should know before trusting the numbers. */
  readonly notes: readonly string[];
}

const exportReportSchema = z.object({
  schemaVersion: z.literal(1),
  run: z.string(),
  task: z.string(),
  classes: z.array(z.string()),
  createdAt: z.string(),
  machine: z.string().optional(),
  files: z
    .array(
      z.object({
        variant: z.enum(['float32', 'int8', 'float16']),
        file: z.string(),
        bytes: z.number().int(),
        sha256: z.string(),
        latencyMs: z.number().optional(),
        loss: z
          .object({
            before: splitMetricsSchema,
            after: splitMetricsSchema,
            agreement: z.number(),
            agreementByClass: z.array(z.number()),
            meanDifference: z.number(),
            largestDifference: z.number(),
          })
          .optional(),
      }),
    )
    .min(1),
  int8: z.object({ calibration: z.enum(['minmax', 'entropy']), weightBits: z.literal([7, 8]), pictures: z.number().int() }).optional(),
  data: z.object({ name: z.string(), isSample: z.boolean(), fingerprint: z.string(), test: z.number().int() }).optional(),
  notes: z.array(z.string()),
});

/** What was exported of runs, and the reports of exports that cannot be used. */
export async function readExports(
  workspace: Workspace,
  runs: readonly RunRecord[],
): Promise<{ exports: Map<string, ExportReport>; problems: RunProblem[] }> {
  const exports = new Map<string, ExportReport>();
  const problems: RunProblem[] = [];
  for (const { task, id } of runs) {
    const file = exportReportFile(workspace, task, id);
    try {
      const text = await readTextIfPresent(file);
      if (text !== undefined) exports.set(id, exportReportSchema.parse(JSON.parse(text)) as ExportReport);
    } catch (error) {
      problems.push({ path: file, reason: `${(error as Error).message}: npm run export -- --run ${id} writes it again` });
    }
  }
  return { exports, problems };
}

/** The files as table rows. */
export function fileRows({ files }: ExportReport): Record<string, string | number>[] {
  const whole = files[0]!.bytes;
  return files.map(({ variant, file, bytes, latencyMs }) => ({
    model: variant,
    MB: (bytes / 1e6).toFixed(2),
    'of float32': `${((100 * bytes) / whole).toFixed(1)} %`,
    ...(latencyMs !== undefined && { 'ms a picture': latencyMs.toFixed(1) }),
    file,
  }));
}

/** What each smaller form loses, as table rows: one a class, and one for all classes together. */
export function lossRows({ files, classes }: ExportReport): Record<string, string | number | null>[] {
  return files.flatMap(({ variant, loss }) => {
    if (!loss) return [];
    const { before, after, agreement, agreementByClass } = loss;
    // Where a picture has exactly one class, a class' accuracy is the share of its pictures that are recognised: its recall.
    const score = before.kind === 'multiclass' ? 'accuracy' : 'AUC';
    const row = (name: string, [old, renewed]: (number | null | undefined)[], [f1, f1After]: number[], agreement: number) => ({
      model: variant,
      class: name,
      [score]: old ?? null,
      after: renewed ?? null,
      change: typeof old === 'number' && typeof renewed === 'number' ? renewed - old : null,
      F1: f1!,
      'F1 after': f1After!,
      'same decision': `${(100 * agreement).toFixed(1)} %`,
    });
    const ofClass = ({ auc, recall }: SplitMetrics['perClass'][number]): number | null => (score === 'accuracy' ? recall : auc);
    const ofAll = ({ auc, accuracy }: SplitMetrics): number | null | undefined => (score === 'accuracy' ? accuracy : auc);
    return [
      ...classes.map((name, index) => {
        const [old, renewed] = [before.perClass[index]!, after.perClass[index]!];
        return row(name, [ofClass(old), ofClass(renewed)], [old.f1, renewed.f1], agreementByClass[index]!);
      }),
      row(`all (${before.count} test pictures)`, [ofAll(before), ofAll(after)], [before.f1Macro, after.f1Macro], agreement),
    ];
  });
}
