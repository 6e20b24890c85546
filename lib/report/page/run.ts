import type { CalibrationReport } from '../../calibration';
import { type Cell, differingParameters, type RunRecord, type SplitResult, secondsOf } from '../../experiments';
import { type ExportReport, fileRows, lossRows } from '../../prediction';
import { calibrationFigures, calibrationRows, thresholdRows } from '../calibration';
import type { Figure } from '../figure';
import {
  classChanges,
  confusedPairs,
  confusionMatrix,
  confusionPerClass,
  learningCurves,
  perClassBars,
  phaseTimings,
  precisionRecallCurves,
  reliabilityDiagram,
  rocCurves,
} from '../figures';
import { type Html, html } from '../html';
import { formatSeconds, runLabel } from '../labels';
import { badge, figureBox, formatTime, metricsTable, pair, rowsTable, runLink } from './parts';

/** What a run's page needs to know of the others. */
export interface RunSurroundings {
  /** Where the page came from, in words and as an id of the report. */
  readonly group: { readonly title: string; readonly id: string };
  readonly byId: ReadonlyMap<string, RunRecord>;
  /** Runs that continue this one. */
  readonly children: readonly RunRecord[];
  /** What the run is held against: the best of its group, or the second best if it is the best itself. */
  readonly rival: RunRecord | undefined;
  readonly exported: ExportReport | undefined;
  readonly calibration: CalibrationReport | undefined;
}

/** Everything that a record knows: metrics, what is different about the run, figures, where and with what it was made, files. */
export function runPage(run: RunRecord, surroundings: RunSurroundings): Html {
  const { group, rival, exported, calibration } = surroundings;
  const split = run.metrics.test ? 'test' : 'validation';
  const result = run.metrics[split];
  return html`<p><a href="#${group.id}">← ${group.title}</a></p>
<h1>${runLabel(run)} ${badge(run.status)}</h1>
<p class="muted"><code>${run.id}</code></p>
${run.error ? html`<p class="note warn">${run.error}</p>` : ''}
${run.data.isSample ? html`<p class="note">Of the generated <b>sample</b>: these numbers say nothing about real photographs.</p>` : ''}
<section><h2>Metrics</h2>${metricsTable(run)}
${run.epochs.length > 0 ? figureBox(learningCurves(lineage(run, surroundings.byId))) : ''}</section>
${rival ? differences(run, rival, split) : ''}
${result && result.perClass.length > 0 ? html`<section><h2>Class by class, ${split} split</h2>${classFigures(result)}</section>` : ''}
${calibration ? calibrationSection(calibration) : ''}
${exported ? exportSection(exported) : ''}
<section><h2>Environment</h2>${facts(run, surroundings)}${Object.keys(run.timings).length > 0 ? figureBox(phaseTimings(run)) : ''}</section>
<section><h2>Configuration</h2><pre>${JSON.stringify(run.config, null, 2)}</pre>
${run.extra ? html`<details><summary>More that the record has</summary><pre>${JSON.stringify(run.extra, null, 2)}</pre></details>` : ''}</section>
<section><h2>Files</h2><ul class="files"><li>${fileLink(`experiments/${run.id}/run.json`)} <span class="muted">the whole record</span></li>${run.artifacts.map((file) => html`<li>${fileLink(file.path)} <span class="muted">${(file.bytes / 2 ** 20).toFixed(2)} MiB, sha256 ${file.sha256.slice(0, 12)}</span></li>`)}</ul></section>`;
}

/** The run after those that it continues, as far as they are known. */
function lineage(run: RunRecord, byId: ReadonlyMap<string, RunRecord>): RunRecord[] {
  const line = [run];
  for (let parent = byId.get(run.parent ?? ''); parent && !line.includes(parent); parent = byId.get(parent.parent ?? ''))
    line.unshift(parent);
  return line;
}

function differences(run: RunRecord, rival: RunRecord, split: 'validation' | 'test'): Html {
  const rows = differingParameters([run, rival]);
  const changes = classChanges(rival, [run], { split });
  const value = (cell: Cell): Html => html`<td class="number">${cell === null ? '–' : String(cell)}</td>`;
  return html`<section><h2>Beside ${runLink(rival)}</h2>
${
  rows.length === 0
    ? html`<p class="muted">Both have the same configuration.</p>`
    : html`<div class="scroll"><table>
<thead><tr><th>Setting</th><th class="number">${runLabel(run)}</th><th class="number">${runLabel(rival)}</th></tr></thead>
<tbody>${rows.map(({ parameter, values }) => html`<tr><th><code>${parameter}</code></th>${values.map(value)}</tr>`)}</tbody></table></div>`
}
${changes ? figureBox(changes) : ''}
<p class="muted">Whether they differ by more than chance: <code>npm run compare -- ${shortId(rival)} ${shortId(run)}</code></p></section>`;
}

