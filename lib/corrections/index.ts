export { comparisonRows, describePlan } from './describe';
export * from './errors';
export { type CorrectionsToShow, pendingOrExamples } from './examples';
export { type Correction, pendingColumns, readPending } from './pending';
export { type Comparison, planRetraining, type RetrainOptions, type RetrainOutcome, type RetrainPlan, retrain } from './retrain';
