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
export {
  type ComparedRun,
  type CompareOptions,
  compareRuns,
  type RunComparison,
  type RunDifference,
} from './compareRuns';
export { describeHardware, peakMemoryMiB, readGit, readVersions } from './environment';
export { ArtifactMissing, NoPredictions, NotComparable, RunAmbiguous, RunEnded, RunNotFound, RunUnreadable } from './errors';
export { type CurvePoint, curveOf, type ForeignCurve, type ForeignRun, foreignRunVersion, readForeignRuns, sawSameData } from './foreign';
export { holm, type McNemar, mcnemar } from './mcnemar';
export {
  type PredictedSplit,
  predictedSplits,
  predictionsFile,
  readPredictions,
  type SplitPredictions,
  writePredictions,
} from './predictions';
export { goesOn, isAlive, thisProcess } from './process';
export { type RunProblem, readRun, readRunIfPresent, readRuns } from './read';
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
export { type Run, type RunStart, type RunUpdate, startRun, sweepRunId } from './run';
export { type Verdict, verdictOf } from './verdict';
