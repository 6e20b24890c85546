import { defineError } from '../errors';

export const NothingToPredict = defineError(
  'NOTHING_TO_PREDICT',
  422,
  (patterns: readonly string[]) =>
    `no picture was found at ${patterns.join(', ')}: name files, folders or quoted globs of JPEG, PNG or WebP pictures`,
);
export const NoMaps = defineError(
  'NO_MAPS',
  422,
  (run: string, reason: string) => `where the model ${run} looked cannot be shown: ${reason}`,
);
