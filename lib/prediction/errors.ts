import { defineError } from '../errors';

export const NothingToPredict = defineError(
  'NOTHING_TO_PREDICT',
  422,
  (patterns: readonly string[]) =>
    `no picture was found at ${patterns.join(', ')}: name files, folders or quoted globs of JPEG, PNG or WebP pictures`,
);
