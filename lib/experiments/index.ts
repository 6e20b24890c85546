export { type BestRunOptions, bestRun, type Cell, type ComparedSplit, differingParameters, flattenRun, secondsOf } from './compare';
export { describeHardware, peakMemoryMiB, readGit, readVersions } from './environment';
export { ArtifactMissing, RunAmbiguous, RunEnded, RunNotFound, RunUnreadable } from './errors';
export { goesOn, isAlive, thisProcess } from './process';
export { type RunProblem, readRun, readRuns } from './read';
export {
  type Artifact,
  type EpochRecord,
  processSchema,
  type RunRecord,
  runRecordSchema,
  type SplitResult,
  schemaVersion,
  splitMetricsSchema,
} from './record';
export { type Run, type RunStart, type RunUpdate, startRun } from './run';
