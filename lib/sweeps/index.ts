export { type AskedSweep, askSweep, resumeSweep } from './ask';
export { type Candidate, candidatesOf } from './candidates';
export * from './errors';
export {
  describePlan,
  type Promotion,
  planSweep,
  readyTrials,
  type SweepPlan,
  settingsOf,
  sizeOf,
  type Trial,
  type TrialResult,
  type TrialResults,
} from './plan';
export { type Grid, type Range, readSweep, readSweeps, type Sweep } from './record';
export { bestTrial, type MakeRunsOnce, readTrial, resultOf, runTrial, startsOf, TrialRunner } from './runner';
export type { Ends, Space } from './space';
export {
  type CandidateResult,
  describeSweep,
  rankCandidates,
  resultsOf,
  type SweepOutcome,
  settingArguments,
  sweepRows,
  type TrialRuns,
} from './summary';
export { beginSweep, readOutcome, runSweep, type SweepOptions, type SweepWatch } from './sweep';
