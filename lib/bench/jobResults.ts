import { z } from 'zod';
import type { SettingsOverrides } from '../tasks';

/** What every job is told; where its files are stands in its environment (`VISIONBOOK_HOME`). */
export interface JobRequest {
  readonly task: string;
  readonly settings: SettingsOverrides;
  readonly weightsFile?: string;
}

const number = z.number();
const count = z.number().int();

/** As `Judging`. */
const judging = z.union([
  z.object({ kind: z.literal('multiclass') }),
  z.object({ kind: z.literal('multilabel').optional(), threshold: number, negativeWeight: number }),
]);

/** Times are in seconds, or in milliseconds where the name says so. */
const schemas = {
  prepare: z.object({ counts: z.record(z.string(), count) }),
  start: z.object({
    model: z.string(),
    pictures: z.string(),
    preprocessing: z.object({ divisor: number, subtrahend: number }),
    stages: z.array(z.object({ name: z.string(), epochs: count, learningRate: number, trainable: z.array(z.string()) })),
    /** Examples of training, of which a picture may be several. */
    examples: count,
    batchSize: count,
    seed: count,
    judging,
    classes: z.array(z.string()),
    testLabels: z.array(count),
    testFiles: z.array(z.string()),
    weights: z.object({ source: z.string(), sha256: z.string(), isStandIn: z.boolean() }),
    backbone: z.string(),
    /** What computes our gradients. */
    backend: z.string(),
  }),
  recipe: z.object({
    seconds: number,
    /** Pictures that the frozen layers saw a second. */
    featuresPerSecond: number,
    phases: z.record(z.string(), number),
    epochSeconds: z.record(z.string(), z.array(number)),
    current: z.string(),
    auc: number.nullable(),
    exactMatch: number.optional(),
    accuracy: number.optional(),
    peakMemoryMiB: number,
  }),
  export: z.object({ aucInt8: number.nullable(), accuracyInt8: number.optional(), bytes: z.object({ float32: count, int8: count }) }),
  inference: z.object({ predictMs: number, modelMs: number, int8Ms: number, picturesPerSecond: number }),
};

export type JobName = keyof typeof schemas;
export type JobResult<Name extends JobName> = z.infer<(typeof schemas)[Name]>;

/** What each job gives back. */
export const jobResults: { readonly [Name in JobName]: z.ZodType<JobResult<Name>> } = schemas;
