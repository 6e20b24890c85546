export { type CheckOptions, checkReproduction, type ReproductionCheck } from './check';
export type { Condition, Effect } from './conditions';
export { describeCheck, describeReproduction } from './describe';
export * from './errors';
export { type MetricMatch, matchRuns, type RunMatch, tolerance } from './matches';
export { type ReproducedRun, type ReproduceOptions, type Reproduction, reproduceRun } from './reproduce';
