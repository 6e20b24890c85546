import { type ForeignRun, type RunRecord, sawSameData } from '../../experiments';
import { foreignCurves, hasCurves } from '../figures';
import { curvesAtMost } from '../groupView';
import { type Html, html } from '../html';
import { formatNumber } from '../labels';
import { badge, figureBox, formatTime } from './parts';
import { type Column, sortableTable } from './table';

/** More columns of metrics, or of parameters, do not fit; the rest is in MLflow. */
const namesAtMost = 8;

/** Runs that were made elsewhere, in a table of their own: their metrics have names of their own, so nothing ranks them among ours. */
export function foreignSection(foreign: readonly ForeignRun[], runs: readonly RunRecord[]): Html | string {
  if (foreign.length === 0) return '';
  const newestFirst = [...foreign].reverse();
  const trained = newestFirst.filter(hasCurves);
  const curves = foreignCurves(trained.slice(0, curvesAtMost));
  const columns: readonly Column<ForeignRun>[] = [
    {
      name: 'run',
      heading: 'Run',
      sortBy: ({ name }) => name,
      show: ({ name, id, server }) => html`<span title="${id} at ${server}">${name}</span>`,
    },
    { name: 'status', heading: 'Status', sortBy: ({ status }) => status, show: ({ status }) => badge(status) },
    { name: 'experiment', heading: 'Experiment', sortBy: ({ experiment }) => experiment, show: ({ experiment }) => experiment },
    { name: 'data', heading: 'Data', sortBy: (run) => dataOf(run, runs), show: (run) => dataOf(run, runs) },
    ...commonest(foreign.map(({ metrics }) => Object.keys(metrics))).map(
      (name): Column<ForeignRun> => ({
        name,
        heading: name,
        isNumber: true,
        sortBy: ({ metrics }) => metrics[name],
        show: ({ metrics }) => formatNumber(metrics[name]),
      }),
    ),
    ...commonest(foreign.map(({ params }) => Object.keys(params))).map(
      (name): Column<ForeignRun> => ({
        name,
        heading: html`<small>${name}</small>`,
        sortBy: ({ params }) => params[name],
        show: ({ params }) => params[name] ?? '–',
      }),
    ),
    {
      name: 'started',
      heading: 'Started',
      sortBy: ({ startedAt }) => startedAt,
      show: ({ startedAt }) => html`<span class="nowrap">${formatTime(startedAt)}</span>`,
    },
  ];
  return html`<section id="foreign"><h2>Runs from MLflow</h2>
<p class="muted">Made elsewhere and fetched by <code>npm run mlflow -- pull</code>. They are not ranked: their numbers compare with those of our runs only where the data are the same, and the metric is.</p>
${sortableTable(newestFirst, columns, { idOf: ({ id }) => id, hint: 'words of a run' })}
${curves ? html`<h3>How they learnt</h3>${figureBox(curves)}` : ''}
${trained.length > curvesAtMost ? html`<p class="muted">The curves show the ${curvesAtMost} newest of ${trained.length} runs.</p>` : ''}</section>`;
}

function dataOf(run: ForeignRun, runs: readonly RunRecord[]): string {
  const same = runs.find((ours) => sawSameData(run, ours));
  return same ? `the same as of our ${same.task} on ${same.data.name}` : 'not known to be ours';
}

/** The names that most runs have, in the order in which they first appear. */
function commonest(lists: readonly (readonly string[])[]): string[] {
  const counts = new Map<string, number>();
  for (const name of lists.flat()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts.keys()];
  const kept = [...names].sort((one, other) => counts.get(other)! - counts.get(one)!).slice(0, namesAtMost);
  return names.filter((name) => kept.includes(name));
}
