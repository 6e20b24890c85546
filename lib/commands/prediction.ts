import path from 'node:path';
import { type Command, Option } from 'commander';
import { stopOnInterrupt } from '../interrupt';
import type { PredictionsRequest } from '../jobs';
import type { FilePrediction } from '../prediction';
import { findTask } from '../tasks';
import { openWorkspace } from '../workspace';
import { bucketIfAny, leaveToWorkers, leftToWorkers, load, runOfModel, withJobs, withProgress, withQueue } from './shared';

/** Registers what is done with one model: `predict`, `export` and `calibrate`. */
export function registerPrediction(program: Command): void {
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
}

/** Results are printed after so many pictures: whoever reads them need not wait for the last. */
const picturesAtOnce = 16;

/** Prints what pictures show. */
export async function predict(
  taskName: string,
  patterns: string[],
  { json, model, variant, jobs }: { json?: true; model?: string; variant?: 'int8' | 'float16'; jobs?: true },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { describePrediction, findPictures, openPredictor, predictFiles } = load('prediction');
  const { findModel } = load('models');
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
  const { sendPredictions, waitForPredictions } = load('jobs');
  const signal = stopOnInterrupt(leftToWorkers);
  const bucket = await bucketIfAny();
  const by = bucket ? { bucket } : {};
  await withQueue(workspace, async (queue) => {
    const sent = await withProgress((onProgress) => sendPredictions(queue, { ...request, ...by, onProgress }));
    console.error(`sent to the workers as ${sent.batch}`);
    const isDone = await withProgress((onProgress) => waitForPredictions(workspace, queue, { ...sent, ...by, onPart, onProgress, signal }));
    if (isDone) return;
    leaveToWorkers(sent.batch);
    console.error(`what they say is   ${path.dirname(workspace.predictions(sent.batch, 1))}`);
  });
}

async function exportTask(
  taskName: string,
  { run: name, int8, float16, calibration }: { run?: string; int8?: true; float16?: true; calibration: 'minmax' | 'entropy' },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { exportModel, fileRows, lossRows } = load('prediction');
  const { textTable } = load('report');
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
  const { calibrateModel, parseGoal, resetCalibration } = load('calibration');
  const { describeCalibration } = load('report');
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
