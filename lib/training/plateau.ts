import type { Plateau } from '../tasks';

/** A loss must fall by more than this to count as lower: Keras' default. */
const minDelta = 1e-4;

/**
 * Keras' `ReduceLROnPlateau`: whenever the loss has not fallen for `patience` epochs, the learning rate is multiplied by `factor`, as far as
 * `minLearningRate`.
 *
 * @param initial the learning rate to begin with
 * @returns takes the validation loss after each epoch, and gives the learning rate of the next
 */
export function reduceOnPlateau({ factor, patience, minLearningRate }: Plateau, initial: number): (loss: number) => number {
  let learningRate = initial;
  let lowest = Number.POSITIVE_INFINITY;
  let waited = 0;
  return (loss) => {
    if (loss < lowest - minDelta) {
      lowest = loss;
      waited = 0;
      return learningRate;
    }
    waited++;
    if (waited < patience) return learningRate;
    waited = 0;
    learningRate = Math.max(learningRate * factor, Math.min(learningRate, minLearningRate));
    return learningRate;
  };
}
