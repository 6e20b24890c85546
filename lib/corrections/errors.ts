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
export const BadCorrection = defineError('BAD_CORRECTION', 422, (problem: string) => `this correction cannot be kept: ${problem}`);
export const CorrectionsBusy = defineError(
  'CORRECTIONS_BUSY',
  503,
  (file: string) =>
    `${file} has been locked by another process for half a minute: try again, and if nothing writes it, remove ${file}.lock`,
);
export const CorrectionsDiskFull = defineError(
  'CORRECTIONS_DISK_FULL',
  507,
  (folder: string) =>
    `the disk that holds ${folder} is full: free some space and correct the picture again; earlier corrections are untouched`,
);
export const RetrainingRunning = defineError(
  'RETRAINING_RUNNING',
  409,
  (startedAt: string, pid: number) => `a retraining runs since ${startedAt}, in process ${pid}: wait for it, or stop it`,
);
export const BadJournal = defineError(
  'BAD_JOURNAL',
  500,
  (file: string, reason: string) =>
    `${file} cannot be used: ${reason}. Remove it: the corrections stand in pending.csv, and no model is lost`,
);
export const NotCorrectable = defineError(
  'NOT_CORRECTABLE',
  422,
  (task: string) => `pictures of ${task} take no corrections: only those of tasks whose pictures may show several classes do`,
);
