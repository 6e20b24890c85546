import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { VisionbookError } from './errors';
import { writeAtomic } from './files';
import { stopOnInterrupt } from './interrupt';
import type { PredictionsRequest, Queue } from './jobs';
import { type SplitMetricName, splitMetricNames } from './metrics';
import type { FilePrediction } from './prediction';
import type { OnProgress } from './progress';
import { showProgress } from './report/progress';
import { findTask, type SettingsOverrides, setSetting, settingsFor, type Task } from './tasks';
import { makeWay } from './threads';
import { datasetOf, openWorkspace, type Workspace } from './workspace';

/**
 * Loads a room when a command needs it: `predict` must not wait for TensorFlow. It is `require` and not `import()`, because tsx would then have to
 * look through every ES module that is loaded, which takes a second and 600 MB for the HDF5 library alone.
 */
const load = createRequire(__filename);

/** What shells say of Ctrl-C. */
const interruptedCode = 130;

/**
 * Runs one command line; every command calls the functions that the notebooks call.
 *
 * @param argv as `process.argv`
 */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', endWithReader);
  const program = buildProgram();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if ((error as Error).name === 'AbortError') {
      console.error('stopped before anything was learnt: no model was saved, and the current one stays');
      process.exitCode = interruptedCode;
      return;
    }
    if (!(error instanceof VisionbookError)) throw error;
    console.error(`${error.message} (${error.code})`);
    process.exitCode = error.code === 'BENCH_STOPPED' ? interruptedCode : 1;
  }
}

