export { type ActivationRequest, Activations, openActivations } from './activations';
export { type CrossValidation, crossValidate } from './crossValidate';
export * from './errors';
export { type OpenedExamples, openExamples, type PicturesBySplit } from './examples';
export type { ActivationExchange } from './exchange';
export { rowsIn } from './segments';
export { judgingOf, runStage, type StageRequest, type TrainingContext, type TrainingPhase, type TrainingWatch } from './stage';
export { clearStore, listStore, type StoreEntry, storeLimit } from './storeSize';
export {
  balancePictures,
  beginTraining,
  describeData,
  promoteTrained,
  type TrainingBeginning,
  type TrainOptions,
  type TrainOutcome,
  trainingPictures,
  trainTask,
  weightsToBegin,
} from './train';
export type { Examples, TrainingRequest, TrainingResult } from './trainer';
