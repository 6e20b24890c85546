import { defineError, listProblems } from '../errors';

export const UnreadablePicture = defineError(
  'UNREADABLE_PICTURE',
  422,
  (name: string, reason: string) => `${name} cannot be read as a picture (${reason}): replace it or take it away`,
);
export const MissingData = defineError('MISSING_DATA', 422, (problem: string, advice: string) => `${problem}: ${advice}`);
export const EmptyFolder = defineError(
  'EMPTY_FOLDER',
  422,
  (folder: string, why: string, advice: string) => `${folder} has no usable picture (${why}): ${advice}`,
);
export const DatasetMissing = defineError(
  'DATASET_MISSING',
  404,
  (file: string, task: string) => `there is no data set (${file} is missing): run \`npm run prepare -- ${task}\``,
);
export const BadLabels = defineError(
  'BAD_LABELS',
  422,
  (file: string, problems: readonly string[]) => `${file} cannot be used; correct it and try again:${listProblems(problems)}`,
);
export const BadCard = defineError(
  'BAD_DATASET_CARD',
  422,
  (file: string, task: string, problem: string) =>
    `${file} does not describe a data set (${problem}): run \`npm run prepare -- ${task}\` again`,
);
export const PrepareRunning = defineError(
  'PREPARE_RUNNING',
  409,
  (folder: string) => `${folder} is being written by another run (or by one killed in the last five seconds): wait for it, then try again`,
);
export const NameTaken = defineError(
  'NAME_TAKEN',
  409,
  (file: string) => `${file} was put there by hand and a generated picture needs its name: rename it, in labels.csv too, and prepare again`,
);
export const DiskFull = defineError(
  'DISK_FULL',
  507,
  (folder: string) => `the disk that holds ${folder} is full: free some space and prepare again; the former data set is untouched`,
);