/** Whoever reads the output may stop early, as `head` does: nothing is then left to do. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

function buildProgram(): Command {
  const program = new Command('visionbook').description('A workspace for image-classification experiments.').showHelpAfterError();
  // An option after a command is that command's, as in `bench serve --quick`, and not of the one before it.
  program.enablePositionalOptions();
  program.command('start').description('run the food notebooks and write the report').action(start);
  program
    .command('sample')
    .description('build the generated sample, for work without downloads')
    .argument('[task]', 'task', 'food')
    .option('--seed <number>', 'another sample', wholeNumber)
    .action(sample);
  const data = program.command('data').description('look at the raw data');
  withData(
    data.command('check').description('count pictures; find unreadable ones and duplicates').argument('[task]', 'task', 'food'),
  ).action(check);
  withSettings(withData(program.command('prepare').description('make the data set').argument('<task>', 'task'))).action(prepare);
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
  withJobs(program.command('predict').description('say what pictures show'))
    .argument('<task>', 'task')
    .argument('<path...>', 'files, folders or globs')
    .option('--json', 'one JSON object a line')
    .option('--model <run>', "a run's model instead of the current one; the end of its name will do")
    .addOption(new Option('--variant <form>', 'a form of the model that export made').choices(['int8', 'float16']))
    .action(predict);
  program
    .command('export')
    .description("write smaller forms of a run's ONNX model, and say what they lose")
    .argument('[task]', 'task', 'food')
    .option('--run <run>', 'instead of the current model; the end of its name will do')
    .option('--int8', 'in 8 bits: a quarter of the size, faster')
    .option('--f16, --float16', 'weights in float16: half the size, as fast')
    .addOption(
      new Option('--calibration <method>', 'how the ranges of the 8 bits are found').choices(['minmax', 'entropy']).default('minmax'),
    )
    .action(exportTask);
  program
    .command('calibrate')
    .description("make a model's probabilities say how often they are right, and choose where each class begins")
    .argument('<task>', 'task')
    .option('--run <run>', 'instead of the current model; the end of its name will do')
    .option('--goal <goal>', 'what to choose thresholds for: f1, or precision=0.95; without it they stay as they are')
    .addOption(new Option('--dry-run', 'only say what would change').conflicts('reset'))
    .addOption(new Option('--reset', 'go back to the model as it was trained').conflicts('goal'))
    .action(calibrate);
  const bench = program.command('bench').description('measure speed and accuracy beside Keras and TensorFlow Lite');
  withWeights(withData(bench.argument('[task]', 'task', 'food')))
    .option('--quick', 'little of everything, in less than three minutes')
    .option('--figure <file>', 'write the figure there too, as PNG')
    .action(measure);
  bench.enablePositionalOptions();
  withTask(bench.command('serve').description('put the server under load: predictions a second, waiting times, memory'))
    .option('--quick', 'little of everything, in less than a minute')
    .option('--figure <file>', 'write the figure there too, as PNG')
    .action(measureServer);
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
  const labels = program.command('labels').description('keep labels.csv and the pictures together');
  labels
    .command('sync')
    .description('list pictures without a label in labels_pending.csv')
    .argument('[task]', 'task', 'food')
    .option('--merge', 'add the pending rows to labels.csv')
    .option('--labels-csv <file>', 'instead of dataset/labels.csv')
    .option('--images-dir <folder>', 'instead of dataset/images')
    .option('--pending-csv <file>', 'instead of dataset/labels_pending.csv')
    .action(syncLabels);
  const weights = program.command('weights').description("the backbones' weights: what there is");
  weights.action(showWeights);
  weights
    .command('fetch')
    .description('download the official Keras weights')
    .addArgument(new Argument('[backbone]', 'one instead of all').choices(['mobilenet_v2', 'efficientnet_b0']))
    .action(fetchWeights);
  const cache = program.command('cache').description('the activation store: what the frozen layers give, kept between runs');
  cache.command('ls').description('what is in it, and its limit').action(listCache);
  cache
    .command('clear')
    .description('empty it; what is missing is computed again')
    .option('--older-than <time>', 'only what was not used for so long, such as 12h or 30d', duration, 0)
    .action(clearCache);
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
  program
    .command('worker')
    .description('do the jobs that --jobs sent; any number of workers share the database of DATABASE_URL and the folder of VISIONBOOK_HOME')
    .option('--drain', 'end when no job is left')
    .action(startWorker);
  const jobs = program.command('jobs').description('what the workers have to do');
  jobs.command('ls').description('sweeps, trainings and predictions that were sent, and how far they are').action(listJobs);
  jobs
    .command('cancel')
    .description('take back what is not done')
    .argument('<batch>', 'as ls names it; the end of its name will do')
    .action(cancelJobs);
  program
    .command('serve')
    .description('start the web app and the API')
    .option('--port <number>', 'instead of PORT, or 5000', wholeNumber)
    .option('--host <address>', 'instead of HOST, or 127.0.0.1; 0.0.0.0 lets the network in')
    .action(serveAll);
  program
    .command('notebooks')
    .description('execute notebooks in place')
    .argument('[name...]', 'some of them, such as food/2-train.ipynb')
    .action(executeNotebooks);
  program.command('lab').description('open JupyterLab on the notebooks').allowUnknownOption().allowExcessArguments().action(lab);
  program.command('doctor').description('say what was found on this machine').action(doctor);
  return program;
}

function withData(command: Command): Command {
  return command.option('--data <choice>', 'auto, food11 or galaxy10, sample, or a folder', process.env.VISIONBOOK_DATA ?? 'auto');
}

function withWeights(command: Command): Command {
  return command.option('--weights <file>', "the backbone's weights: .h5, .weights.h5 or .keras", process.env.VISIONBOOK_WEIGHTS);
}

function withSettings(command: Command): Command {
  return command.option('--set <name=value>', 'change a setting, such as collages.train=500; may be repeated', collectSetting);
}

function withJobs(command: Command): Command {
  return command.option('--jobs', 'leave it to the workers, and wait for them; Ctrl-C ends only the waiting');
}

function withTask(command: Command): Command {
  return command.option('--task <task>', 'which task', 'food');
}

/** Adds `collages.train=500` to overrides as `{ collages: { train: 500 } }`. */
function collectSetting(text: string, overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (!name || value === undefined) throw new InvalidArgumentError('write name=value, such as batchSize=16.');
  return setSetting(overrides, name, parseValue(value));
}

