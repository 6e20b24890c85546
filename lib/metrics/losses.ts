import { checkOneClass, checkPredictions } from './check';
import { scoreClasses } from './multiclass';
import { score } from './scores';
import type { Judging, Predictions } from './types';

/**
 * How wrong each picture is: its part of the loss that training minimises, in nats, weighted as there.
 *
 * @returns shape [count]
 * @throws BAD_PREDICTIONS
 */
export function pictureLosses(predictions: Predictions, judging: Judging): Float64Array {
  checkPredictions(predictions);
  if (judging.kind !== 'multiclass') return score(predictions, judging).losses;
  checkOneClass(predictions);
  return scoreClasses(predictions).losses;
}
