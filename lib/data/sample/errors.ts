import { defineError } from '../../errors';

export const MissingArtwork = defineError(
  'MISSING_ARTWORK',
  422,
  (name: string, why: string) => `the artwork of the npm package ${name} cannot be read (${why}): npm start installs it`,
);
export const NoDrawings = defineError(
  'NO_DRAWINGS',
  422,
  (folder: string) => `the sample has no drawings for the class folder "${folder}": list some in lib/data/sample/subjects.ts`,
);
export const SampleBusy = defineError(
  'SAMPLE_BUSY',
  409,
  (folder: string) =>
    `another process is building the sample in ${folder} (or was killed in the last five seconds): wait for it, then try again`,
);
export const NotASample = defineError(
  'NOT_A_SAMPLE',
  409,
  (folder: string) => `${folder} holds files that are not a sample, and building one would delete them: move them away`,
);
export const SampleDiskFull = defineError(
  'DISK_FULL',
  507,
  (folder: string) => `the disk that holds ${folder} is full: free about 50 MB and build the sample again`,
);
