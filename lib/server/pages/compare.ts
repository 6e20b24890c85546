import type { Version } from '../../corrections';
import { lowerIsBetter } from '../../metrics';
import { type Html, html } from '../../report/html';
import type { Translator } from '../translations';
import { metricHeading, type ShownMetric, shownMetrics, withInterval } from './metrics';
import { className, shortRun } from './words';

/** Two versions side by side: every metric of both splits, F1 of every class, and what the second gains or loses. */
export function comparison(t: Translator, [one, other]: readonly [Version, Version]): Html {
  return html`<section class="card comparison" aria-labelledby="compare-title"><h2 id="compare-title">${t('compare.title')}</h2>
<p><b>A</b> ${shortRun(one.run)} <b>B</b> ${shortRun(other.run)}</p>
<div class="scroll"><table class="metrics"><thead><tr><td></td><th scope="col">A</th><th scope="col">B</th><th scope="col">${t('compare.difference')}</th></tr></thead>
${(['test', 'validation'] as const).map((split) => splitRows(t, split, one, other))}
</table></div>
${one.data.name === other.data.name ? '' : html`<p class="note">${t('compare.otherData', { one: one.data.name, other: other.data.name })}</p>`}
<p class="muted">${t('compare.intervals')}</p></section>`;
}

function splitRows(t: Translator, split: 'test' | 'validation', one: Version, other: Version): Html | string {
  const [before, after] = [one.metrics?.[split], other.metrics?.[split]];
  if (!before || !after) return '';
  const metrics = shownMetrics(before).map(
    (metric) =>
      html`<tr><th scope="row">${metricHeading(t, metric)}</th><td>${withInterval(t, before, metric)}</td><td>${withInterval(t, after, metric)}</td><td>${change(t, before[metric], after[metric], metric)}</td></tr>`,
  );
  const classes = before.perClass.flatMap(({ name, f1 }) => {
    const renewed = after.perClass.find((metrics) => metrics.name === name);
    if (!renewed) return [];
    return html`<tr><th scope="row">${t('compare.f1', { name: className(t, name) })}</th><td>${t.number(f1)}</td><td>${t.number(renewed.f1)}</td><td>${change(t, f1, renewed.f1, 'f1Macro')}</td></tr>`;
  });
  return html`<tbody><tr class="group"><th colspan="4" scope="rowgroup">${t(`split.${split}`)}</th></tr>${metrics}${classes}</tbody>`;
}

/** A difference says in words which end is the good one: the arrow of a loss points down. */
function change(t: Translator, before: number | null | undefined, after: number | null | undefined, metric: ShownMetric): Html | string {
  if (before == null || after == null || !Number.isFinite(before) || !Number.isFinite(after)) return '–';
  const difference = after - before;
  const shown = t.difference(difference);
  if (Number(difference.toFixed(3)) === 0) return shown;
  const isBetter = lowerIsBetter.has(metric) ? difference < 0 : difference > 0;
  return html`<span class="${isBetter ? 'better' : 'worse'}">${shown} <small>${t(isBetter ? 'compare.better' : 'compare.worse')}</small></span>`;
}
