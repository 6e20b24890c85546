import type { Command } from 'commander';
import { stopOnInterrupt } from '../interrupt';
import { findTask, type SettingsOverrides, type Task } from '../tasks';
import { makeWay } from '../threads';
import { openWorkspace, type Workspace } from '../workspace';
import { interruptedCode, load, runOfModel, withProgress, withSettings, withTask } from './shared';

/** Registers `retrain`, and `models` for the versions that come of it. */
export function registerModels(program: Command): void {
  withSettings(
    program
      .command('retrain')
      .description('retrain on the pending corrections, and promote the new model if it is better')
      .argument('<task>', 'task'),
  )
    .option('--dry-run', 'only say what would happen')
    .option('--background', 'at the lowest priority, with half the threads')
    .action(retrain);
  const models = program.command('models').description('versions of a model: which one serves, and which did');
  withTask(models.command('ls').description('all versions, newest first')).action(listModels);
  withTask(models.command('promote').description('let a version serve').argument('<run>', 'the end of its name will do')).action(
    promoteModel,
  );
  withTask(models.command('rollback').description('go back to the version before'))
    .option('--to <run>', 'to this earlier version instead')
    .action(rollBack);
  withTask(
    models
      .command('trial')
      .description('let a second version answer a share of the requests')
      .argument('[run]', 'the end of its name will do'),
  )
    .option('--share <number>', 'of the requests, above 0 and up to 1', Number, 0.2)
    .option('--end', 'end the trial')
    .action(tryModel);
}

async function retrain(
  taskName: string,
  { set, dryRun, background }: { set?: SettingsOverrides; dryRun?: true; background?: true },
): Promise<void> {
  if (background) makeWay();
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const options = { workspace, task, ...(set && { overrides: set }) };
  const { comparisonRows, describeGate, describePlan, planRetraining, retrainTask } = load('corrections');
  const { textTable } = load('report');
  if (dryRun) {
    console.log(describePlan(await planRetraining(options)));
    return;
  }
  const signal = stopOnInterrupt({ keeps: 'the next retraining takes it up again', signals: ['SIGINT', 'SIGTERM'] });
  const { retrained, verdict, reason, run, history } = await withProgress((onProgress) => retrainTask({ ...options, onProgress, signal }));
  if (retrained) console.log(`${describePlan(retrained.plan)}\n`);
  if (retrained?.comparison) console.log(`${textTable(comparisonRows(retrained.comparison))}\n`);
  if (!verdict || reason === undefined) {
    console.log(`stopped: the current model stays, and the corrections stay pending
to take it up again npm run retrain -- ${task.name}`);
    process.exitCode = interruptedCode;
    return;
  }
  console.log(describeGate({ verdict, reason }));
  console.log(
    verdict === 'promoted'
      ? `
the new model is    ${run}, which serves from now on
the corrections are ${history}
to go back          npm run models -- rollback`
      : `
the new model is    ${run}, which does not serve; the corrections stay pending
to try the new one  npm run predict -- ${task.name} PICTURE.jpg --model ${run}
to let it serve     npm run models -- promote ${run}`,
  );
}

async function listModels({ task: taskName }: { task: string }): Promise<void> {
  const workspace = openWorkspace();
  const { listVersions, versionRows } = load('corrections');
  const { NoModel } = load('models');
  const { textTable } = load('report');
  const task = findTask(taskName);
  const versions = await listVersions(workspace, task);
  if (versions.length === 0) throw NoModel(task.name);
  console.log(textTable(versionRows(versions)));
  for (const { run, state, reason } of versions) if (reason !== undefined) console.log(`\n${run} (${state})\n  ${reason}`);
}

async function promoteModel(name: string, { task: taskName }: { task: string }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { promote } = load('models');
  const { run } = await promote(workspace, task.name, await runOfModel(workspace, task, name), 'promoted by hand');
  await tellOfChange(workspace, task);
  console.log(`the ${task.name} model that serves is ${run}`);
}

async function rollBack({ task: taskName, to }: { task: string; to?: string }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { rollback } = load('models');
  const { run, history } = await rollback(workspace, task.name, to === undefined ? {} : { to: await runOfModel(workspace, task, to) });
  await tellOfChange(workspace, task);
  console.log(`the ${task.name} model that serves is ${run} again, and no longer ${history.at(-1)?.previous}`);
}

async function tryModel(
  name: string | undefined,
  { task: taskName, share, end }: { task: string; share: number; end?: true },
  command: Command,
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { endTrial, startTrial } = load('models');
  if (end) {
    const { run } = await endTrial(workspace, task.name);
    await tellOfChange(workspace, task);
    console.log(`the trial has ended: ${run} answers every request`);
    return;
  }
  if (name === undefined) command.error("error: missing argument 'run': name one, or write --end");
  const { run, trial, history } = await startTrial(workspace, task.name, await runOfModel(workspace, task, name), share);
  await tellOfChange(workspace, task);
  console.log(`${trial?.run} ${history.at(-1)?.reason}, and ${run} the others`);
}

/** Tells the models' cards and, in the background, MLflow: the command ends when its server has been told, or does not answer. */
async function tellOfChange(workspace: Workspace, task: Task): Promise<void> {
  const { announceModel } = load('mlflow');
  const { renewModelCards } = load('cards');
  announceModel(workspace, task.name);
  await renewModelCards(workspace, task);
}
