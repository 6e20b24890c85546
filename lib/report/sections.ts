import { differingParameters, type RunRecord, type SplitResult, secondsOf } from '../experiments';
import type { SplitMetricName } from '../metrics';
import { type ExportReport, fileRows, lossRows } from '../prediction';
import type { TaskKind } from '../tasks';
import type { RunGroup } from './groups';
import { type Html, html } from './html';
import { formatNumber, formatSeconds, kindOf, labelOf, metricHeading, metricsOf, runLabel } from './labels';
import { cellText, columnsOf, type Row } from './rows';

/** Metrics that the table of all runs has room for; where a picture has exactly one class, accuracy is what exact match is elsewhere. */
const tableMetrics: Readonly<Record<TaskKind, readonly SplitMetricName[]>> = {
  multilabel: ['auc', 'exactMatch', 'f1Macro', 'loss'],
  multiclass: ['auc', 'accuracy', 'f1Macro', 'loss'],
};
const reportedSplits = ['validation', 'test'] as const;

/** A coloured word: a run's status, or `sample` and `stand-in`. */
export function badge(text: string): Html {
  return html`<span class="badge ${text}">${text}</span>`;
}

/** `2026-03-01 10:00 UTC`; text that is no time stays as it is. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? iso : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A metric with its interval in small print, or a dash. */
export function withInterval(result: SplitResult | undefined, metric: SplitMetricName): Html {
  const interval = result?.intervals?.[metric];
  return html`<span class="value">${formatNumber(result?.[metric])}</span>${
    interval ? html` <small class="interval">${formatNumber(interval.low)} to ${formatNumber(interval.high)}</small>` : ''
  }`;
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

export function perClassTable(classes: SplitResult['perClass']): Html {
  const columns = ['Precision', 'Recall', 'F1', 'AUC', 'Pictures', 'Found', 'Missed', 'False alarms'];
  return html`<div class="scroll"><table>
<thead><tr><th>Class</th>${columns.map((column) => html`<th class="number">${column}</th>`)}</tr></thead>
<tbody>${classes.map((metrics) => {
    const { precision, recall, f1, auc, support, truePositives, falseNegatives, falsePositives } = metrics;
    const values = [precision, recall, f1, auc];
    const counts = [support, truePositives, falseNegatives, falsePositives];
    return html`<tr><th>${metrics.name}</th>${values.map((value) => html`<td class="number">${value === null ? '–' : value.toFixed(3)}</td>`)}${counts.map((count) => html`<td class="number">${count}</td>`)}</tr>`;
  })}</tbody></table></div>`;
}

/** Parameters that are not the same in all runs, one column a run. */
export function parametersTable(runs: readonly RunRecord[]): Html {
  const rows = differingParameters(runs);
  if (runs.length < 2) return html`<p class="muted">There is one run only.</p>`;
  if (rows.length === 0) return html`<p class="muted">None: these runs have the same configuration.</p>`;
  return html`<div class="scroll"><table>
<thead><tr><th>Parameter</th>${runs.map((run) => html`<th class="number"><a href="#run-${run.id}">${runLabel(run)}</a></th>`)}</tr></thead>
<tbody>${rows.map(
    ({ parameter, values }) =>
      html`<tr><th><code>${parameter}</code></th>${values.map((value) => html`<td class="number">${parameterText(value)}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** As it was set: a learning rate of 0.00001 must not be rounded. */
function parameterText(value: unknown): string {
  return typeof value === 'number' ? String(value) : cellText(value);
}

/** Every run in one table; each group is a body of its own, which the page's script sorts by itself. */
export function allRunsTable(groups: readonly RunGroup[]): Html {
  const plain = ['Status', 'Run', 'Started', 'Took', 'Epochs'];
  const kinds = [...new Set(groups.map(({ kind }) => kind))];
  const numbers = reportedSplits.flatMap((split) =>
    tableMetrics.multilabel.map((_, index) => {
      const names = new Set(kinds.map((kind) => metricHeading(tableMetrics[kind][index]!, kind)));
      return html`<small>${split}</small><br>${[...names].join(' / ')}`;
    }),
  );
  const headings = [...plain, ...numbers, 'Weights'];
  return html`<div class="scroll"><table id="all-runs">
<thead><tr>${headings.map((heading, index) => html`<th aria-sort="none"><button type="button" data-column="${index}">${heading}</button></th>`)}</tr></thead>
${groups.map(
  (group) => html`<tbody>
<tr class="group"><th colspan="${headings.length}">${group.title} ${group.data.isSample ? badge('sample') : ''}</th></tr>
${[...group.runs].reverse().map(runRow)}</tbody>`,
)}
</table></div>`;
}

function runRow(run: RunRecord): Html {
  const seconds = secondsOf(run);
  return html`<tr>
<td data-value="${run.status}">${badge(run.status)}</td>
<td data-value="${run.id}" class="nowrap"><a href="#run-${run.id}" title="${run.id}">${runLabel(run)}</a></td>
<td data-value="${run.startedAt}" class="nowrap">${formatTime(run.startedAt)}</td>
<td data-value="${seconds}" class="number nowrap">${formatSeconds(seconds)}</td>
<td data-value="${run.epochs.length}" class="number nowrap">${run.epochs.length}${run.bestEpoch ? html` <small class="muted">best ${run.bestEpoch}</small>` : ''}</td>
${reportedSplits.map((split) => tableMetrics[kindOf(run)].map((metric) => html`<td data-value="${run.metrics[split]?.[metric] ?? ''}" class="number">${withInterval(run.metrics[split], metric)}</td>`))}
<td data-value="${run.weights.source}">${run.weights.source} ${run.weights.isStandIn ? badge('stand-in') : ''}</td>
</tr>
`;
}

/** Everything else that a record knows, folded away. */
export function runDetails(run: RunRecord, exported?: ExportReport): Html {
  const { cpu, cores, memoryGiB, platform, backend } = run.hardware;
  const facts: readonly (readonly [string, string | Html])[] = [
    ['Record', html`<code>experiments/${run.id}/run.json</code>`],
    ...(run.parent ? [['Continues', html`<a href="#run-${run.parent}">${run.parent}</a>`] as const] : []),
    ['Started', formatTime(run.startedAt)],
    ['Took', `${formatSeconds(secondsOf(run))}${phases(run)}`],
    ['Data', `${run.data.name}${run.data.isSample ? ' (sample)' : ''}, fingerprint ${run.data.fingerprint}`],
    ['Weights', `${run.weights.source}${run.weights.isStandIn ? ' (a stand-in)' : ''}, sha256 ${run.weights.sha256}`],
    ['Seed', String(run.seed)],
    ['Machine', `${cpu}, ${cores} cores, ${memoryGiB.toFixed(1)} GiB, ${platform}, TensorFlow.js: ${backend}`],
    ...(run.peakMemoryMiB ? [['Peak memory', `${Math.round(run.peakMemoryMiB)} MiB`] as const] : []),
    ['Versions', joined(run.versions)],
    ['Git', run.git ? `${run.git.commit.slice(0, 12)}${run.git.dirty ? ', with uncommitted changes' : ''}` : 'not in a repository'],
  ];
  return html`<details id="run-${run.id}"><summary>${badge(run.status)} <b>${runLabel(run)}</b> <span class="muted">${run.id}</span></summary>
${run.error ? html`<p class="note warn">${run.error}</p>` : ''}
<div class="scroll"><table class="facts"><tbody>${facts.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}</tbody></table></div>
${metricsTable(run)}
${exported ? exportSection(exported) : ''}
<h4>Configuration</h4><pre>${JSON.stringify(run.config, null, 2)}</pre>
${run.extra ? html`<h4>More</h4><pre>${JSON.stringify(run.extra, null, 2)}</pre>` : ''}
${run.artifacts.length > 0 ? html`<h4>Files</h4><ul>${run.artifacts.map((file) => html`<li><code>${file.path}</code> <span class="muted">${(file.bytes / 2 ** 20).toFixed(2)} MiB, sha256 ${file.sha256.slice(0, 12)}</span></li>`)}</ul>` : ''}
</details>
`;
}

/** The smaller forms of a run's model, and what each class loses. */
function exportSection(exported: ExportReport): Html {
  const losses = lossRows(exported);
  return html`<h4>Forms of the model</h4>${rowsTable(fileRows(exported).map(({ file: _file, ...row }) => row))}
${losses.length > 0 ? html`<p class="muted">What each loses against float32 on the test pictures of ${exported.data?.name ?? 'the data set'}:</p>${rowsTable(losses)}` : ''}
${exported.notes.map((note) => html`<p class="note warn">${note}</p>`)}`;
}

function rowsTable(rows: readonly Row[]): Html {
  const columns = columnsOf(rows);
  return html`<div class="scroll"><table>
<thead><tr>${columns.map((column) => html`<th>${column}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${columns.map((column) => html`<td>${cellText(row[column])}</td>`)}</tr>`)}</tbody></table></div>`;
}

function phases(run: RunRecord): string {
  const parts = Object.entries(run.timings).map(([phase, seconds]) => `${phase} ${formatSeconds(seconds)}`);
  return parts.length > 0 ? ` (${parts.join(', ')})` : '';
}

function joined(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
