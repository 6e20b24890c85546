import type { RunRecord, SplitResult } from '../../experiments';
import type { SplitMetricName } from '../../metrics';
import type { Figure } from '../figure';
import { type Html, html, scriptJson, trusted } from '../html';
import { formatNumber, kindOf, labelOf, metricHeading, metricsOf, runLabel } from '../labels';
import { cellText, columnsOf, type Row } from '../rows';

/** A coloured word: a run's status, or `sample` and `stand-in`. */
export function badge(text: string): Html {
  return html`<span class="badge ${text}">${text}</span>`;
}

/** `2026-03-01 10:00 UTC`; text that is no time stays as it is. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A link to a run's page. */
export function runLink(run: Pick<RunRecord, 'id' | 'stage'>, text = runLabel(run)): Html {
  return html`<a href="#run-${encodeURIComponent(run.id)}" title="${run.id}">${text}</a>`;
}

/** A metric with its interval in small print, or a dash. */
export function withInterval(result: SplitResult | undefined, metric: SplitMetricName): Html {
  const interval = result?.intervals?.[metric];
  return html`<span class="value">${formatNumber(result?.[metric])}</span>${
    interval ? html` <small class="interval">${formatNumber(interval.low)} to ${formatNumber(interval.high)}</small>` : ''
  }`;
}

/** Rows as a table, numbers on the right. */
export function rowsTable(rows: readonly Row[]): Html {
  const columns = columnsOf(rows);
  const align = (column: string): string => (rows.some((row) => typeof row[column] === 'number') ? 'number' : '');
  return html`<div class="scroll"><table>
<thead><tr>${columns.map((column) => html`<th class="${align(column)}">${column}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${columns.map((column) => html`<td class="${align(column)}">${cellText(row[column])}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** All metrics of a run, by split. */
export function metricsTable(run: RunRecord): Html {
  const splits = (['train', 'validation', 'test'] as const).filter((split) => run.metrics[split]);
  if (splits.length === 0) return html`<p class="muted">No final metrics.</p>`;
  const kind = kindOf(run);
  return html`<div class="scroll"><table>
<thead><tr><th>Metric</th>${splits.map((split) => html`<th class="number">${split} (${run.metrics[split]?.count ?? 0})</th>`)}<th class="meaning">What it says</th></tr></thead>
<tbody>${metricsOf(kind).map(
    (metric) =>
      html`<tr><th>${metricHeading(metric, kind)}</th>${splits.map((split) => html`<td class="number">${withInterval(run.metrics[split], metric)}</td>`)}<td class="muted meaning">${labelOf(metric, kind).meaning}</td></tr>`,
  )}</tbody></table></div>`;
}

/**
 * A figure's place, with the figure in it; the page's script draws it when it comes into sight. Its title and subtitle stand above as text, which breaks into
 * lines where a figure's own would be cut off.
 */
export function figureBox({ data, layout }: Figure): Html {
  const { title, ...rest } = layout;
  const { text, subtitle } = title as FigureTitle;
  const above = subtitle ? 52 : 36;
  const margin = layout.margin as { readonly t: number };
  const height = layout.height - above;
  const untitled: Figure = { data, layout: { ...rest, height, margin: { ...margin, t: margin.t - above } } };
  return html`<figure class="${layout.width > 900 ? 'wide' : ''}"><figcaption>${trusted(text)}${subtitle ? html`<small>${trusted(subtitle.text)}</small>` : ''}</figcaption>
<div class="figure"><div style="height:${height}px;min-width:${narrowest(untitled)}px"></div><script type="application/json">${scriptJson(untitled, rounded)}</script></div></figure>`;
}

/** As `houseLayout` makes it: its texts are escaped. */
interface FigureTitle {
  readonly text: string;
  readonly subtitle?: { readonly text: string };
}

/** What a figure can be pressed together to, in pixels; on a telephone it is scrolled. Axes side by side, and cells with numbers in them, need more room. */
function narrowest({ data, layout }: Figure): number {
  if (layout.width > 900) return layout.width;
  const panels = Object.keys(layout).filter((key) => key.startsWith('xaxis')).length;
  const areMany = (x: unknown): boolean => Array.isArray(x) && x.length > 5 && typeof x[0] === 'string';
  const hasNames = data.some(({ type, orientation, x }) => type === 'heatmap' || orientation === 'h' || areMany(x));
  return panels > 1 ? 560 : hasNames ? 0.75 * layout.width : 340;
}

/** Digits that no screen can show would be half of a large report. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

/** Figures side by side where the screen is wide enough. */
export function pair(...figures: readonly (Figure | undefined)[]): Html | string {
  const shown = figures.filter((figure) => figure !== undefined);
  return shown.length === 0 ? '' : html`<div class="pair">${shown.map(figureBox)}</div>`;
}
