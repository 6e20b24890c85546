import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { sha256 } from '../files';

const trial = z.object({
  kind: z.literal('trial'),
  /** The sweep's id. */
  batch: z.string(),
  /** As the sweep's plan calls it, or `best`. */
  trial: z.string(),
});

const training = z.object({
  kind: z.literal('training'),
  batch: z.string(),
  task: z.string(),
  /** All of them, so that the worker's environment decides nothing. */
  settings: z.record(z.string(), z.unknown()),
  /** Fingerprint of the data set. */
  dataset: z.string(),
  /** Where the user named one. */
  weightsFile: z.string().optional(),
  /** Those that the settings came to where the training was sent. */
  weights: z.object({ source: z.string(), sha256: z.string() }),
});

const predictions = z.object({
  kind: z.literal('predictions'),
  batch: z.string(),
  task: z.string(),
  run: z.string(),
  variant: z.enum(['int8', 'float16']).optional(),
  /** From 1. */
  part: z.number().int().min(1),
  files: z.array(z.string()),
  /** What is in a bucket, by SHA-256. */
  contents: z
    .object({
      /** Files of the model, from the workspace's home. */
      model: z.array(z.object({ path: z.string(), sha256: z.string() })),
      /** One for each file; null of one that could not be read. */
      pictures: z.array(z.string().nullable()),
    })
    .optional(),
});

export const jobSchema = z.discriminatedUnion('kind', [trial, training, predictions]);

/** A piece of work that any worker can do, and do again: what a killed worker left is found done, or is done anew. */
export type Job = Readonly<z.infer<typeof jobSchema>>;
export type TrialJob = Readonly<z.infer<typeof trial>>;
export type TrainingJob = Readonly<z.infer<typeof training>>;
export type PredictionsJob = Readonly<z.infer<typeof predictions>>;

/** The id of a job: the same work has the same, a UUID, so that it is in the queue once, whoever sends it. */
export function jobId(job: Job): string {
  const place = job.kind === 'trial' ? job.trial : job.kind === 'predictions' ? job.part : 1;
  const [, ...groups] = /^(.{8})(.{4})(.{4})(.{4})(.{12})/.exec(sha256(JSON.stringify([job.kind, job.batch, place])))!;
  return groups.join('-');
}

/** What a job is, in words. */
export function jobTitle(job: Job): string {
  if (job.kind === 'trial') return `trial ${job.trial} of ${job.batch}`;
  return job.kind === 'predictions' ? `part ${job.part} of ${job.batch}` : job.batch;
}

/** A name for jobs that belong together, such as `20260301T090507Z-food-training-1a2b3c`. */
export function newBatch(task: string, kind: Job['kind'], now = new Date()): string {
  const letters = randomInt(36 ** 6)
    .toString(36)
    .padStart(6, '0');
  return `${now.toISOString().replace(/\.\d+|[-:]/g, '')}-${task}-${kind}-${letters}`;
}
