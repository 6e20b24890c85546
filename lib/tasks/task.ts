import { z } from 'zod';

/** A stage of training: which layers learn, how fast, how long. */
const stage = z.strictObject({
  name: z.enum(['head', 'finetune', 'retrain']),
  /** How many of the backbone's last layers learn, counted in Keras' layer order; 0 freezes it whole. */
  trainableLayers: z.number().int().min(0),
  learningRate: z.number().positive(),
  epochs: z.number().int().min(1),
});

/** Every number of a recipe that one may want to change; a task file holds the defaults and where each comes from. */
export const settingsSchema = z.strictObject({
  /** Which backbone: by name, or `auto` for that of the first weights that are there, in the order of `findWeights`. */
  backbone: z.enum(['auto', 'mobilenet_v2', 'efficientnet_b0', 'efficientnet_lite0']),
  seed: z.number().int().min(0),
  /** Share with which each class stands in a collage. */
  includeProbability: z.number().min(0).max(1),
  /** When no class was drawn: the probability of drawing one at random at once. */
  refillProbability: z.number().min(0).max(1),
  collages: z.strictObject({ train: z.number().int().min(0), validation: z.number().int().min(0), test: z.number().int().min(0) }),
  /** At most so many pictures of no class. */
  negatives: z.strictObject({ train: z.number().int().min(0), validation: z.number().int().min(0), test: z.number().int().min(0) }),
  jpegQuality: z.number().int().min(1).max(100),
  batchSize: z.number().int().min(1),
  /** Weight in the loss of a picture of no class. */
  negativeWeight: z.number().positive(),
  dropout: z.number().min(0).max(0.99),
  stages: z.array(stage).min(1),
  /** Early stopping: epochs without a better validation loss before a stage ends. */
  patience: z.number().int().min(1),
  retraining: z.strictObject({
    originals: z.number().int().min(0),
    boost: z.number().int().min(1),
    epochs: z.number().int().min(1),
    learningRate: z.number().positive(),
    trainableLayers: z.number().int().min(0),
    /** So many new corrections start a retraining by themselves; `MIN_CORRECTIONS` in the environment overrides it. */
    minimum: z.number().int().min(1),
    /** How much of the test split's AUC a retrained model may lose, with 95 % confidence, and still be promoted. */
    tolerance: z.number().min(0).max(1),
  }),
  decision: z.strictObject({
    /** A class is present from this probability on. */
    threshold: z.number().min(0).max(1),
    /** "None" when every probability is below this. */
    noneBelow: z.number().min(0).max(1),
  }),
});

export type Settings = z.infer<typeof settingsSchema>;
export type Stage = z.infer<typeof stage>;

/** Settings that differ from the defaults, at any depth. */
export type SettingsOverrides = {
  readonly [Key in keyof Settings]?: Settings[Key] extends unknown[]
    ? Settings[Key]
    : Settings[Key] extends object
      ? Partial<Settings[Key]>
      : Settings[Key];
};

/** One class of a task and where its raw photographs lie. */
export interface TaskClass {
  readonly name: string;
  /** Folder name inside each split of the raw data. */
  readonly folder: string;
}

export type Split = 'train' | 'validation' | 'test';
export const splits: readonly Split[] = ['train', 'validation', 'test'];

/** Everything that makes a task: a new task is a new file of this shape and one line in `index.ts`. */
export interface Task {
  readonly name: string;
  readonly title: string;
  readonly kind: 'multilabel';
  readonly classes: readonly TaskClass[];
  /** Side of the square input picture, in pixels. */
  readonly imageSize: number;
  /** The backbone whose official weights `backbone: auto` wants. */
  readonly backbone:
    | { readonly name: 'mobilenet_v2'; readonly alpha: number }
    | { readonly name: 'efficientnet_b0' | 'efficientnet_lite0' };
  /** Where each split's photographs are, relative to the raw folder. */
  readonly photos: Readonly<Record<Split, string>>;
  /** Photographs of no class. Validation has no folder of its own: it takes a part of `train`, so that `test` stays for testing alone. */
  readonly negatives: { readonly train: string; readonly test: string };
  /** Where a person gets the raw data. */
  readonly downloads: readonly { readonly name: string; readonly url: string }[];
  readonly defaults: Settings;
  /** What differs on the generated sample, which is smaller. */
  readonly sampleDefaults: SettingsOverrides;
}
