import { secondsOf } from '../experiments';
import { readExports } from '../prediction';
import type { Workspace } from '../workspace';
import { comparisonTable } from './comparisonTable';
import { classRows, metricRows, runHeadline } from './describe';
import { classChanges, differenceForest, learningCurves, metricComparison, parallelCoordinates, paretoFront } from './figures';
import { type RunGroup, rankRuns } from './groups';
import { changesAtMost, curvesAtMost, dotsAtMost, viewGroup } from './groupView';
import { formatSeconds, labelOf, metricHeading, metricsOf, runLabel } from './labels';
import { displayFigure, displayMarkdown, displayTable } from './notebook';
import { varyingParameters } from './parameters';
import { compareWithRivals } from './rivals';
import type { Row } from './rows';
import { parameterRows } from './table';
import { verdictsOn } from './verdict';
import { differInCost, weighModels } from './weighedModels';

const parametersAtMost = 5;

/** Shows every run of a group in one table, the best on validation first: the parameters that differ, and the metrics. */
export function displayRuns(group: RunGroup): void {
  const { metric } = viewGroup(group);
  const ranked = rankRuns(group.runs, { metric, split: 'validation' });
  const parameters = varyingParameters(ranked, { atMost: parametersAtMost }).filter(({ name }) => name !== 'stage');
  const rows = ranked.map(
    (run, row): Row => ({
      run: run.id,
      status: run.status,
      ...Object.fromEntries(parameters.map(({ name, values }) => [name, values[row]])),
      epochs: run.epochs.length,
      took: formatSeconds(secondsOf(run)),
      [`validation ${labelOf(metric, group.kind).title}`]: run.metrics.validation?.[metric] ?? null,
      ...Object.fromEntries(
        metricsOf(group.kind)
          .slice(0, 3)
          .map((name) => [`test ${metricHeading(name, group.kind)}`, run.metrics.test?.[name] ?? null]),
      ),
    }),
  );
  displayTable(rows, { caption: group.title });
}

/** Shows the run of a group that is best on validation: what it is, its metrics, and its classes. */
export function displayBest(group: RunGroup): void {
  const { best, split } = viewGroup(group);
  if (!best) {
    displayMarkdown(`No run of ${group.title} has finished yet.`);
    return;
  }
  displayMarkdown(`**${group.title}**: ${runHeadline(best)}`);
  displayTable(metricRows(best), { caption: runLabel(best) });
  const result = best.metrics[split];
  if (result) displayTable(classRows(result), { caption: `By class, ${split} split` });
}

/** Shows a group's runs side by side by the first two metrics of its kind, and their learning curves. */
export async function displaySideBySide(group: RunGroup): Promise<void> {
  const { measured, trained, split } = viewGroup(group);
  for (const metric of metricsOf(group.kind).slice(0, 2)) {
    const dots = rankRuns(measured, { metric, split }).slice(0, dotsAtMost);
    if (dots.length > 0) await displayFigure(metricComparison(dots, { metric, split }));
  }
  if (trained.length > 0) await displayFigure(learningCurves(trained.slice(0, curvesAtMost)));
}

/** Shows whether the best run of a group differs from the next best by more than chance. It takes about a second a run. */
export async function displayVerdicts(group: RunGroup, workspace: Workspace): Promise<void> {
  const { metric } = viewGroup(group);
  const { comparison, notes } = await compareWithRivals(group, { workspace, metric });
  if (!comparison) return displayMarkdown([`**${group.title}**`, ...notes].join('\n\n'));
  const verdicts = verdictsOn(comparison, metric).map(({ words }) => `- ${words}`);
  displayMarkdown(
    [`**${group.title}**, on ${comparison.pictures} ${comparison.split} pictures`, verdicts.join('\n'), ...notes].join('\n\n'),
  );
  const isPair = comparison.others.length === 1;
  displayTable(comparisonTable(comparison, ...(isPair ? [] : [[metric]])));
  await displayFigure(differenceForest(comparison));
}

/** Shows a group's parameters against its metrics, and the parameters that differ among its best runs. */
export async function displayParameters(group: RunGroup): Promise<void> {
  const { metric, trained } = viewGroup(group);
  const figure = parallelCoordinates(group.runs, { metric, besides: metricsOf(group.kind).slice(1, 3) });
  if (figure) await displayFigure(figure);
  const rows = parameterRows(trained.slice(0, curvesAtMost));
  if (rows.length > 0) displayTable(rows, { caption: group.title });
  else displayMarkdown(`The runs of ${group.title} do not differ in a parameter.`);
}

/** Shows what accuracy costs in size and latency, and what changes by class between a group's best runs. */
export async function displayTrades(group: RunGroup, workspace: Workspace): Promise<void> {
  const { best, metric, split, trained } = viewGroup(group);
  if (!best) return;
  const { exports } = await readExports(workspace, group.runs);
  const models = weighModels(group.runs, exports, { metric, split });
  if (differInCost(models)) await displayFigure(paretoFront(models, { metric, kind: group.kind, split }));
  else
    displayMarkdown(
      `The models of ${group.title} are of one size; \`npm run export -- ${group.task} --int8\` makes a smaller form, and measures latency.`,
    );
  const changes = classChanges(best, trained.slice(0, changesAtMost + 1), { split });
  if (changes) await displayFigure(changes);
}
