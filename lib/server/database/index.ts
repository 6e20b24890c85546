export { type Database, type DatabaseHealth, type DatabaseOptions, openDatabase } from './database';
export { BadCursor, BadDatabaseUrl, DatabaseAway, DatabaseBusy } from './errors';
export type { Predictions } from './predictions';
export type {
  DatabaseLog,
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
