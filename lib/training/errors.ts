import { defineError } from '../errors';

export const NoPictures = defineError('NO_PICTURES', 422, (split: string) => `the data set has no ${split} pictures: run npm run prepare`);
export const TrainingDiverged = defineError(
  'TRAINING_DIVERGED',
  500,
  (stage: string, epoch: number) => `the loss of stage ${stage} is no number any more in epoch ${epoch}: use a lower learning rate`,
);
export const DamagedActivations = defineError(
  'DAMAGED_ACTIVATIONS',
  500,
  (file: string) => `${file} was cut short while it was read: train again, and what is lost is computed again`,
);
export const ActivationsVanish = defineError(
  'ACTIVATIONS_VANISH',
  503,
  (folder: string) =>
    `another process removes activations from ${folder} as soon as they are written: wait for it, or give it a higher VISIONBOOK_CACHE_GIB`,
);
export const BadCacheSize = defineError(
  'BAD_CACHE_SIZE',
  422,
  (value: string) => `VISIONBOOK_CACHE_GIB is "${value}": make it a number of GiB from 0 on, such as 10 or 0.5, or unset it`,
);
export const TooFewPhotographs = defineError(
  'TOO_FEW_PHOTOGRAPHS',
  422,
  (pictures: number, folds: number) =>
    `the photographs of ${pictures} pictures cannot be dealt to ${folds} folds so that something is left to learn from: use more pictures, or other folds`,
);
