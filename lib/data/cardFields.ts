import { z } from 'zod';

export const count = z.number().int().min(0);
export const bySplit = <Value extends z.ZodType>(value: Value) => z.object({ train: value, validation: value, test: value });

/** What every data set's card says, however the data set was made. */
export const commonFields = {
  version: z.literal(1),
  task: z.string(),
  data: z.object({
    /** The raw data's name, such as `food11`; `sample`; or the folder as it was named. */
    name: z.string(),
    isSample: z.boolean(),
  }),
  /** The raw data's `LICENSES.md`, where it has one. */
  licences: z.string().optional(),
  createdAt: z.string(),
  classes: z.array(z.string()),
  /** Labelled pictures that were put among the images by hand, and kept. */
  added: count,
  /** Labelled pictures by split, and by label; for tasks that have pictures of no class, `none` is one of these. */
  counts: bySplit(count),
  labelCounts: bySplit(z.record(z.string(), count)),
  /** SHA-256 over every labelled picture's name, content and labels. */
  fingerprint: z.string(),
} as const;

/** A picture that was left out; the way the data set is made decides what reasons there are. */
export const leftOut = <Reason extends z.ZodType>(reason: Reason) => z.object({ file: z.string(), reason, detail: z.string() });
