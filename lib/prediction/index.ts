export * from './decision';
export { describePrediction } from './describe';
export * from './errors';
export * from './export';
export * from './predictor';
