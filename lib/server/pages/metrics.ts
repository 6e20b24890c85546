import type { SplitResult } from '../../experiments';
import { lowerIsBetter, type SplitMetricName } from '../../metrics';
import { type Html, html } from '../../report/html';
import type { Translator } from '../translations';

/** The metrics that versions are shown and compared by, whichever of them the kind of task has. */
const candidates = ['auc', 'exactMatch', 'accuracy', 'f1Macro', 'loss'] as const satisfies readonly SplitMetricName[];
export type ShownMetric = (typeof candidates)[number];

/** The metrics by which a result is shown. */
export function shownMetrics(result: SplitResult): ShownMetric[] {
  return candidates.filter((metric) => result[metric] !== undefined);
}

/** A metric's name with an arrow to its good end. */
export function metricHeading(t: Translator, metric: ShownMetric): string {
  return `${t(`metric.${metric}`)} ${lowerIsBetter.has(metric) ? '↓' : '↑'}`;
}

/** A metric with its 95 % interval below it, where it has one. */
export function withInterval(t: Translator, result: SplitResult, metric: ShownMetric): Html {
  const interval = result.intervals?.[metric];
  return html`${t.number(result[metric])}${interval ? html`<small>${t.number(interval.low)}–${t.number(interval.high)}</small>` : ''}`;
}
