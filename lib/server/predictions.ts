import { pictureKind } from '../data';
import { describeDecision, type Prediction } from '../prediction';
import type { ServedTask, ServerContext } from './context';
import type { NewPrediction } from './database';
import type { Answer } from './inference';

/** A picture that a model has been asked about, before it is recorded. */
export interface Classified {
  readonly filename: string;
  /** Its name among the uploads; null where it could not be kept. */
  readonly upload: string | null;
  readonly sha256: string;
  readonly answer: Answer;
  readonly createdAt: Date;
}

/** A picture's prediction as it was recorded. `id` is null while the database is away: the prediction is written when it is back. */
export interface Recorded extends Classified {
  readonly id: number | null;
  /** The decision in words. */
  readonly prediction: string;
  readonly confidence: number;
}

type Log = { warn(details: object, message: string): void };

/**
 * Checks a picture, keeps it among the uploads and asks the task's model about it. A full disk does not stand in the way of an answer.
 *
 * @throws NOT_A_PICTURE, PICTURE_TOO_LARGE, UNREADABLE_PICTURE, NO_MODEL, BUSY
 */
export async function classify(
  { uploads }: ServerContext,
  { inference }: ServedTask,
  { filename, content, log }: { readonly filename: string; readonly content: Uint8Array; readonly log: Log },
): Promise<Classified> {
  const answer = await inference.predict(content);
  // Whatever could be predicted has been found to be of a kind.
  const stored = await uploads.store(content, pictureKind(content)!).catch((error: unknown) => {
    log.warn({ err: error }, 'an upload could not be kept');
    return null;
  });
  return { filename, upload: stored, sha256: answer.sha256, answer, createdAt: new Date() };
}

/** Writes a prediction to the database, sooner or later. */
export function record({ database }: ServerContext, { task }: ServedTask, classified: Classified): Recorded {
  const { answer, upload, createdAt, filename, sha256 } = classified;
  const { card, prediction, milliseconds, other } = answer;
  const words = describeDecision(prediction.decision);
  const id = database.nextId();
  const confidence = confidenceOf(prediction, card.classes);
  const row: NewPrediction = {
    id,
    task: task.name,
    filename,
    sha256,
    modelRun: card.runId,
    probabilities: [...prediction.probabilities],
    classes: [...card.classes],
    decision: prediction.decision,
    prediction: words,
    confidence,
    milliseconds,
    createdAt,
    uploadFile: upload,
    ...(other && { other }),
  };
  database.record(row);
  return { ...classified, id, prediction: words, confidence };
}

/**
 * How sure a decision is, in [0, 1]: of present classes the lowest probability, of "none" how far the highest is from 1, of a guess its
 * own probability.
 */
export function confidenceOf({ probabilities, decision }: Prediction, classes: readonly string[]): number {
  if (decision.kind === 'classes') return Math.min(...decision.classes.map((name) => probabilities[classes.indexOf(name)]!));
  const highest = Math.max(...probabilities);
  return decision.kind === 'none' ? 1 - highest : highest;
}
