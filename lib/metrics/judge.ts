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
