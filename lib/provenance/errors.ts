import { defineError, listProblems } from '../errors';

export const CannotReproduce = defineError(
  'CANNOT_REPRODUCE',
  409,
  (run: string, reasons: readonly string[]) => `${run} cannot be run again as it was:${listProblems(reasons)}`,
);
