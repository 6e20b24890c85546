export { type Database, type DatabaseHealth, type DatabaseOptions, openDatabase } from './database';
export { BadCursor, DatabaseAway } from './errors';
export type { Predictions } from './predictions';
export type {
  MirroredVersion,
  NewCorrection,
  NewPrediction,
  PredictionFilter,
  PredictionPage,
  StoredCorrection,
  StoredPrediction,
  StoredVersion,
} from './records';
export type { OtherOpinion } from './schema';
