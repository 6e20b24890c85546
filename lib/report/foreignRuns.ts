import { type ForeignRun, type RunRecord, sawSameData } from '../experiments';
import { type Html, html } from './html';
import { formatNumber } from './labels';
import { badge, formatTime } from './sections';

/** Runs that were made elsewhere, in a table of their own: their metrics have names of their own, so nothing ranks them among ours. */
export function foreignRunsSection(foreign: readonly ForeignRun[], runs: readonly RunRecord[]): Html | string {
  if (foreign.length === 0) return '';
  const headings = ['Status', 'Run', 'Experiment', 'Started', 'Data', 'Metrics', 'Parameters'];
  return html`<section id="foreign"><h2>Runs from MLflow</h2>
<p class="muted">Made elsewhere and fetched by <code>npm run mlflow -- pull</code>. They are not ranked: their numbers compare with those of our runs only where the data are the same, and the metric is.</p>
<div class="scroll"><table>
<thead><tr>${headings.map((heading) => html`<th>${heading}</th>`)}</tr></thead>
<tbody>${[...foreign].reverse().map((run) => row(run, runs))}</tbody></table></div></section>`;
}

function row(run: ForeignRun, runs: readonly RunRecord[]): Html {
  const same = runs.find((ours) => sawSameData(run, ours));
  return html`<tr>
<td>${badge(run.status)}</td>
<td title="${run.id} at ${run.server}">${run.name}</td>
<td>${run.experiment}</td>
<td class="nowrap">${formatTime(run.startedAt)}</td>
<td>${same ? `the same as of our ${same.task} on ${same.data.name}` : 'not known to be ours'}</td>
<td>${listed(run.metrics, formatNumber)}</td>
<td class="muted">${listed(run.params, String)}</td>
</tr>
`;
}

function listed<Value>(values: Readonly<Record<string, Value>>, format: (value: Value) => string): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${format(value)}`)
    .join(', ');
}
