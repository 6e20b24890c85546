import path from 'node:path';
import { bundleForBrowser } from '../bundle';
import { readCalibrations } from '../calibration';
import { type RunProblem, type RunRecord, readForeignRuns } from '../experiments';
import { writeAtomic } from '../files';
import type { SplitMetricName } from '../metrics';
import { readExports } from '../prediction';
import type { Workspace } from '../workspace';
import { hasCurves } from './figures';
import { groupRuns, isTrial, rankRuns } from './groups';
import { viewGroup } from './groupView';
import { type Html, html, trusted } from './html';
import { foreignSection } from './page/foreign';
import { groupSection, type JudgedGroup, type MadeLater, overviewCard } from './page/group';
import { packPage } from './page/packed';
import { formatTime } from './page/parts';
import { runPage } from './page/run';
import { plotlySource } from './png';
import { compareWithRivals } from './rivals';

export interface ReportOptions {
  readonly workspace: Workspace;
  readonly runs: readonly RunRecord[];
  /** Records that could not be read: the report names them. */
  readonly problems?: readonly RunProblem[];
  /** What the best run is chosen by, on the validation split: the test split is for reporting only. By default the first metric of its kind. */
  readonly metric?: SplitMetricName;
  readonly now?: Date;
}

/**
 * Writes `experiments/report.html`: every run in one page that needs no network, each with a page of its own inside. Runs are compared only with runs of the
 * same task on the same data. The best run of each group is compared with the next best picture by picture, which takes about a second for each.
 *
 * @returns the file's path
 */
export async function writeReport({ workspace, runs, problems = [], metric, now = new Date() }: ReportOptions): Promise<string> {
  const { exports, problems: exportProblems } = await readExports(workspace, runs);
  const { calibrations, problems: calibrationProblems } = await readCalibrations(workspace, runs);
  const { runs: foreign, problems: foreignProblems } = await readForeignRuns(workspace);
  const groups = await judgeGroups(workspace, runs, metric);
  const { js, css } = await bundleForBrowser(path.join(path.dirname(__filename), 'client'));
  const later: MadeLater = { exports, calibrations };
  const hasRuns = runs.length > 0;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>visionbook: experiments</title>
<style>${trusted(css)}</style>
<noscript><style>.runs tr[hidden] { display: table-row; }</style></noscript>
</head>
<body>
<div id="report">
<header>
<h1>Experiments</h1>
<p class="muted">${summary(runs)} Written ${formatTime(now.toISOString())}.</p>
<noscript><p class="note warn">Figures and the pages of runs need JavaScript.</p></noscript>
</header>
${hasRuns ? navigation(groups, foreign.length > 0) : ''}
<main>
${problemsBox([...problems, ...exportProblems, ...calibrationProblems, ...foreignProblems])}
${hasRuns ? overview(groups) : html`<section><p>There are no runs yet: <code>npm run train -- food</code> makes the first one.</p></section>`}
${groups.map((group) => groupSection(group, later))}
${foreignSection(foreign, runs)}
</main>
</div>
<article id="run" hidden></article>
<template id="no-run"><p><a href="#">← Experiments</a></p><p>This report has no such run.</p></template>
${runPages(groups, runs, later)}
<script>${trusted(hasRuns || foreign.some(hasCurves) ? endSafe(await plotlySource()) : '')}</script>
<script>${trusted(endSafe(js))}</script>
</body>
</html>
`;
  await writeAtomic(workspace.reportHtml, page.text);
  return workspace.reportHtml;
}

async function judgeGroups(workspace: Workspace, runs: readonly RunRecord[], metric: SplitMetricName | undefined): Promise<JudgedGroup[]> {
  const judged: JudgedGroup[] = [];
  for (const [index, group] of groupRuns(runs).entries()) {
    const view = viewGroup(group, metric);
    judged.push({ ...view, id: `g${index}`, rivals: await compareWithRivals(group, { workspace, metric: view.metric }) });
  }
  return judged;
}

/** A string inside a script must not end the element that it stands in. */
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

function navigation(groups: readonly JudgedGroup[], hasForeign: boolean): Html {
  return html`<nav aria-label="Sections"><div><a href="#overview">Overview</a>${groups.map(({ group, id }) => html`<a href="#${id}">${group.title}</a>`)}${hasForeign ? html`<a href="#foreign">From MLflow</a>` : ''}</div></nav>`;
}

function problemsBox(problems: readonly RunProblem[]): Html | string {
  if (problems.length === 0) return '';
  return html`<section class="note warn"><h2>Records that could not be read</h2>
<ul>${problems.map((problem) => html`<li><code>${problem.path}</code>: ${problem.reason}</li>`)}</ul></section>`;
}

function overview(groups: readonly JudgedGroup[]): Html {
  return html`<section id="overview"><h2>At a glance</h2>
<div class="glance">${groups.map(overviewCard)}</div>
<p class="muted">Runs are compared only with runs of the same task on the same data, and chosen on the validation split.</p></section>`;
}

function runPages(groups: readonly JudgedGroup[], runs: readonly RunRecord[], { exports, calibrations }: MadeLater): Html[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const children = new Map<string, RunRecord[]>();
  for (const run of runs) if (run.parent) children.set(run.parent, [...(children.get(run.parent) ?? []), run]);
  return groups.flatMap(({ group, id, metric, best }) => {
    const [second] = rankRuns(
      group.runs.filter((run) => run !== best && run.metrics.validation && !isTrial(run)),
      { metric, split: 'validation' },
    );
    return group.runs.map((run) => {
      const surroundings = {
        group: { title: group.title, id },
        byId,
        children: children.get(run.id) ?? [],
        rival: run === best ? second : best,
        exported: exports.get(run.id),
        calibration: calibrations.get(run.id),
      };
      return packPage(run.id, runPage(run, surroundings));
    });
  });
}
