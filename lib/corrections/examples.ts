import { picturesBySplit, readDataset, spread } from '../data';
import { openPredictor, predictMatrix } from '../prediction';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type Correction, readPending } from './pending';

/** Enough to find some that are wrong, in seconds. */
const lookedAt = 400;

/** Corrections to show retraining with, and whether they are only examples. */
export interface CorrectionsToShow {
  readonly corrections: readonly Correction[];
  readonly areExamples: boolean;
}

/**
 * The pending corrections, or where there are none yet, examples: training pictures that the current model gets most
 * wrong, with their true labels, as a patient user would correct them. They are of the training split, so that validation and test stay
 * fair, and they are not written to any file.
 *
 * @throws NO_MODEL, and what `readPending` and `readDataset` throw
 */
export async function pendingOrExamples(workspace: Workspace, task: Task, count = 12): Promise<CorrectionsToShow> {
  const pending = await readPending(workspace, task);
  if (pending.length > 0) return { corrections: pending, areExamples: false };
  const looked = spread(picturesBySplit(await readDataset(workspace, task)).train, lookedAt);
  const predictor = await openPredictor(workspace, task.name);
  try {
    const probabilities = await predictMatrix(
      predictor,
      looked.map((picture) => picture.path),
    );
    const worst = looked
      .map((picture, row) => ({ picture, error: largestError(picture.labels, probabilities.subarray(row * picture.labels.length)) }))
      .sort((a, b) => b.error - a.error)
      .slice(0, count);
    const timestamp = predictor.card.createdAt;
    return { corrections: worst.map(({ picture: { path, sha256, labels } }) => ({ path, sha256, labels, timestamp })), areExamples: true };
  } finally {
    await predictor.release();
  }
}

function largestError(labels: readonly number[], probabilities: Float32Array): number {
  return Math.max(...labels.map((label, index) => Math.abs(label - probabilities[index]!)));
}
