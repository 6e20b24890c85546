export * from './errors';
export { announceModel, followRuns, mlflowSettled } from './live';
export { pullRuns } from './pull';
export { type MlflowOptions, type PushOutcome, pushRuns } from './push';
export type { ModelSent } from './sendModel';
export { type MlflowSettings, mlflowSettings } from './settings';
