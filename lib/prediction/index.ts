export * from './decision';
export { describePrediction } from './describe';
export * from './errors';
export * from './export';
export * from './exportReport';
export type { ActivationMap } from './maps';
export * from './overlay';
export * from './predictor';
export { atTemperature, logitsOf, sigmoid, softmax } from './temperature';