function collect(text: string, texts: readonly string[] = []): string[] {
  return [...texts, text];
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('write a whole number.');
  return value;
}

/** `90m`, `12h` or `30d` in milliseconds. */
function duration(text: string): number {
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  if (!count) throw new InvalidArgumentError('write a number with m, h or d, such as 12h.');
  return Number(count) * { m: 60e3, h: 3600e3, d: 86400e3 }[unit as 'm' | 'h' | 'd'];
}

/** Runs long work with a progress bar. */
async function withProgress<Result>(work: (onProgress: OnProgress) => Promise<Result>): Promise<Result> {
  const progress = showProgress();
  try {
    return await work(progress.onProgress);
  } finally {
    progress.stop();
  }
}

async function start(): Promise<void> {
  const workspace = openWorkspace();
  const { executeNotebooks: execute, hasJupyter, notebooksOf } = load('./notebooks') as typeof import('./notebooks');
  const withNotebooks = hasJupyter(workspace);
  if (withNotebooks) {
    console.log('running the notebooks of the food task, and the report');
    // Of one task, which takes minutes; galaxies take some ten minutes more.
    const names = [...notebooksOf('food'), 'report.ipynb'];
    await execute({ workspace, names, target: workspace.executedNotebooks, onLine: console.log });
  } else {
    console.log('there is no Jupyter, so commands do the work of the notebooks: prepare, train, predict, report');
    await prepare('food', { data: process.env.VISIONBOOK_DATA ?? 'auto', set: {} });
    await train('food', { set: {} });
    await predict('food', [`${workspace.datasetImages}/test_000000?.jpg`], {});
    await report();
  }
  console.log(`
The report is ${workspace.reportHtml}
${withNotebooks ? `The notebooks with their outputs are in ${workspace.executedNotebooks}` : 'npm run doctor says how to get the notebooks'}

What to try next:
${withNotebooks ? '  npm run lab                            the notebooks in JupyterLab\n' : ''}  npm run predict -- food PICTURE.jpg    what the model says of your picture
  npm run doctor                         what was found, and how to get the rest`);
}

async function sample(taskName: string, { seed }: { seed?: number }): Promise<void> {
  const workspace = openWorkspace();
  const { buildSample } = load('./data') as typeof import('./data');
  const { pictures, folder } = await withProgress((onProgress) =>
    buildSample(workspace, findTask(taskName), { ...(seed !== undefined && { seed }), onProgress }),
  );
  console.log(`${pictures} pictures in ${folder}`);
}

async function check(taskName: string, { data }: { data: string }): Promise<void> {
  const task = findTask(taskName);
  const { checkData, chooseData } = load('./data') as typeof import('./data');
  const source = await chooseData(openWorkspace(), task, data);
  console.log(await withProgress((onProgress) => checkData(source, task, { onProgress })));
}

async function prepare(taskName: string, { data, set }: { data: string; set?: SettingsOverrides }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  settingsFor(task, { isSample: false }, set); // a mistake in them should not show only when the sample is drawn
  const { openData, prepareDataset } = load('./data') as typeof import('./data');
  const card = await withProgress(async (onProgress) => {
    const source = await openData(workspace, task, { choice: data, onProgress });
    if (source.note) console.log(source.note);
    return prepareDataset({ workspace, task, source, settings: settingsFor(task, source, set), onProgress });
  });
  const { train, validation, test } = card.counts;
  const { dataset, datasetCard } = datasetOf(workspace, task.name);
  console.log(`${train} training, ${validation} validation and ${test} test pictures of ${card.data.name} in ${dataset}`);
  if (card.skipped.length > 0) console.log(`${card.skipped.length} photographs were left out: ${datasetCard} says which and why`);
}

