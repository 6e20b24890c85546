import { bestRun, type RunProblem, type RunRecord, readForeignRuns, type SplitResult } from '../experiments';
import { writeAtomic } from '../files';
import { lowerIsBetter, type SplitMetricName } from '../metrics';
import { type ExportReport, readExports } from '../prediction';
import { tasks } from '../tasks';
import type { Workspace } from '../workspace';
import type { Figure } from './figure';
import {
  confusedPairs,
  confusionMatrix,
  confusionPerClass,
  learningCurves,
  metricComparison,
  perClassBars,
  precisionRecallCurves,
  reliabilityDiagram,
  rocCurves,
} from './figures';
import { foreignRunsSection } from './foreignRuns';
import { groupRuns, type RunGroup, rankRuns } from './groups';
import { type Html, html, scriptJson, trusted } from './html';
import { kindOf, labelOf, metricHeading, metricsOf, runLabel } from './labels';
import { pageScript } from './pageScript';
import { pageStyle } from './pageStyle';
import { plotlySource } from './png';
import { allRunsTable, badge, formatTime, metricsTable, parametersTable, perClassTable, runDetails, withInterval } from './sections';

export interface ReportOptions {
  readonly workspace: Workspace;
  readonly runs: readonly RunRecord[];
  /** Records that could not be read: the report names them. */
  readonly problems?: readonly RunProblem[];
  /** What the best run is chosen by, on the validation split: the test split is for reporting only. By default the first metric of its kind. */
  readonly metric?: SplitMetricName;
  readonly now?: Date;
}

/** More lines than this nobody tells apart, and more dots do not fit a screen: the table below has all runs. */
const curvesAtMost = 8;
const dotsAtMost = 25;

/** A figure and where on the page it goes. */
interface Placed {
  readonly id: string;
  readonly figure: Figure;
}

/**
 * Writes `experiments/report.html`: every run in one page that needs no network. Runs are compared only with runs of the same
 * task on the same data.
 *
 * @returns the file's path
 */
export async function writeReport({ workspace, runs, problems = [], metric, now = new Date() }: ReportOptions): Promise<string> {
  const figures: Placed[] = [];
  const groups = groupRuns(runs);
  const { exports, problems: exportProblems } = await readExports(workspace, runs);
  const { runs: foreign, problems: foreignProblems } = await readForeignRuns(workspace);
  const sections = groups.map((group, index) => groupSection(group, `g${index}`, metric ?? metricsOf(group.kind)[0]!, figures, exports));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>visionbook: experiments</title>
<style>${trusted(pageStyle)}</style>
</head>
<body>
<header>
<h1>Experiments</h1>
<p class="muted">${summary(runs)} Written ${formatTime(now.toISOString())}.</p>
${groups.length > 0 ? navigation(groups) : ''}
</header>
<main>
${problemsBox([...problems, ...exportProblems, ...foreignProblems])}
${runs.length === 0 ? html`<section><p>There are no runs yet: <code>npm run train -- food</code> makes the first one.</p></section>` : ''}
${sections}
${runs.length > 0 ? allRunsSection(groups) : ''}
${foreignRunsSection(foreign, runs)}
${runs.length > 0 ? detailsSection(groups, exports) : ''}
</main>
<script type="application/json" id="figures">${scriptJson(figures)}</script>
<script>${trusted(figures.length > 0 ? endSafe(await plotlySource()) : '')}</script>
<script>${trusted(pageScript)}</script>
</body>
</html>
`;
  await writeAtomic(workspace.reportHtml, page.text);
  return workspace.reportHtml;
}

/** A string inside the library must not end the element that it stands in. */
function endSafe(script: string): string {
  return script.replace(/<\/script/gi, '<\\/script');
}

function summary(runs: readonly RunRecord[]): string {
  const counts = (['finished', 'running', 'interrupted', 'failed'] as const)
    .map((status) => ({ status, count: runs.filter((run) => run.status === status).length }))
    .filter(({ count }) => count > 0);
  const parts = counts.map(({ status, count }) => `${count} ${status}`);
  return `${runs.length} run${runs.length === 1 ? '' : 's'}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}.`;
}

function navigation(groups: readonly RunGroup[]): Html {
  return html`<nav>${groups.map((group, index) => html`<a href="#g${index}">${group.title}</a>`)}<a href="#runs">All runs</a><a href="#details">Details</a></nav>`;
}

function problemsBox(problems: readonly RunProblem[]): Html | string {
  if (problems.length === 0) return '';
  return html`<section class="note warn"><h2>Records that could not be read</h2>
<ul>${problems.map((problem) => html`<li><code>${problem.path}</code>: ${problem.reason}</li>`)}</ul></section>`;
}

function groupSection(
  group: RunGroup,
  id: string,
  metric: SplitMetricName,
  figures: Placed[],
  exports: ReadonlyMap<string, ExportReport>,
): Html {
  const best = bestRun(group.runs, { metric, split: 'validation' });
  const trained = rankRuns(group.runs, { metric, split: 'validation' }).filter((run) => run.epochs.length > 0);
  const compared = trained.slice(0, curvesAtMost);
  const split = group.runs.some((run) => run.metrics.test) ? 'test' : 'validation';
  const measured = rankRuns(group.runs, { metric, split }).filter((run) => run.metrics[split]);
  const dots = measured.slice(0, dotsAtMost);
  const place = (name: string, figure: Figure): Html => {
    figures.push({ id: `${id}-${name}`, figure });
    const panels = Object.keys(figure.layout).filter((key) => key.startsWith('xaxis')).length;
    const narrowest = panels > 1 ? 560 : 340;
    return html`<div class="figure" style="height:${figure.layout.height}px"><div id="${id}-${name}" style="min-width:${narrowest}px"></div></div>`;
  };
  return html`<section id="${id}">
