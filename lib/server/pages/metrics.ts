import type { SplitResult } from '../../experiments';
import { lowerIsBetter, type MetricName } from '../../metrics';
import { type Html, html } from '../../report/html';
import type { Translator } from '../translations';

/** The metrics that versions are shown and compared by. */
export const shownMetrics = ['auc', 'exactMatch', 'f1Macro', 'loss'] as const satisfies readonly MetricName[];

/** A metric's name with an arrow to its good end. */
export function metricHeading(t: Translator, metric: (typeof shownMetrics)[number]): string {
  return `${t(`metric.${metric}`)} ${lowerIsBetter.has(metric) ? '↓' : '↑'}`;
}

/** A metric with its 95 % interval below it, where it has one. */
export function withInterval(t: Translator, result: SplitResult, metric: MetricName): Html {
  const interval = result.intervals?.[metric];
  return html`${t.number(result[metric])}${interval ? html`<small>${t.number(interval.low)}–${t.number(interval.high)}</small>` : ''}`;
}
