import type { CalibrationReport } from '../../calibration';
import type { RunRecord } from '../../experiments';
import { lowerIsBetter, type SplitMetricName } from '../../metrics';
import type { ExportReport } from '../../prediction';
import { tasks } from '../../tasks';
import { classChanges, differenceForest, learningCurves, metricComparison, parallelCoordinates, paretoFront } from '../figures';
import type { RunGroup } from '../groups';
import { changesAtMost, curvesAtMost, dotsAtMost, type GroupView } from '../groupView';
import { type Html, html } from '../html';
import { labelOf, metricHeading, metricsOf, runLabel } from '../labels';
import type { Rivals } from '../rivals';
import { verdictsOn } from '../verdict';
import { differInCost, type WeighedModel, weighModels } from '../weighedModels';
import { badge, figureBox, formatTime, metricsTable, runLink, withInterval } from './parts';
import { classFigures } from './run';
import { runsTable } from './runsTable';

/** A group's runs with what was found out about them. */
export interface JudgedGroup extends GroupView {
  /** Of its section. */
  readonly id: string;
  readonly rivals: Rivals;
}

/** What was made of models after their runs, by the ids of the runs. */
export interface MadeLater {
  readonly exports: ReadonlyMap<string, ExportReport>;
  readonly calibrations: ReadonlyMap<string, CalibrationReport>;
}

/** Everything about the runs of one task on the same data. */
export function groupSection(judged: JudgedGroup, { exports, calibrations }: MadeLater): Html {
  const { group, id, metric, best, split, trained, measured, rivals } = judged;
  const compared = trained.slice(0, curvesAtMost);
  const dots = measured.slice(0, dotsAtMost);
  const parallel = parallelCoordinates(group.runs, { metric, besides: metricsOf(group.kind).slice(1, 3) });
  const changes = best && classChanges(best, trained.slice(0, changesAtMost + 1), { split });
  const result = best?.metrics[split];
  return html`<section id="${id}">
<h2>${group.title} ${group.data.isSample ? badge('sample') : ''}</h2>
${dataParagraph(group)}
${best ? bestCard(best, metric, exports.get(best.id), calibrations.get(best.id)) : html`<p>No run of this group has finished with validation metrics yet.</p>`}
<h3>All runs</h3>
<p class="muted">Best validation ${labelOf(metric, group.kind).title} first: ${labelOf(metric, group.kind).meaning}. Small print: 95 % confidence interval.</p>
${runsTable(group, metric, best?.id)}
${dots.length > 1 ? html`<h3>Side by side</h3>${figureBox(metricComparison(dots, { metric, split }))}${cutNote('dots', dots.length, measured.length)}` : ''}
${group.runs.length > 1 ? html`<h3>Is the difference real?</h3>${rivalsBlock(rivals, metric)}` : ''}
${parallel ? html`<h3>Which parameters matter</h3>${figureBox(parallel)}` : ''}
${trained.length > 0 ? html`<h3>How they learnt</h3>${figureBox(learningCurves(compared))}${cutNote('curves', compared.length, trained.length)}` : ''}
${best ? html`<h3>What accuracy costs</h3>${costs(weighModels(group.runs, exports, { metric, split }), judged)}` : ''}
${changes ? html`<h3>What changes between runs</h3>${figureBox(changes)}` : ''}
${best && result && result.perClass.length > 0 ? html`<h3>Class by class: ${runLink(best)}, ${split} split</h3>${classFigures(result)}` : ''}
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

function bestCard(
  run: RunRecord,
  metric: SplitMetricName,
  exported: ExportReport | undefined,
  calibration: CalibrationReport | undefined,
): Html {
  const smaller = exported?.files.filter(({ loss }) => loss).map(({ variant }) => variant) ?? [];
  const split = run.metrics.test ? 'test' : 'validation';
  const kind = run.kind ?? 'multilabel';
  const others = metricsOf(kind).filter((name) => name !== metric && !lowerIsBetter.has(name));
  const tiles: readonly SplitMetricName[] = [metric, ...others.slice(0, 3)];
  return html`<div class="card">
<h3>Best run: ${runLink(run)}</h3>
<p class="muted">Chosen by ${labelOf(metric, kind).title} on the validation split; the test split had no part in the choice. ${formatTime(run.startedAt)}.</p>
<div class="tiles">${tiles.map((name) => html`<div class="tile"><div class="tile-name">${metricHeading(name, kind)}, ${split}</div>${withInterval(run.metrics[split], name)}</div>`)}</div>
<details><summary>All metrics</summary>${metricsTable(run)}</details>
${smaller.length > 0 ? html`<p>Exported as ${smaller.join(' and ')}: ${runLink(run, 'what each class loses')}.</p>` : ''}
${calibration ? html`<p>Calibrated since: ${runLink(run, 'what that changes')}.</p>` : ''}
</div>`;
}

function rivalsBlock({ comparison, notes }: Rivals, metric: SplitMetricName): Html {
  return html`${
    comparison
      ? html`<p class="muted">${runLink(comparison.reference)} beside the next best on validation, on the same ${comparison.pictures} ${comparison.split} pictures: paired bootstrap over photographs.</p>
<ul class="verdicts">${verdictsOn(comparison, metric).map(({ words, verdict }) => html`<li class="${verdict.outcome}">${words}</li>`)}</ul>
${figureBox(differenceForest(comparison, { title: `Beside ${runLabel(comparison.reference)}`, ...(comparison.others.length > 1 && { metric }) }))}`
      : ''
  }
${notes.length > 0 ? html`<details class="muted"${comparison ? '' : html` open`}><summary>What to know of this</summary><ul>${notes.map((note) => html`<li>${note}</li>`)}</ul></details>` : ''}`;
}

function costs(models: readonly WeighedModel[], { group, metric, split }: JudgedGroup): Html {
  const hint = html`<code>npm run export -- ${group.task} --run RUN --int8 --f16</code>`;
  if (!differInCost(models))
    return html`<p class="muted">Nothing to choose between yet: ${hint} makes smaller forms of a model, and measures latency.</p>`;
  const isTimed = models.some(({ latencyMs }) => latencyMs !== undefined);
  return html`${figureBox(paretoFront(models, { metric, split, kind: group.kind }))}
${isTimed ? '' : html`<p class="muted">No latency has been measured: ${hint} does.</p>`}`;
}

/** A group in the overview: its best run, and what the next best is beside it. */
export function overviewCard({ group, id, metric, best, rivals }: JudgedGroup): Html {
  const split = best?.metrics.test ? 'test' : 'validation';
  const { comparison } = rivals;
  const nearest = comparison && comparison.reference.id === best?.id && verdictsOn(comparison, metric)[0];
  return html`<div class="card">
<h3><a href="#${id}">${group.title}</a> ${group.data.isSample ? badge('sample') : ''}</h3>
<p class="muted">${group.runs.length} run${group.runs.length === 1 ? '' : 's'}${best ? html`, best: ${runLink(best)}` : ''}</p>
${best ? html`<p class="result">${labelOf(metric, group.kind).title} on the ${split} split ${withInterval(best.metrics[split], metric)}</p>` : ''}
${nearest ? html`<p>Next best: ${nearest.words}</p>` : ''}
</div>`;
}
