import { defineError, listProblems } from '../errors';

export const JobsAway = defineError(
  'JOBS_AWAY',
  503,
  (reason: string) =>
    `the database of the jobs cannot be reached (${reason}): see that DATABASE_URL names one that runs, or unset it to use a folder`,
);
export const BadLease = defineError(
  'BAD_LEASE',
  422,
  (value: string) => `VISIONBOOK_JOB_LEASE is "${value}": make it a number of seconds from 3 on, or unset it`,
);
export const JobsFailed = defineError(
  'JOBS_FAILED',
  500,
  (batch: string, reasons: readonly string[]) =>
    `jobs of ${batch} failed, also when they were tried again:${listProblems(reasons)}\nMend that, and give the same command again`,
);
export const NotInBucket = defineError(
  'NOT_IN_BUCKET',
  422,
  (batch: string) => `${batch} was sent without a bucket: give that command again with VISIONBOOK_BUCKET set as it is for the workers`,
);
export const SweepQueued = defineError(
  'SWEEP_QUEUED',
  409,
  (sweep: string, jobs: number) =>
    `the sweep ${sweep} is with the workers, of whom ${jobs} trial${jobs === 1 ? ' is' : 's are'} awaited: to train here too would do them twice. Start npm run worker and give the same command with --jobs, or take them back first: npm run jobs -- cancel ${sweep.slice(-6)}`,
);
export const JobsCancelled = defineError('JOBS_CANCELLED', 409, (batch: string) => `jobs of ${batch} were cancelled`);
export const BatchNotFound = defineError('BATCH_NOT_FOUND', 404, (name: string, known: readonly string[]) =>
  known.length === 0
    ? `there are no jobs of "${name}", nor any others`
    : `there are no jobs of "${name}": use the end of one of ${known.join(', ')} that no other has`,
);
