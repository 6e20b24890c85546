import type { Dataset } from '../data';
import type { SplitPredictions } from '../experiments';
import { mostConfused, multiclassMetrics } from '../metrics';
import type { SheetPicture } from '../report';
import { judgePictures } from './judged';

/**
 * Pictures of the mistakes that were made most often, for `contactSheet`: pair by pair, of each those that the model was surest of. Their captions say
 * what they are, what they were called, and with which probability.
 *
 * @param predictions of a task whose pictures have exactly one class
 * @param options `pairs`: how many kinds of mistake; `each`: how many pictures of each at most
 * @throws PICTURES_GONE, BAD_PREDICTIONS
 * @example
 * const { test } = await readPredictions(workspace, run.id);
 * await displayPicture(await contactSheet(confusedPictures(dataset, test, { pairs: 4, each: 6 }), { columns: 6 }));
 */
export function confusedPictures(
  dataset: Dataset,
  predictions: SplitPredictions,
  { pairs = 5, each = 6 }: { readonly pairs?: number; readonly each?: number } = {},
): SheetPicture[] {
  const judged = judgePictures(dataset, predictions, { kind: 'multiclass' });
  const { classes } = predictions;
  return mostConfused(multiclassMetrics(judged.predictions), { atMost: pairs }).flatMap(({ actual, answered }) => {
    const answer = classes.indexOf(answered);
    return judged.pictures
      .filter(({ labels, answered: given }) => labels[classes.indexOf(actual)] === 1 && given[answer] === 1)
      .sort((one, other) => other.probabilities[answer]! - one.probabilities[answer]!)
      .slice(0, each)
      .map(({ path, probabilities }) => ({ path, caption: `${actual} → ${answered} ${probabilities[answer]!.toFixed(2)}` }));
  });
}
