import { defineError } from '../errors';

export const BadSweep = defineError('BAD_SWEEP', 422, (problem: string) => `this sweep cannot be made: ${problem}`);
export const SweepNotFound = defineError('SWEEP_NOT_FOUND', 404, (id: string, known: readonly string[]) =>
  known.length === 0
    ? `there is no sweep "${id}", nor any other`
    : `there is no sweep "${id}": use the end of one of ${known.join(', ')} that no other has`,
);
export const SweepUnreadable = defineError(
  'SWEEP_UNREADABLE',
  422,
  (file: string, reason: string) => `${file} cannot be used: ${reason}. Remove its folder; the sweep's trials stay in experiments/ as runs`,
);
export const SweepRunning = defineError(
  'SWEEP_RUNNING',
  409,
  (id: string) => `another process works on the sweep ${id}: wait for it, or stop it and try again`,
);
export const SweepOutdated = defineError(
  'SWEEP_OUTDATED',
  409,
  (id: string) => `the sweep ${id} began with other pictures, so its trials would not compare: begin a new sweep`,
);
export const TrialNotFound = defineError('TRIAL_NOT_FOUND', 404, (id: string, trial: string) => `the sweep ${id} has no trial "${trial}"`);
