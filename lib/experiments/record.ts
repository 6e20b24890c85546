import { z } from 'zod';
import type { Curve, Interval, SplitMetrics } from '../metrics';

/** Bumped when a field changes its meaning or goes away; a new optional field does not bump it. */
export const schemaVersion = 1;

/** JSON has no NaN and writes null; a run whose loss diverged must stay readable, so null is read as NaN again. */
export const measurement = z.preprocess((value) => (value === null ? Number.NaN : value), z.union([z.number(), z.nan()]));
const share = z.number();
const interval = z.object({ low: z.number(), high: z.number() });
const curve = z.object({ x: z.array(z.number()).readonly(), y: z.array(z.number()).readonly() });

const classMetrics = z.object({
  name: z.string(),
  precision: share,
  recall: share,
  f1: share,
  auc: share.nullable(),
  support: z.number().int(),
  truePositives: z.number().int(),
  falsePositives: z.number().int(),
  falseNegatives: z.number().int(),
  trueNegatives: z.number().int(),
});

/** A task's kind; records from before there were several have none, and are multi-label. */
const kind = z.enum(['multilabel', 'multiclass']);

const reliabilityBin = z.object({ low: share, high: share, count: z.number().int(), confidence: share, accuracy: share });

/** The numbers of one split, as `MultilabelMetrics` has them. */
const multilabelSchema = z.object({
  kind: z.literal('multilabel').optional(),
  count: z.number().int(),
  loss: measurement,
  binaryAccuracy: share,
  exactMatch: share,
  aucKeras: share,
  auc: share.nullable(),
  f1Macro: share,
  f1Micro: share,
  hammingLoss: share,
  /** Records from before multi-label splits had a calibration error have neither. */
  ece: share.optional(),
  reliability: z.array(reliabilityBin).readonly().optional(),
  perClass: z.array(classMetrics).readonly(),
});

/** The numbers of one split, as `MulticlassMetrics` has them. */
const multiclassSchema = z.object({
  kind: z.literal('multiclass'),
  count: z.number().int(),
  loss: measurement,
  accuracy: share,
  balancedAccuracy: share,
  f1Macro: share,
  top2Accuracy: share,
  ece: share,
  kappa: z.number(),
  auc: share.nullable(),
  perClass: z.array(classMetrics).readonly(),
  confusion: z.array(z.array(z.number().int()).readonly()).readonly(),
  reliability: z.array(reliabilityBin).readonly(),
});

/** The numbers of one split of either kind of task. It is told its type, since in notebooks, compiled without `strict`, zod infers a looser one. */
export const splitMetricsSchema = z.discriminatedUnion('kind', [multilabelSchema, multiclassSchema]) as unknown as z.ZodType<SplitMetrics>;

const drawn = {
  intervals: z.record(z.string(), interval).optional(),
  roc: z.record(z.string(), curve).optional(),
  precisionRecall: z.record(z.string(), curve).optional(),
};

/** All final numbers of one split. */
export interface SplitResult extends SplitMetrics {
  /** 95 % confidence intervals, by metric. */
  readonly intervals?: Readonly<Record<string, Interval>>;
  /** ROC and precision-recall curves by class, thinned to at most 200 points. */
  readonly roc?: Readonly<Record<string, Curve>>;
  readonly precisionRecall?: Readonly<Record<string, Curve>>;
}

const splitResult = z.discriminatedUnion('kind', [
  multilabelSchema.extend(drawn),
  multiclassSchema.extend(drawn),
]) as unknown as z.ZodType<SplitResult>;

/** An epoch has the accuracy of its task's kind: of single labels, or of pictures. */
const accuracies = { binaryAccuracy: share.optional(), accuracy: share.optional() };

const epoch = z.object({
  epoch: z.number().int().min(1),
  seconds: z.number(),
  /** That the epoch was trained with, where it may change. */
  learningRate: z.number().optional(),
  train: z.object({ loss: measurement, ...accuracies, auc: share.nullable() }),
  validation: z.object({ loss: measurement, ...accuracies, exactMatch: share.optional(), auc: share.nullable() }),
});

/** A process, for good: numbers of processes are used again. */
export const processSchema = z.object({
  pid: z.number().int(),
  host: z.string(),
  /** Tells the process from a later one of the same number: boot and start time, where Linux' `/proc` gives them. */
  identity: z.string().optional(),
});

export const runRecordSchema = z.object({
  schemaVersion: z.literal(schemaVersion),
  id: z.string(),
  task: z.string(),
  stage: z.string(),
  /** Of the task: multi-label where there is none. */
  kind: kind.optional(),
  /** `interrupted` is also what a reader makes of a `running` record whose process is gone. */
  status: z.enum(['running', 'finished', 'interrupted', 'failed']),
  error: z.string().optional(),
  /** The run that this one continues, if any. */
  parent: z.string().optional(),
  /** The run that this one repeats, to see whether it comes out the same. */
  reproduces: z.string().optional(),
  /** The sweep that the run belongs to, and as what: a trial of it, what its trials start from, or `best`. */
  sweep: z.object({ id: z.string(), trial: z.string() }).optional(),
  startedAt: z.string(),
  updatedAt: z.string(),
  finishedAt: z.string().optional(),
  process: processSchema,
  /** The stage's hyper-parameters and the task's settings. */
  config: z.record(z.string(), z.unknown()),
  seed: z.number().int(),
  data: z.object({
    /** `sample`, `food11` or the folder that `--data` named. */
    name: z.string(),
    isSample: z.boolean(),
    /** SHA-256 over every picture's name, content and labels. */
    fingerprint: z.string(),
    counts: z.record(z.string(), z.number().int()),
  }),
  weights: z.object({
    /** Where the backbone's weights came from, in words: a file, a download, the embedded stand-in. */
    source: z.string(),
    sha256: z.string(),
    isStandIn: z.boolean(),
  }),
  versions: z.record(z.string(), z.string()),
  hardware: z.object({ cpu: z.string(), cores: z.number().int(), memoryGiB: z.number(), platform: z.string(), backend: z.string() }),
  git: z.object({ commit: z.string(), dirty: z.boolean() }).nullable(),
  epochs: z.array(epoch),
  /** The epoch whose weights were kept. */
  bestEpoch: z.number().int().optional(),
  metrics: z.object({ train: splitResult.optional(), validation: splitResult.optional(), test: splitResult.optional() }),
  /** Seconds a phase. */
  timings: z.record(z.string(), z.number()),
  peakMemoryMiB: z.number().optional(),
  artifacts: z.array(z.object({ path: z.string(), sha256: z.string(), bytes: z.number().int() })),
  /** What only some stages have, such as a retraining's comparison of the old and the new model. */
  extra: z.record(z.string(), z.unknown()).optional(),
});

/** One run, as `run.json` holds it. */
export type RunRecord = z.infer<typeof runRecordSchema>;
/** The numbers after one epoch; `epoch` counts from 1. */
export type EpochRecord = z.infer<typeof epoch>;
/** A file that a run made. */
export type Artifact = RunRecord['artifacts'][number];
