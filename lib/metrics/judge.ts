import { checkOneClass, checkPredictions } from './check';
import { multiclassMetrics, scoreClasses, totalClasses } from './multiclass';
import { multilabelMetrics } from './multilabel';
import { score, total } from './scores';
import { type Judging, metricNames, multiclassMetricNames, type Predictions, type SplitMetricName, type SplitMetrics } from './types';

/**
 * All metrics of a split, by its task's kind.
 *
 * @throws BAD_PREDICTIONS
 */
export function judgePredictions(predictions: Predictions, judging: Judging): SplitMetrics {
  return judging.kind === 'multiclass' ? multiclassMetrics(predictions) : multilabelMetrics(predictions, judging);
}

/**
 * The labels that a model gives: the classes from the threshold on, or the one that is most probable.
 *
 * @returns shape [count, classes], 0 or 1
 * @throws BAD_PREDICTIONS
 */
export function answeredLabels(predictions: Predictions, judging: Judging): Uint8Array {
  checkPredictions(predictions);
  if (judging.kind !== 'multiclass') return score(predictions, judging).present;
  checkOneClass(predictions);
  const width = predictions.classes.length;
  const answers = new Uint8Array(predictions.count * width);
  for (const [picture, answer] of scoreClasses(predictions).answered.entries()) answers[picture * width + answer] = 1;
  return answers;
}

/**
 * Which pictures are wholly right: every label, or the one answer.
 *
 * @returns shape [count], 1 where it is
 * @throws BAD_PREDICTIONS
 */
export function rightPictures(predictions: Predictions, judging: Judging): Uint8Array {
  const { count, labels, classes } = predictions;
  const answers = answeredLabels(predictions, judging);
  const isRight = (picture: number): boolean =>
    classes.every((_, index) => answers[picture * classes.length + index] === labels[picture * classes.length + index]);
  return Uint8Array.from({ length: count }, (_, picture) => Number(isRight(picture)));
}

/** The single numbers of a kind of task. */
interface Measure {
  readonly names: readonly SplitMetricName[];
  /** The numbers where picture i counts `weights[i]` times; the weights must not all be 0. */
  values(weights: ArrayLike<number>): Readonly<Partial<Record<SplitMetricName, number | null>>>;
}

/** The single numbers of predictions that were checked, as a function of how often each picture counts. */
export function measureOf(predictions: Predictions, judging: Judging): Measure {
  if (judging.kind === 'multiclass') {
    const scores = scoreClasses(predictions);
    return { names: multiclassMetricNames, values: (weights) => totalClasses(scores, weights).values };
  }
  const scores = score(predictions, judging);
  return { names: metricNames, values: (weights) => total(scores, weights).values };
}
