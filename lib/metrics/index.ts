export {
  type BootstrapOptions,
  bootstrapClasses,
  bootstrapDifferences,
  bootstrapIntervals,
  type ClassIntervals,
  type Difference,
  type DifferenceOptions,
} from './bootstrap';
export { averagePrecision, curvesByClass, evenly, precisionRecallCurve, rocCurve } from './curves';
export { BadPredictions } from './errors';
export { answeredLabels, judgePredictions, rightPictures } from './judge';
export { pictureLosses } from './losses';
export { type ConfusedPair, mostConfused, multiclassMetrics } from './multiclass';
export { multilabelMetrics } from './multilabel';
export type { MetricOptions } from './scores';
export * from './types';
export { wilsonInterval } from './wilson';
