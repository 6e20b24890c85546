import path from 'node:path';
import { type Command, Option } from 'commander';
import { writeAtomic } from '../files';
import { stopOnInterrupt } from '../interrupt';
import { findTask, type SettingsOverrides, type Task } from '../tasks';
import { openWorkspace, type Workspace } from '../workspace';
import {
  bucketIfAny,
  interruptedCode,
  leaveToWorkers,
  leftToWorkers,
  load,
  terminalLog,
  wholeNumber,
  withJobs,
  withProgress,
  withQueue,
  withSettings,
  withWeights,
} from './shared';

/** Registers `train` and `sweep`. */
export function registerTraining(program: Command): void {
  withJobs(withWeights(withSettings(program.command('train').description('train on the data set').argument('<task>', 'task')))).action(
    train,
  );
  withJobs(
    withWeights(withSettings(program.command('sweep').description('try settings out, and find the best').argument('<task>', 'task'))),
  )
    .option('--grid <name=values>', 'values to try, such as lr=1e-3,3e-4; may be repeated', collect)
    .option('--range <name=low..high>', 'where to draw values from, such as lr=1e-5..1e-3:log; may be repeated', collect)
    .option('--random <count>', 'random draws: of each range, or between the ends of the grid', wholeNumber)
    .option('--seeds <count>', 'trainings of each candidate', wholeNumber)
    .option('--stage <stage>', 'the stage to try out, instead of the first')
    .addOption(
      new Option('--halving [factor]', 'stop the worse ones early: of so many candidates one goes on').preset('3').argParser(wholeNumber),
    )
    .option('--metric <metric>', 'what is best, on validation; AUC or accuracy by default')
    .addOption(
      new Option('--resume <sweep>', 'go on with a sweep as it began; the end of its name will do').conflicts([
        ...['grid', 'range', 'random', 'seeds', 'stage', 'halving', 'metric', 'set'],
      ]),
    )
    .action(sweep);
}

/** Trains on the data set of a task, here or by a worker. */
export async function train(
  taskName: string,
  { set, weights, jobs }: { set?: SettingsOverrides; weights?: string; jobs?: true },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  if (jobs) return trainByJob(workspace, task, { ...(set && { overrides: set }), ...(weights && { weightsFile: path.resolve(weights) }) });
  const { trainTask } = load('training');
  const { describeRun } = load('report');
  const signal = stopOnInterrupt();
  const outcome = await withProgress((onProgress) =>
    trainTask({ workspace, task, ...(set && { overrides: set }), ...(weights && { weightsFile: weights }), onProgress, signal }),
  );
  for (const run of outcome.runs) console.log(describeRun(run));
  if (outcome.interrupted) console.log('interrupted: the best so far is saved');
  console.log(`the current ${task.name} model is ${outcome.current}`);
}

async function trainByJob(
  workspace: Workspace,
  task: Task,
  options: { readonly overrides?: SettingsOverrides; readonly weightsFile?: string },
): Promise<void> {
  const { sendTraining, waitForTraining } = load('jobs');
  const { readRun } = load('experiments');
  const { describeRun } = load('report');
  const signal = stopOnInterrupt(leftToWorkers);
  const bucket = await bucketIfAny();
  const place = { workspace, ...(bucket && { bucket }) };
  await withQueue(workspace, async (queue) => {
    const batch = await withProgress((onProgress) => sendTraining(queue, { ...place, task, ...options, onProgress }));
    console.error(`sent to the workers as ${batch}`);
    const trained = await withProgress((onProgress) => waitForTraining(queue, { ...place, batch, onProgress, signal }));
    if (!trained) return leaveToWorkers(batch);
    for (const run of trained.runs) console.log(describeRun(await readRun(workspace, run)));
    console.log(`the current ${task.name} model is ${trained.current}`);
  });
}

interface SweepArguments {
  readonly grid?: string[];
  readonly range?: string[];
  readonly random?: number;
  readonly seeds?: number;
  readonly stage?: string;
  readonly halving?: number;
  readonly metric?: string;
  readonly resume?: string;
  readonly set?: SettingsOverrides;
  readonly weights?: string;
  readonly jobs?: true;
}

async function sweep(taskName: string, { resume, jobs, ...asked }: SweepArguments): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { askSweep, describePlan, describeSweep, planSweep, readSweeps, resumeSweep, runSweep, sweepRows } = load('sweeps');
  const { describeRun, figureToPng, sweepFigure, textTable } = load('report');
  const keeps = jobs ? leftToWorkers.keeps : 'the same command goes on';
  const signal = stopOnInterrupt({ keeps, signals: ['SIGINT', 'SIGTERM'] });
  const earlier = (await readSweeps(workspace)).map(({ id }) => id);
  const outcome = await withProgress(async (onProgress) => {
    const watch = { onProgress, signal };
    const begun =
      resume === undefined ? await askSweep({ workspace, task, ...asked, ...watch }) : await resumeSweep(workspace, task, resume);
    console.log(describePlan(planSweep(begun)));
    if (!jobs) {
      // Of one that only begins there are no jobs, and their database is not asked.
      if (earlier.includes(begun.id)) await load('jobs').checkNotQueued({ workspace, log: terminalLog }, begun);
      return runSweep(workspace, begun, watch);
    }
    const { runSweepByJobs } = load('jobs');
    const bucket = await bucketIfAny();
    return withQueue(workspace, (queue) => runSweepByJobs(workspace, queue, begun, { ...watch, ...(bucket && { bucket }) }));
  });
  const { plan, ranked, best } = outcome;
  if (ranked.length > 0) {
    console.log(`\n${textTable(sweepRows(plan, ranked))}`);
    await writeAtomic(workspace.sweep(plan.sweep.id, 'png'), await figureToPng(sweepFigure(plan.sweep, ranked, { kind: task.kind })));
  }
  if (best) console.log(describeRun(best));
  if (jobs && !outcome.isThrough) return leaveToWorkers(plan.sweep.id);
  console.log(describeSweep(workspace, outcome));
  if (!outcome.isThrough) process.exitCode = interruptedCode;
  else if (!best) process.exitCode = 1;
}

function collect(text: string, texts: readonly string[] = []): string[] {
  return [...texts, text];
}
