export * from './decision';
export { describePrediction } from './describe';
export * from './errors';
export * from './export';
export * from './exportReport';
export * from './predictor';
