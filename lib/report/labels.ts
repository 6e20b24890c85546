import type { RunRecord } from '../experiments';
import { lowerIsBetter, type MetricName, type MulticlassMetricName, type SplitMetricName } from '../metrics';
import type { TaskKind } from '../tasks';

/** How a metric is written, and what it says to people who do not know the term. */
export interface MetricLabel {
  readonly title: string;
  readonly meaning: string;
}

const multilabelLabels: Readonly<Record<MetricName, MetricLabel>> = {
  auc: { title: 'AUC', meaning: 'how often a right label gets a higher probability than a wrong one' },
  exactMatch: { title: 'Exact match', meaning: 'share of pictures with every label right' },
  f1Macro: { title: 'F1 macro', meaning: 'F1 averaged over the classes' },
  f1Micro: { title: 'F1 micro', meaning: 'F1 over all labels together' },
  binaryAccuracy: { title: 'Binary accuracy', meaning: 'share of single labels that are right' },
  hammingLoss: { title: 'Hamming loss', meaning: 'share of single labels that are wrong' },
  ece: { title: 'Calibration error', meaning: 'how far probabilities are from the share of labels that are present, in 15 bins (ECE)' },
  loss: { title: 'Loss', meaning: 'weighted binary cross-entropy, in nats' },
  aucKeras: { title: 'AUC (Keras)', meaning: 'AUC as Keras approximates it with 200 thresholds' },
};

const multiclassLabels: Readonly<Record<MulticlassMetricName, MetricLabel>> = {
  accuracy: { title: 'Accuracy', meaning: 'share of pictures whose most probable class is right' },
  balancedAccuracy: { title: 'Balanced accuracy', meaning: 'recall averaged over the classes, whatever their sizes' },
  f1Macro: multilabelLabels.f1Macro,
  top2Accuracy: { title: 'Top-2 accuracy', meaning: 'share of pictures whose class is one of the two most probable' },
  kappa: { title: "Cohen's kappa", meaning: 'agreement with the labels beyond chance: 0 is chance, 1 is perfect' },
  ece: { title: 'Calibration error', meaning: 'how far probabilities are from the share of right answers, in 15 bins (ECE)' },
  loss: { title: 'Log loss', meaning: 'cross-entropy, in nats' },
  auc: {
    title: 'AUC',
    meaning: 'how often a picture of a class gets a higher probability of it than one of another, averaged over the classes',
  },
};

/** Every metric of a record, in the order in which tables show them; of metrics that both kinds have, as multi-label tasks mean them. */
export const metricLabels: Readonly<Record<SplitMetricName, MetricLabel>> = { ...multiclassLabels, ...multilabelLabels };

/** Every metric of a multi-label task, the one that runs are ranked by first. */
export const shownMetrics = Object.keys(multilabelLabels) as MetricName[];

/** Every metric of a kind of task, the one that runs are ranked by first. */
export function metricsOf(kind: TaskKind): readonly SplitMetricName[] {
  return kind === 'multiclass' ? (Object.keys(multiclassLabels) as MulticlassMetricName[]) : shownMetrics;
}

/** What a metric says of a kind of task. */
export function labelOf(metric: SplitMetricName, kind: TaskKind): MetricLabel {
  const labels: Readonly<Partial<Record<SplitMetricName, MetricLabel>>> = kind === 'multiclass' ? multiclassLabels : multilabelLabels;
  return labels[metric] ?? metricLabels[metric];
}

/** The kind of task that a run is of. */
export function kindOf({ kind }: Pick<RunRecord, 'kind'>): TaskKind {
  return kind ?? 'multilabel';
}

/** A metric's name with an arrow to its good end. */
export function metricHeading(metric: SplitMetricName, kind: TaskKind = 'multilabel'): string {
  return `${labelOf(metric, kind).title} ${lowerIsBetter.has(metric) ? '↓' : '↑'}`;
}

/** A run in few characters: its stage and the last part of its id, such as `head · x1y2z3`. */
export function runLabel(run: Pick<RunRecord, 'id' | 'stage'>): string {
  return `${run.stage} · ${run.id.split('-').pop()}`;
}

/** Rounded to what a reader can use: shares to three places, whole numbers whole. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return Math.abs(value) < 1e6 ? String(value) : value.toExponential(2);
  if (Math.abs(value) < 1e-3) return value.toExponential(1).replace('e-', 'e−').replace(/^-/, '−');
  return value.toFixed(Math.abs(value) < 100 ? 3 : 1).replace(/^-/, '−');
}

/** Seconds as people say them: `8.4 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}
