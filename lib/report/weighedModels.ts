import type { RunRecord } from '../experiments';
import type { SplitMetricName } from '../metrics';
import type { ExportReport } from '../prediction';
import type { Split } from '../tasks';

/** A form of a run's model with what it costs and what it is worth. */
export interface WeighedModel {
  readonly run: Pick<RunRecord, 'id' | 'stage'>;
  readonly form: ExportReport['files'][number]['variant'];
  readonly bytes: number;
  /** From pixels to probabilities, one picture; undefined where `npm run export` has not measured it on the machine that the other times are of. */
  readonly latencyMs?: number;
  /** Of the metric that was asked for. */
  readonly value: number;
}

/**
 * The models of runs, in all forms that were exported, by size, latency and one metric. Without an export the size is that of the run's `model.onnx`. What
 * an export lost counts only where it was measured on the run's own test pictures; times count only where one machine measured them, that of the latest export.
 */
export function weighModels(
  runs: readonly RunRecord[],
  exports: ReadonlyMap<string, ExportReport>,
  { metric, split = 'test' }: { readonly metric: SplitMetricName; readonly split?: Split },
): WeighedModel[] {
  const machine = latestMachine(runs, exports);
  return runs.flatMap((run): WeighedModel[] => {
    const ownValue = run.metrics[split]?.[metric];
    if (typeof ownValue !== 'number' || !Number.isFinite(ownValue)) return [];
    const exported = exports.get(run.id);
    const isTimed = exported?.machine !== undefined && exported.machine === machine;
    if (!exported) {
      const file = run.artifacts.find(({ path }) => path.endsWith('/model.onnx'));
      return file ? [{ run, form: 'float32', bytes: file.bytes, value: ownValue }] : [];
    }
    const sameTest = split === 'test' && exported.data?.fingerprint === run.data.fingerprint;
    return exported.files.flatMap(({ variant, bytes, latencyMs, loss }): WeighedModel[] => {
      const value = variant === 'float32' ? ownValue : sameTest ? loss?.after[metric] : undefined;
      if (typeof value !== 'number') return [];
      return [{ run, form: variant, bytes, value, ...(isTimed && latencyMs !== undefined && { latencyMs }) }];
    });
  });
}

function latestMachine(runs: readonly RunRecord[], exports: ReadonlyMap<string, ExportReport>): string | undefined {
  const reports = runs.flatMap(({ id }) => exports.get(id) ?? []).filter(({ machine }) => machine !== undefined);
  return reports.sort((one, other) => one.createdAt.localeCompare(other.createdAt)).at(-1)?.machine;
}

/** By less than this share nobody chooses. */
const notable = 0.01;

/** Whether there is anything to choose between: sizes that differ, or a latency that was measured. */
export function differInCost(models: readonly WeighedModel[]): boolean {
  const sizes = models.map(({ bytes }) => bytes);
  return Math.max(...sizes) > (1 + notable) * Math.min(...sizes) || models.some(({ latencyMs }) => latencyMs !== undefined);
}
