import type { Decision } from '../../prediction';
import type { OtherOpinion } from './schema';

/** An answer, as the server gives it to the database. */
export interface NewPrediction {
  /** From `nextId`; null: the database gives one when it is written. */
  readonly id: number | null;
  readonly task: string;
  readonly filename: string;
  /** Of the upload's content. */
  readonly sha256: string;
  readonly modelRun: string;
  /** One for each class, in [0, 1]. */
  readonly probabilities: readonly number[];
  readonly classes: readonly string[];
  readonly decision: Decision;
  /** The decision in words. */
  readonly prediction: string;
  /** How sure the model is of the decision, in [0, 1]: a review begins with the lowest. */
  readonly confidence: number;
  readonly milliseconds: number;
  readonly createdAt: Date;
  /** The picture's name among the uploads; null where it was not kept. */
  readonly uploadFile: string | null;
  /** What a second version said, while two are on trial. */
  readonly other?: OtherOpinion;
}

/** An answer as the database has it. */
export interface StoredPrediction extends Omit<NewPrediction, 'id'> {
  readonly id: number;
  /** What a user says the picture shows, one 0 or 1 for each class; null: not corrected. */
  readonly correctedLabels: readonly number[] | null;
}

/** Which predictions to list, the latest first. */
export interface PredictionFilter {
  readonly task?: string;
  /** The decision in words, exactly. */
  readonly prediction?: string;
  /** A class that was found, `none` or `uncertain`. */
  readonly decision?: string;
  /** The run whose model answered. */
  readonly model?: string;
  /** From this time on. */
  readonly from?: Date;
  /** Before this time. */
  readonly to?: Date;
  /** A part of the file's name; capitals do not matter. */
  readonly search?: string;
  readonly minConfidence?: number;
  readonly maxConfidence?: number;
  /** Only those where the model would not say, or only the others. */
  readonly uncertain?: boolean;
  /** At most 200. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

export interface PredictionPage {
  readonly predictions: readonly StoredPrediction[];
  /** The cursor of the following page; null on the last. */
  readonly next: string | null;
  /** How many the filter lets through, on all pages. */
  readonly total: number;
}

/** Something done to a correction. */
export interface NewCorrection {
  readonly task: string;
  readonly sha256: string;
  /** One 0 or 1 for each class; null when the correction was taken back. */
  readonly labels: readonly number[] | null;
  readonly action: 'added' | 'replaced' | 'undone';
  /** The prediction that was corrected, where it is known. */
  readonly predictionId: number | null;
  readonly createdAt: Date;
}

export interface StoredCorrection extends NewCorrection {
  readonly id: number;
}

/** What the mirror must know of a model version; all else of it is kept as it is. */
export interface MirroredVersion {
  readonly run: string;
  readonly state: string;
  readonly reason?: string | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
}

export interface StoredVersion {
  readonly task: string;
  readonly run: string;
  readonly state: string;
  readonly reason: string | null;
  readonly createdAt: Date;
  readonly mirroredAt: Date;
  /** The version as it was mirrored. */
  readonly details: unknown;
}
