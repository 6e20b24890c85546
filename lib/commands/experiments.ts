import { type Command, Option } from 'commander';
import { stopOnInterrupt } from '../interrupt';
import { type SplitMetricName, splitMetricNames } from '../metrics';
import { findTask } from '../tasks';
import { openWorkspace } from '../workspace';
import { interruptedCode, load, runOfModel, withProgress, withWeights } from './shared';

/** Registers what looks at runs: `compare`, `errors`, `reproduce`, `report` and `mlflow`. */
export function registerExperiments(program: Command): void {
  program
    .command('compare')
    .description('say whether runs differ by more than chance, picture by picture')
    .argument('<run...>', 'two or more; the first is what the others are held against, and the ends of their names will do')
    .addOption(new Option('--metric <metric>', 'what the verdict goes by').choices(splitMetricNames))
    .addOption(new Option('--split <split>', 'the pictures to compare on').choices(['test', 'validation']).default('test'))
    .option('--json', 'everything as one JSON object')
    .action(compare);
  program
    .command('errors')
    .description('say which pictures a model gets wrong, and which labels may be')
    .argument('<task>', 'task')
    .option('--model <run>', "a run's model instead of the current one; the end of its name will do")
    .action(showErrors);
  withWeights(
    program
      .command('reproduce')
      .description('run a record again, and say whether its metrics come out the same and what has changed')
      .argument('<run>', 'the end of its name will do'),
  )
    .option('--check', 'only say what has changed, without training')
    .action(reproduce);
  program.command('report').description('write experiments/report.html').action(report);
  const mlflow = program.command('mlflow').description('runs to and from the MLflow server that MLFLOW_TRACKING_URI names');
  mlflow.command('push').description('send what the server does not have yet of all runs and models').action(pushToMlflow);
  mlflow
    .command('pull')
    .description('fetch the runs that were made elsewhere, such as in Python')
    .option('--experiment <name>', 'of this experiment alone, instead of MLFLOW_EXPERIMENT_NAME or all')
    .action(pullFromMlflow);
}

async function compare(
  names: string[],
  { metric, split, json }: { metric?: SplitMetricName; split: 'test' | 'validation'; json?: true },
): Promise<void> {
  const workspace = openWorkspace();
  const { compareRuns, readRun } = load('experiments');
  const { describeComparison, verdictsOn } = load('report');
  const runs = await Promise.all(names.map((name) => readRun(workspace, name)));
  const comparison = await compareRuns({ workspace, runs, split });
  console.log(
    json ? JSON.stringify({ ...comparison, verdicts: verdictsOn(comparison, metric) }, null, 2) : describeComparison(comparison, metric),
  );
}

async function showErrors(taskName: string, { model }: { model?: string }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { describeErrors, openErrors } = load('analysis');
  const run = model === undefined ? undefined : await runOfModel(workspace, task, model);
  console.log(describeErrors(await openErrors(workspace, task, run === undefined ? {} : { run }), task));
}

async function reproduce(name: string, { check, weights }: { check?: true; weights?: string }): Promise<void> {
  const workspace = openWorkspace();
  const { readRun } = load('experiments');
  const { checkReproduction, describeCheck, describeReproduction, reproduceRun } = load('provenance');
  const options = { workspace, run: await readRun(workspace, name), ...(weights && { weightsFile: weights }) };
  if (check) {
    const found = await checkReproduction(options);
    console.log(describeCheck(found));
    if (found.obstacles.length > 0) process.exitCode = 1;
    return;
  }
  const signal = stopOnInterrupt();
  const onCheck = (found: Parameters<typeof describeCheck>[0]): void => console.log(`${describeCheck(found)}\n`);
  const reproduction = await withProgress((onProgress) => reproduceRun({ ...options, onCheck, onProgress, signal }));
  console.log(describeReproduction(reproduction));
  if (reproduction.isAsExpected === undefined) process.exitCode = interruptedCode;
  else if (!reproduction.isAsExpected) process.exitCode = 1;
}

/** Writes the report of all runs. */
export async function report(): Promise<void> {
  const workspace = openWorkspace();
  const { readRuns } = load('experiments');
  const { describeRuns, writeReport } = load('report');
  const { runs, problems } = await readRuns(workspace);
  console.log(describeRuns(runs));
  for (const { path, reason } of problems) console.error(`left out: ${path}: ${reason}`);
  console.log(`\nthe report is ${await writeReport({ workspace, runs, problems })}`);
}

async function pushToMlflow(): Promise<void> {
  const workspace = openWorkspace();
  const { pushRuns } = load('mlflow');
  const { runs, models, problems } = await withProgress((onProgress) => pushRuns(workspace, { onProgress }));
  console.log(`new        ${runs.new.length} runs`);
  console.log(`completed  ${runs.completed.length}`);
  console.log(`unchanged  ${runs.unchanged.length}`);
  if (runs.deleted.length > 0) console.log(`left out   ${runs.deleted.length}, which were deleted in MLflow`);
  for (const { name, version, moved } of models) console.log(`${name} ${version} ${moved ? 'has' : 'keeps'} the alias "current"`);
  for (const { run, reason } of problems) console.error(`not sent: ${run}: ${reason}`);
  if (problems.length > 0) process.exitCode = 1;
}

async function pullFromMlflow({ experiment }: { experiment?: string }): Promise<void> {
  const workspace = openWorkspace();
  const { pullRuns } = load('mlflow');
  const { textTable } = load('report');
  const runs = await withProgress((onProgress) => pullRuns(workspace, { onProgress, ...(experiment && { experiment }) }));
  console.log(textTable(runs.map(({ experiment, name, status, metrics }) => ({ experiment, name, status, ...metrics }))));
  console.log(`${runs.length} runs from MLflow in ${workspace.foreignRuns}`);
}