async function train(taskName: string, { set, weights, jobs }: { set?: SettingsOverrides; weights?: string; jobs?: true }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  if (jobs) return trainByJob(workspace, task, { ...(set && { overrides: set }), ...(weights && { weightsFile: path.resolve(weights) }) });
  const { trainTask } = load('./training') as typeof import('./training');
  const { describeRun } = load('./report') as typeof import('./report');
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
  const { sendTraining, waitForTraining } = load('./jobs') as typeof import('./jobs');
  const { readRun } = load('./experiments') as typeof import('./experiments');
  const { describeRun } = load('./report') as typeof import('./report');
  const signal = stopOnInterrupt(leftToWorkers);
  await withQueue(workspace, async (queue) => {
    const batch = await sendTraining(queue, { workspace, task, ...options });
    console.error(`sent to the workers as ${batch}`);
    const trained = await withProgress((onProgress) => waitForTraining(queue, batch, { onProgress, signal }));
    if (!trained) return leaveToWorkers(batch);
    for (const run of trained.runs) console.log(describeRun(await readRun(workspace, run)));
    console.log(`the current ${task.name} model is ${trained.current}`);
  });
}

/** Opens the queue of jobs for some work. */
async function withQueue<Result>(workspace: Workspace, work: (queue: Queue) => Promise<Result>): Promise<Result> {
  const { openQueue } = load('./jobs') as typeof import('./jobs');
  const queue = await openQueue({ workspace, log: terminalLog });
  try {
    return await work(queue);
  } finally {
    await queue.close();
  }
}

/** Messages a line each, with their details behind. */
const terminalLog = { info: logLine(console.log), warn: logLine(console.error), error: logLine(console.error) };

function logLine(print: (line: string) => void): (details: object, message: string) => void {
  return (details, message) => {
    const behind = Object.entries(details).map(([name, value]) => `${name}: ${value}`);
    print([message, ...behind].join(' · '));
  };
}

const leftToWorkers = { keeps: 'the workers go on' };

function leaveToWorkers(batch: string): void {
  console.error(`the workers go on with ${batch}
to see how far    npm run jobs -- ls
to take it back   npm run jobs -- cancel ${batch.slice(-6)}`);
  process.exitCode = interruptedCode;
}

async function startWorker({ drain }: { drain?: true }): Promise<void> {
  const workspace = openWorkspace();
  const { work } = load('./jobs') as typeof import('./jobs');
  const signal = stopOnInterrupt({ keeps: 'what is at work is given back', signals: ['SIGINT', 'SIGTERM'] });
  await withQueue(workspace, (queue) => {
    console.log(`waiting for jobs in ${queue.kind === 'pglite' ? workspace.jobs : 'the database of DATABASE_URL'}; Ctrl-C ends it`);
    return work({ workspace, queue, signal, log: terminalLog, ...(drain && { drains: drain }) });
  });
}

async function listJobs(): Promise<void> {
  const { batchesOf, batchRows } = load('./jobs') as typeof import('./jobs');
  const { textTable } = load('./report') as typeof import('./report');
  const batches = await withQueue(openWorkspace(), async (queue) => batchesOf(await queue.list()));
  console.log(batches.length > 0 ? textTable(batchRows(batches)) : 'there are no jobs');
  for (const { batch, failures } of batches) for (const reason of failures) console.log(`\n${batch}\n  ${reason}`);
}

