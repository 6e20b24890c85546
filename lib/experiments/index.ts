export {
  type BestRunOptions,
  bestRun,
  type Cell,
  type ComparedSplit,
  differingParameters,
  flattenConfig,
  flattenRun,
  secondsOf,
} from './compare';
export { describeHardware, peakMemoryMiB, readGit, readVersions } from './environment';
export { ArtifactMissing, NoPredictions, RunAmbiguous, RunEnded, RunNotFound, RunUnreadable } from './errors';
export { type ForeignRun, foreignRunVersion, readForeignRuns, sawSameData } from './foreign';
export {
  type PredictedSplit,
  predictedSplits,
  predictionsFile,
  readPredictions,
  type SplitPredictions,
  writePredictions,
} from './predictions';
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
