import { z } from 'zod';

/** A stage of training: which layers learn, how fast, how long. */
const stage = z.strictObject({
  name: z.enum(['head', 'finetune', 'retrain']),
  /** How many of the backbone's last layers learn, counted in Keras' layer order; 0 freezes it whole. */
  trainableLayers: z.number().int().min(0),
  learningRate: z.number().positive(),
  epochs: z.number().int().min(1),
});

/** A layer of the head between the pooled features and the classes: dense with ReLU, then dropout. */
const hiddenLayer = z.strictObject({ units: z.number().int().min(1), dropout: z.number().min(0).max(0.99) });

/** Lowers the learning rate when the validation loss stands still: Keras' `ReduceLROnPlateau`. */
const plateau = z.strictObject({
  /** What the learning rate is multiplied by. */
  factor: z.number().positive().max(0.99),
  /** Epochs without a lower validation loss before that. */
  patience: z.number().int().min(1),
  minLearningRate: z.number().min(0),
});

/** Views of a training picture, one of which is drawn in each epoch. They are kept in the activation store, so each costs a pass and its room there. */
const augmentation = z.strictObject({
  /** How many: the picture itself and others. */
  views: z.number().int().min(1).max(64),
  /** Turned by any angle up to this, in turns, either way. */
  rotationTurns: z.number().min(0).max(0.5),
  /** Enlarged or shrunk by up to this share. */
  zoom: z.number().min(0).max(0.5),
  /** Also in the other symmetries of the square: turned by quarters and mirrored, which loses no detail. */
  flips: z.boolean(),
});

/** Settings that every task has, or may have. */
const shared = {
  /** Which backbone: by name, or `auto` for that of the first weights that are there, in the order of `findWeights`. */
  backbone: z.enum(['auto', 'mobilenet_v2', 'efficientnet_b0', 'efficientnet_lite0']),
  seed: z.number().int().min(0),
  jpegQuality: z.number().int().min(1).max(100),
  batchSize: z.number().int().min(1),
  /** Weight in the loss of a picture of no class: for multi-label tasks, as a picture of any other has exactly one. */
  negativeWeight: z.number().positive(),
  /** Of the pooled features. */
  dropout: z.number().min(0).max(0.99),
  /** Layers of the head before the last one; none by default. */
  hiddenLayers: z.array(hiddenLayer).optional(),
  stages: z.array(stage).min(1),
  /** The learning rate stays as it is by default. */
  plateau: plateau.optional(),
  /** Pictures as they are by default. */
  augmentation: augmentation.optional(),
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
};

const count = z.number().int().min(0);

/** Settings of tasks whose pictures are collages of photographs. */
const collageSettings = z.strictObject({
  ...shared,
  /** Share with which each class stands in a collage. */
  includeProbability: z.number().min(0).max(1),
  /** When no class was drawn: the probability of drawing one at random at once. */
  refillProbability: z.number().min(0).max(1),
  collages: z.strictObject({ train: count, validation: count, test: count }),
  /** At most so many pictures of no class. */
  negatives: z.strictObject({ train: count, validation: count, test: count }),
});

/** Settings of tasks whose pictures come in one file or a folder a class, each with its class, and are split here. */
const pictureSettings = z.strictObject({
  ...shared,
  /** Shares of the pictures; training has the rest. */
  split: z.strictObject({ validation: z.number().positive().max(0.5), test: z.number().positive().max(0.5) }),
  /** Training pictures of each class: of a class with more some are left out, of one with fewer some count more often. Null takes them as they are. */
  perClass: z.number().int().min(1).nullable(),
});

/** Every number of a recipe that one may want to change, by how the data comes; a task file holds the defaults and where each comes from. */
export const settingsSchemas = { collages: collageSettings, galaxy10: pictureSettings } as const;

export type CollageSettings = z.infer<typeof collageSettings>;
export type PictureSettings = z.infer<typeof pictureSettings>;
export type Settings = CollageSettings | PictureSettings;
export type Stage = z.infer<typeof stage>;
export type HiddenLayer = z.infer<typeof hiddenLayer>;
export type Plateau = z.infer<typeof plateau>;
export type Augmentation = z.infer<typeof augmentation>;

type Overrides<All> = {
  readonly [Key in keyof All]?: NonNullable<All[Key]> extends (infer Entry)[]
    ? All[Key] | { readonly [nameOrPlace: string]: Partial<Entry> }
    : NonNullable<All[Key]> extends object
      ? Partial<NonNullable<All[Key]>>
      : All[Key];
};

/** Settings that differ from the defaults, at any depth; a task refuses those that it does not have. */
export type SettingsOverrides = Overrides<CollageSettings> & Overrides<PictureSettings>;

/** Whether a picture may show several classes, or none, or always shows exactly one. */
export type TaskKind = 'multilabel' | 'multiclass';

/** One class of a task and where its raw photographs lie. */
export interface TaskClass {
  readonly name: string;
  /** Folder name inside each split of the raw data, or inside the raw data where that has no splits. */
  readonly folder: string;
  /** What an earlier program calls it, where that differs; who depends on it can be answered in its words. */
  readonly alias?: string;
}

export type Split = 'train' | 'validation' | 'test';
export const splits: readonly Split[] = ['train', 'validation', 'test'];

/** Photographs in folders by split and class, of which collages are made. */
export interface CollageData {
  readonly kind: 'collages';
  /** Where each split's photographs are, relative to the raw folder. */
  readonly photos: Readonly<Record<Split, string>>;
  /** Photographs of no class. Validation has no folder of its own: it takes a part of `train`, so that `test` stays for testing alone. */
  readonly negatives: { readonly train: string; readonly test: string };
}

/** Pictures of one class each, in HDF5 files or in a folder a class. */
export interface Galaxy10Data {
  readonly kind: 'galaxy10';
  /** Relative to the raw folder. */
  readonly folder: string;
}

/** Everything that makes a task: a new task is a new file of this shape and one line in `index.ts`. */
interface TaskOf<Data, Defaults> {
  readonly name: string;
  readonly title: string;
  readonly kind: TaskKind;
  readonly classes: readonly TaskClass[];
  /** Side of the square input picture, in pixels. */
  readonly imageSize: number;
  /** The backbone whose official weights `backbone: auto` wants. */
  readonly backbone:
    | { readonly name: 'mobilenet_v2'; readonly alpha: number }
    | { readonly name: 'efficientnet_b0' | 'efficientnet_lite0' };
  /** How its raw data comes, which decides how a data set is made of it and what settings that has. */
  readonly data: Data;
  /** Where a person gets the raw data. */
  readonly downloads: readonly { readonly name: string; readonly url: string }[];
  readonly defaults: Defaults;
  /** What the generated sample's pictures are, in words. */
  readonly sample: string;
  /** What differs on the generated sample, which is smaller. */
  readonly sampleDefaults: SettingsOverrides;
}

export type CollageTask = TaskOf<CollageData, CollageSettings>;
export type Galaxy10Task = TaskOf<Galaxy10Data, PictureSettings>;
export type Task = CollageTask | Galaxy10Task;

/** Whether a task's pictures are collages of photographs. */
export function isCollageTask(task: Task): task is CollageTask {
  return task.data.kind === 'collages';
}

/** Whether settings are those of collages. */
export function areCollageSettings(settings: Settings): settings is CollageSettings {
  return 'collages' in settings;
}