async function cancelJobs(name: string): Promise<void> {
  const { cancelBatch } = load('./jobs') as typeof import('./jobs');
  const { batch, jobs } = await withQueue(openWorkspace(), (queue) => cancelBatch(queue, name));
  console.log(`${jobs} jobs of ${batch} are cancelled`);
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
  const { askSweep, describePlan, describeSweep, planSweep, resumeSweep, runSweep, sweepRows } = load(
    './sweeps',
  ) as typeof import('./sweeps');
  const { describeRun, figureToPng, sweepFigure, textTable } = load('./report') as typeof import('./report');
  const keeps = jobs ? leftToWorkers.keeps : 'the same command goes on';
  const signal = stopOnInterrupt({ keeps, signals: ['SIGINT', 'SIGTERM'] });
  const outcome = await withProgress(async (onProgress) => {
    const watch = { onProgress, signal };
    const begun =
      resume === undefined ? await askSweep({ workspace, task, ...asked, ...watch }) : await resumeSweep(workspace, task, resume);
    console.log(describePlan(planSweep(begun)));
    if (!jobs) return runSweep(workspace, begun, watch);
    const { runSweepByJobs } = load('./jobs') as typeof import('./jobs');
    return withQueue(workspace, (queue) => runSweepByJobs(workspace, queue, begun, watch));
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

/** Results are printed after so many pictures: whoever reads them need not wait for the last. */
const picturesAtOnce = 16;

async function predict(
  taskName: string,
  patterns: string[],
  { json, model, variant, jobs }: { json?: true; model?: string; variant?: 'int8' | 'float16'; jobs?: true },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { describePrediction, findPictures, openPredictor, predictFiles } = load('./prediction') as typeof import('./prediction');
  const { findModel } = load('./models') as typeof import('./models');
  const files = await findPictures(patterns);
  const run = model === undefined ? undefined : await runOfModel(workspace, task, model);
  const { card } = await findModel(workspace, task.name, run);
  const { classes, decision: rule } = card;
  let failed = 0;
  const print = (predictions: readonly FilePrediction[]): void => {
    for (const prediction of predictions) {
      console.log(json ? JSON.stringify({ classes, ...prediction }) : describePrediction(prediction, classes, { rule }));
      if ('error' in prediction) failed++;
    }
  };
  const options = { run: card.runId, ...(variant && { variant }) };
  if (jobs) {
    await predictByJobs({ workspace, task, files, ...options }, print);
  } else {
    const predictor = await openPredictor(workspace, task.name, options);
    try {
      for (let first = 0; first < files.length; first += picturesAtOnce) {
        print(await predictFiles(predictor, files.slice(first, first + picturesAtOnce)));
      }
    } finally {
      await predictor.release();
    }
  }
  if (failed > 0) {
    console.error(`${failed} of ${files.length} files could not be read`);
    process.exitCode ??= 1;
  }
}

async function predictByJobs(request: PredictionsRequest, onPart: (predictions: FilePrediction[]) => void): Promise<void> {
  const { workspace } = request;
  const { sendPredictions, waitForPredictions } = load('./jobs') as typeof import('./jobs');
  const signal = stopOnInterrupt(leftToWorkers);
  await withQueue(workspace, async (queue) => {
    const sent = await sendPredictions(queue, request);
    console.error(`sent to the workers as ${sent.batch}`);
    const isDone = await withProgress((onProgress) => waitForPredictions(workspace, queue, { ...sent, onPart, onProgress, signal }));
    if (isDone) return;
    leaveToWorkers(sent.batch);
    console.error(`what they say is   ${path.dirname(workspace.predictions(sent.batch, 1))}`);
  });
}

/** The run that `--model` names: in full, or by the beginning or end of its id. */
async function runOfModel(workspace: Workspace, task: Task, name: string): Promise<string> {
  if (existsSync(workspace.model(task.name, name))) return name;
  const { readRun } = load('./experiments') as typeof import('./experiments');
  return (await readRun(workspace, name)).id;
}

async function exportTask(
  taskName: string,
  { run: name, int8, float16, calibration }: { run?: string; int8?: true; float16?: true; calibration: 'minmax' | 'entropy' },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { exportModel, fileRows, lossRows } = load('./prediction') as typeof import('./prediction');
  const { textTable } = load('./report') as typeof import('./report');
  const run = name === undefined ? undefined : await runOfModel(workspace, task, name);
  const variants = [...(int8 ? (['int8'] as const) : []), ...(float16 ? (['float16'] as const) : [])];
  const report = await withProgress((onProgress) =>
    exportModel({ workspace, task, variants, calibration, onProgress, ...(run !== undefined && { run }) }),
  );
  console.log(textTable(fileRows(report)));
  for (const note of report.notes) console.log(`\n${note}`);
  if (report.files.some(({ loss }) => loss)) console.log(`\n${textTable(lossRows(report))}`);
}

async function calibrate(
  taskName: string,
  { run: name, goal: wanted, dryRun, reset }: { run?: string; goal?: string; dryRun?: true; reset?: true },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { calibrateModel, parseGoal, resetCalibration } = load('./calibration') as typeof import('./calibration');
  const { describeCalibration } = load('./report') as typeof import('./report');
  const run = name === undefined ? {} : { run: await runOfModel(workspace, task, name) };
  if (reset) {
    console.log(`the model of ${await resetCalibration(workspace, task, run)} is as it was trained again`);
    return;
  }
  const goal = wanted === undefined ? {} : { goal: parseGoal(wanted) };
  const report = await calibrateModel({ workspace, task, ...run, ...goal, ...(dryRun && { dryRun }) });
  console.log(describeCalibration(report));
  console.log(
    dryRun
      ? '\nnothing was changed'
      : `
predictions follow it from now on, those of a server that runs too
to go back          npm run calibrate -- ${task.name} --run ${report.run} --reset`,
  );
}

async function measure(
  taskName: string,
  { data, weights, quick, figure }: { data: string; weights?: string; quick?: true; figure?: string },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { openData } = load('./data') as typeof import('./data');
  const { BenchStopped, measureRows, runBench, writeBenchFigure } = load('./bench') as typeof import('./bench');
  const { textTable } = load('./report') as typeof import('./report');
  const record = await withProgress(async (onProgress) => {
    const source = await openData(workspace, task, { choice: data, onProgress });
    if (source.note) console.log(source.note);
    const signal = abortOnInterrupt(BenchStopped());
    return runBench({ workspace, task, source, signal, onProgress, ...(quick && { quick }), ...(weights && { weightsFile: weights }) });
  });
  console.log(textTable(measureRows(record)));
  for (const note of record.notes) console.log(`\n${note}`);
  await writeBenchFigure(workspace, record, figure ? [figure] : []);
  console.log(`\nthe record is ${workspace.bench(record.startedAt, 'json')}, with its figure beside it`);
}

async function measureServer({ task: taskName, quick, figure }: { task: string; quick?: true; figure?: string }): Promise<void> {
  const workspace = openWorkspace();
  const { BenchStopped, loadRows, measureTable, runServeBench, serveMeasures, writeServeFigure } = load(
    './bench',
  ) as typeof import('./bench');
  const { textTable } = load('./report') as typeof import('./report');
  const signal = abortOnInterrupt(BenchStopped());
  const record = await withProgress((onProgress) =>
    runServeBench({ workspace, task: findTask(taskName), signal, onProgress, ...(quick && { quick }) }),
  );
  console.log(`${textTable(loadRows(record))}\n\n${textTable(measureTable(serveMeasures(record)))}`);
  for (const note of record.notes) console.log(`\n${note}`);
  await writeServeFigure(workspace, record, figure ? [figure] : []);
  console.log(`\nthe record is ${workspace.bench(record.startedAt, 'json', 'serve')}, with its figure beside it`);
}

/** A signal that Ctrl-C aborts at once, and not after a step as training does: half a measurement is worth nothing. */
function abortOnInterrupt(reason: Error): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort(reason));
  return controller.signal;
}

async function retrain(
  taskName: string,
  { set, dryRun, background }: { set?: SettingsOverrides; dryRun?: true; background?: true },
): Promise<void> {
  if (background) makeWay();
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const options = { workspace, task, ...(set && { overrides: set }) };
  const { comparisonRows, describeGate, describePlan, planRetraining, retrainTask } = load(
    './corrections',
  ) as typeof import('./corrections');
  const { textTable } = load('./report') as typeof import('./report');
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
  const { listVersions, versionRows } = load('./corrections') as typeof import('./corrections');
  const { NoModel } = load('./models') as typeof import('./models');
  const { textTable } = load('./report') as typeof import('./report');
  const task = findTask(taskName);
  const versions = await listVersions(workspace, task);
  if (versions.length === 0) throw NoModel(task.name);
  console.log(textTable(versionRows(versions)));
  for (const { run, state, reason } of versions) if (reason !== undefined) console.log(`\n${run} (${state})\n  ${reason}`);
}

async function showErrors(taskName: string, { model }: { model?: string }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { describeErrors, openErrors } = load('./analysis') as typeof import('./analysis');
  const run = model === undefined ? undefined : await runOfModel(workspace, task, model);
  console.log(describeErrors(await openErrors(workspace, task, run === undefined ? {} : { run }), task));
}

async function promoteModel(name: string, { task: taskName }: { task: string }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { promote } = load('./models') as typeof import('./models');
  const { run } = await promote(workspace, task.name, await runOfModel(workspace, task, name), 'promoted by hand');
  await tellOfChange(workspace, task);
  console.log(`the ${task.name} model that serves is ${run}`);
}

async function rollBack({ task: taskName, to }: { task: string; to?: string }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { rollback } = load('./models') as typeof import('./models');
  const { run, history } = await rollback(workspace, task.name, to === undefined ? {} : { to: await runOfModel(workspace, task, to) });
  await tellOfChange(workspace, task);
  console.log(`the ${task.name} model that serves is ${run} again, and no longer ${history.at(-1)?.previous}`);
}

/** Tells the models' cards and, in the background, MLflow: the command ends when its server has been told, or does not answer. */
async function tellOfChange(workspace: Workspace, task: Task): Promise<void> {
  const { announceModel } = load('./mlflow') as typeof import('./mlflow');
  const { renewModelCards } = load('./cards') as typeof import('./cards');
  announceModel(workspace, task.name);
  await renewModelCards(workspace, task);
}

async function tryModel(
  name: string | undefined,
  { task: taskName, share, end }: { task: string; share: number; end?: true },
  command: Command,
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { endTrial, startTrial } = load('./models') as typeof import('./models');
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

async function syncLabels(
  taskName: string,
  options: { merge?: boolean; labelsCsv?: string; imagesDir?: string; pendingCsv?: string },
): Promise<void> {
  const workspace = openWorkspace();
  const { syncLabels: sync } = load('./data') as typeof import('./data');
  const { pictures, labelled, pending, edited, merged, dropped } = await sync(workspace, findTask(taskName), options);
  const places = datasetOf(workspace, taskName);
  const pendingCsv = options.pendingCsv ?? places.labelsPendingCsv;
  console.log(`pictures       ${pictures}`);
  console.log(`labelled       ${labelled}, in ${options.labelsCsv ?? places.labelsCsv}`);
  if (merged > 0) console.log(`new labels     ${merged}: ${edited} with a class, ${merged - edited} without any`);
  if (pending > 0) {
    console.log(`without label  ${pending}, listed in ${pendingCsv}`);
    console.log('write their labels there, then run npm run labels -- sync --merge');
  }
  if (dropped > 0) console.log(`taken out      ${dropped}: pending rows whose picture is gone`);
}

async function showWeights(): Promise<void> {
  const { listWeights } = load('./models') as typeof import('./models');
  for (const { backbone, kind, found, sha256 } of await listWeights(openWorkspace(), process.env.VISIONBOOK_WEIGHTS)) {
    console.log(`${backbone.padEnd(18)} ${kind.padEnd(12)} ${found}${sha256 ? `\n${' '.repeat(32)}sha256 ${sha256}` : ''}`);
  }
}

async function fetchWeights(backbone?: string): Promise<void> {
  const workspace = openWorkspace();
  const { downloadWeights, weightsToFetch } = load('./models') as typeof import('./models');
  await withProgress(async (onProgress) => {
    for (const official of weightsToFetch(backbone)) {
      const { file } = await downloadWeights(official, { folder: workspace.weights, onProgress });
      console.log(file);
    }
  });
}

async function listCache(): Promise<void> {
  const { activations } = openWorkspace();
  const { listStore, storeLimit } = load('./training') as typeof import('./training');
  const entries = await listStore(activations);
  for (const { name, bytes, lastUsed } of entries) console.log(`${mebibytes(bytes)}  last used ${lastUsed.toISOString()}  ${name}`);
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${mebibytes(total)}  of ${mebibytes(storeLimit()).trim()} (VISIONBOOK_CACHE_GIB) in ${activations}`);
}

async function clearCache({ olderThan }: { olderThan: number }): Promise<void> {
  const { activations } = openWorkspace();
  const { clearStore } = load('./training') as typeof import('./training');
  console.log(`${mebibytes(await clearStore(activations, { olderThan })).trim()} freed in ${activations}`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1).padStart(8)} MiB`;
}

async function serveAll(options: { port?: number; host?: string }): Promise<void> {
  const { serve, serverConfig } = load('./server') as typeof import('./server');
  const server = await serve({ workspace: openWorkspace(), config: serverConfig(process.env, options) });
  console.error(`visionbook is at ${server.address} (Ctrl-C ends it)`);
  const stop = (): void => {
    // A second time it is meant at once.
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
    void server.close();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop);
}

async function compare(
  names: string[],
  { metric, split, json }: { metric?: SplitMetricName; split: 'test' | 'validation'; json?: true },
): Promise<void> {
  const workspace = openWorkspace();
  const { compareRuns, readRun } = load('./experiments') as typeof import('./experiments');
  const { describeComparison, verdictsOn } = load('./report') as typeof import('./report');
  const runs = await Promise.all(names.map((name) => readRun(workspace, name)));
  const comparison = await compareRuns({ workspace, runs, split });
  console.log(
    json ? JSON.stringify({ ...comparison, verdicts: verdictsOn(comparison, metric) }, null, 2) : describeComparison(comparison, metric),
  );
}

async function reproduce(name: string, { check, weights }: { check?: true; weights?: string }): Promise<void> {
  const workspace = openWorkspace();
  const { readRun } = load('./experiments') as typeof import('./experiments');
  const { checkReproduction, describeCheck, describeReproduction, reproduceRun } = load('./provenance') as typeof import('./provenance');
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

async function report(): Promise<void> {
  const workspace = openWorkspace();
  const { readRuns } = load('./experiments') as typeof import('./experiments');
  const { describeRuns, writeReport } = load('./report') as typeof import('./report');
  const { runs, problems } = await readRuns(workspace);
  console.log(describeRuns(runs));
  for (const { path, reason } of problems) console.error(`left out: ${path}: ${reason}`);
  console.log(`\nthe report is ${await writeReport({ workspace, runs, problems })}`);
}

async function pushToMlflow(): Promise<void> {
  const workspace = openWorkspace();
  const { pushRuns } = load('./mlflow') as typeof import('./mlflow');
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
  const { pullRuns } = load('./mlflow') as typeof import('./mlflow');
  const { textTable } = load('./report') as typeof import('./report');
  const runs = await withProgress((onProgress) => pullRuns(workspace, { onProgress, ...(experiment && { experiment }) }));
  console.log(textTable(runs.map(({ experiment, name, status, metrics }) => ({ experiment, name, status, ...metrics }))));
  console.log(`${runs.length} runs from MLflow in ${workspace.foreignRuns}`);
}

async function executeNotebooks(names: string[]): Promise<void> {
  const { executeNotebooks: execute } = load('./notebooks') as typeof import('./notebooks');
  await execute({ workspace: openWorkspace(), ...(names.length > 0 && { names }), onLine: console.log });
}

async function lab(_options: object, command: Command): Promise<void> {
  const { openLab } = load('./notebooks') as typeof import('./notebooks');
  process.exitCode = await openLab(openWorkspace(), command.args);
}

async function doctor(): Promise<void> {
  const { examine } = load('./doctor') as typeof import('./doctor');
  for (const { what, found, remedy } of await examine(openWorkspace())) {
    console.log(`${what.padEnd(22)} ${found}${remedy ? `\n${' '.repeat(22)} → ${remedy}` : ''}`);
  }
}