<h2>${group.title} ${group.data.isSample ? badge('sample') : ''}</h2>
${dataParagraph(group)}
${best ? bestCard(best, metric, exports.get(best.id)) : html`<p>No run of this group has finished with validation metrics yet.</p>`}
<h3>Runs compared</h3>
<p class="muted">${labelOf(metric, group.kind).title}: ${labelOf(metric, group.kind).meaning}.</p>
${dots.length > 0 ? place('comparison', metricComparison(dots, { metric, split })) : ''}
${cutNote('dots', dots.length, measured.length)}
${trained.length > 0 ? place('learning', learningCurves(compared)) : ''}
${cutNote('curves', compared.length, trained.length)}
<h3>Parameters that differ</h3>
${parametersTable(compared.length > 1 ? compared : group.runs.slice(-curvesAtMost))}
${best ? classSection(best, place) : ''}
</section>`;
}

function cutNote(what: string, shown: number, all: number): Html | string {
  return shown < all ? html`<p class="muted">The ${what} show the ${shown} best of ${all} runs.</p>` : '';
}

function dataParagraph({ data, runs, task }: RunGroup): Html {
  const counts = Object.entries(data.counts).map(([name, count]) => `${count} ${name}`);
  const standIn = runs.filter((run) => run.weights.isStandIn).length;
  return html`<p class="muted">Data: ${data.name}${counts.length > 0 ? ` (${counts.join(', ')})` : ''}, fingerprint <code>${data.fingerprint.slice(0, 12)}</code>.</p>
${data.isSample ? html`<p class="note sample">This is the <b>sample</b>: ${sampleOf(task)}, so that everything runs without downloads. Its numbers show that the pipeline works. They say nothing about real ones and are not compared with theirs.</p>` : ''}
${standIn > 0 ? html`<p class="note warn">${standIn === runs.length ? 'These runs start' : `${standIn} of these ${runs.length} runs start`} from a <b>stand-in</b> for the ImageNet weights (${runs.find((run) => run.weights.isStandIn)?.weights.source ?? ''}): better weights give better results.</p>` : ''}`;
}

/** What a task's sample is; of a task that is gone only that it was generated is known. */
function sampleOf(task: string): string {
  return tasks.find(({ name }) => name === task)?.sample ?? 'generated pictures';
}

function bestCard(run: RunRecord, metric: SplitMetricName, exported?: ExportReport): Html {
  const smaller = exported?.files.filter(({ loss }) => loss).map(({ variant }) => variant) ?? [];
  const split = run.metrics.test ? 'test' : 'validation';
  const kind = kindOf(run);
  const others = metricsOf(kind).filter((name) => name !== metric && !lowerIsBetter.has(name));
  const tiles: readonly SplitMetricName[] = [metric, ...others.slice(0, 3)];
  return html`<div class="card">
<h3>Best run: <a href="#run-${run.id}">${runLabel(run)}</a></h3>
<p class="muted">Chosen by ${labelOf(metric, kind).title} on the validation split; the test split had no part in the choice. ${formatTime(run.startedAt)}.</p>
<div class="tiles">${tiles.map((name) => html`<div class="tile"><div class="tile-name">${metricHeading(name, kind)}, ${split}</div>${withInterval(run.metrics[split], name)}</div>`)}</div>
${metricsTable(run)}
${smaller.length > 0 ? html`<p>Exported as ${smaller.join(' and ')}: <a href="#run-${run.id}">what each class loses</a>.</p>` : ''}
</div>`;
}

function classSection(run: RunRecord, place: (name: string, figure: Figure) => Html): Html | string {
  const split = run.metrics.test ? 'test' : 'validation';
  const result = run.metrics[split];
  if (!result || result.perClass.length === 0) return '';
  return html`<h3>Class by class: ${runLabel(run)}, ${split} split</h3>
${perClassTable(result.perClass)}
${result.confusion ? singleClassFigures(result, place) : html`<div class="pair">${place('bars', perClassBars(result.perClass))}${place('confusion', confusionPerClass(result.perClass))}</div>`}
<div class="pair">${result.roc ? place('roc', rocCurves(result)) : ''}${result.precisionRecall ? place('pr', precisionRecallCurves(result)) : ''}</div>`;
}

function singleClassFigures(result: SplitResult, place: (name: string, figure: Figure) => Html): Html {
  return html`${place('bars', perClassBars(result.perClass))}
${place('confusion', confusionMatrix(result))}
<div class="pair">${place('reliability', reliabilityDiagram(result))}${place('pairs', confusedPairs(result))}</div>`;
}

function allRunsSection(groups: readonly RunGroup[]): Html {
  return html`<section id="runs"><h2>All runs</h2>
<p class="muted">Click a heading to sort. Runs are sorted within their task and data, never across. Small print: 95 % confidence interval.</p>
<p><label>Filter <input id="filter" type="search" placeholder="stage, status, id, weights …"></label> <span id="shown" class="muted"></span></p>
${allRunsTable(groups)}</section>`;
}

function detailsSection(groups: readonly RunGroup[], exports: ReadonlyMap<string, ExportReport>): Html {
  return html`<section id="details"><h2>Details of each run</h2>${groups.map(({ runs }) => runs.map((run) => runDetails(run, exports.get(run.id))))}</section>`;
}
