import { z } from 'zod';
import { bySplit, commonFields, count, leftOut } from '../cardFields';

/** What a data set of galaxies was made of: `dataset/galaxy/dataset.json`. */
export const galaxyCardSchema = z.object({
  ...commonFields,
  settings: z.object({
    seed: count,
    /** Side of the pictures as they are kept: the source's. */
    imageSize: count,
    split: z.object({ validation: z.number(), test: z.number() }),
    perClass: count.nullable(),
    jpegQuality: count,
  }),
  /** Whether the source came with pictures held out for validation, which were kept there. */
  keptSplit: z.boolean(),
  /** Numbers of pictures that were made; their names count up from 1. */
  made: bySplit(count),
  /** By class: training pictures, how many of them balancing leaves out, and how many uses it adds. */
  balance: z.array(z.object({ class: z.string(), pictures: count, leftOut: count, repeats: count })),
  /** Pictures of the same sky. */
  duplicates: z.object({
    groups: count,
    /** In groups of two and more. */
    pictures: count,
    largest: count,
    /** Groups whose pictures are of different classes. */
    conflicts: count,
    /** Groups that the source's own split had torn apart; they are whole now, in validation. */
    leaks: count,
    /** A few of them, by their pictures' sources. */
    examples: z.array(z.array(z.string())),
  }),
  /** Pictures that were left out. */
  skipped: z.array(leftOut(z.literal('unreadable'))),
  /** Seconds a phase. */
  timings: z.object({ pictures: z.number(), comparing: z.number() }),
});

export type GalaxyCard = z.infer<typeof galaxyCardSchema>;