function shortId({ id }: RunRecord): string {
  return id.split('-').pop()!;
}

/** Numbers and figures of one split by class, as they suit the kind of task. */
export function classFigures(result: SplitResult): Html {
  const { perClass, confusion } = result;
  return html`${perClassTable(perClass)}
${
  confusion
    ? html`${figureBox(perClassBars(perClass))}${figureBox(confusionMatrix(result))}${pair(reliabilityDiagram(result), confusedPairs(result))}`
    : pair(perClassBars(perClass), confusionPerClass(perClass))
}
${pair(curves(rocCurves, result, 'roc'), curves(precisionRecallCurves, result, 'precisionRecall'))}`;
}

/** A page has no need of more points than this; a record keeps 200. */
const pointsAtMost = 80;

function curves(draw: (result: SplitResult) => Figure, result: SplitResult, name: 'roc' | 'precisionRecall'): Figure | undefined {
  const kept = result[name];
  if (!kept) return undefined;
  const thinned = Object.entries(kept).map(([label, { x, y }]) => {
    const step = Math.ceil(x.length / pointsAtMost);
    const keep = (_: number, index: number): boolean => index % step === 0 || index === x.length - 1;
    return [label, { x: x.filter(keep), y: y.filter(keep) }] as const;
  });
  return draw({ ...result, [name]: Object.fromEntries(thinned) });
}

function perClassTable(classes: SplitResult['perClass']): Html {
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

/** The smaller forms of a run's model, and what each class loses. */
function exportSection(exported: ExportReport): Html {
  const losses = lossRows(exported);
  return html`<section><h2>Forms of the model</h2>${rowsTable(fileRows(exported).map(({ file: _file, ...row }) => row))}
${exported.machine ? html`<p class="muted">Measured on ${exported.machine}.</p>` : ''}
${losses.length > 0 ? html`<p class="muted">What each loses against float32 on the test pictures of ${exported.data?.name ?? 'the data set'}:</p>${rowsTable(losses)}` : ''}
${exported.notes.map((note) => html`<p class="note warn">${note}</p>`)}</section>`;
}

/** What a calibration changes, beside the metrics above, which are those of the model as it was trained. */
function calibrationSection(calibration: CalibrationReport): Html {
  const thresholds = thresholdRows(calibration);
  return html`<section><h2>Calibration</h2>
<p class="muted">Of ${formatTime(calibration.createdAt)}; the metrics above are of the model as it was trained.</p>
${rowsTable(calibrationRows(calibration))}
${thresholds.length > 0 ? rowsTable(thresholds) : ''}
${pair(...calibrationFigures(calibration))}
${calibration.notes.map((note) => html`<p class="note warn">${note}</p>`)}</section>`;
}

function facts(run: RunRecord, { byId, children }: RunSurroundings): Html {
  const { cpu, cores, memoryGiB, platform, backend } = run.hardware;
  const parent = byId.get(run.parent ?? '');
  const rows: readonly (readonly [string, string | Html])[] = [
    ...(run.parent ? [['Continues', parent ? runLink(parent) : run.parent] as const] : []),
    ...(children.length > 0 ? [['Continued by', html`${children.map((child) => html`${runLink(child)} `)}`] as const] : []),
    ...(run.sweep ? [['Sweep', `${run.sweep.id}, as ${run.sweep.trial}`] as const] : []),
    ['Started', formatTime(run.startedAt)],
    ['Took', formatSeconds(secondsOf(run))],
    ['Data', `${run.data.name}${run.data.isSample ? ' (sample)' : ''}, fingerprint ${run.data.fingerprint}`],
    ['Weights', `${run.weights.source}${run.weights.isStandIn ? ' (a stand-in)' : ''}, sha256 ${run.weights.sha256}`],
    ['Seed', String(run.seed)],
    ['Machine', `${cpu}, ${cores} cores, ${memoryGiB.toFixed(1)} GiB, ${platform}, TensorFlow.js: ${backend}`],
    ...(run.peakMemoryMiB ? [['Peak memory', `${Math.round(run.peakMemoryMiB)} MiB`] as const] : []),
    [
      'Versions',
      Object.entries(run.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['Git', run.git ? `${run.git.commit.slice(0, 12)}${run.git.dirty ? ', with uncommitted changes' : ''}` : 'not in a repository'],
  ];
  return html`<div class="scroll"><table class="facts"><tbody>${rows.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`)}</tbody></table></div>`;
}

/** A file of the workspace, from `experiments/report.html`; the link leads there as long as the report lies in its place. */
function fileLink(path: string): Html {
  return html`<a href="../${path.split('/').map(encodeURIComponent).join('/')}"><code>${path}</code></a>`;
}
