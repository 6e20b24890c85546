export { confusionPerClass, perClassBars, precisionRecallCurves, rocCurves } from './classes';
export { metricComparison } from './comparison';
export { type ContestBar, type ContestPanel, contestBars } from './contest';
export { coOccurrence, labelCounts } from './dataset';
export { differenceForest } from './differences';
export { learningCurves, phaseTimings } from './learning';
export { confusedPairs, confusionMatrix } from './multiclass';
export { type PredictionBars, probabilityBars } from './predictions';
export { reliabilityDiagram } from './reliability';
