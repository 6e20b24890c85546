import { defineError, listProblems } from '../errors';

export const BadCorrections = defineError(
  'BAD_CORRECTIONS',
  422,
  (file: string, problems: readonly string[]) => `${file} cannot be used; correct it and try again:${listProblems(problems)}`,
);
export const NoCorrections = defineError(
  'NO_CORRECTIONS',
  422,
  (file: string) => `${file} has no pending correction: there is nothing to retrain on`,
);
