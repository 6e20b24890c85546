import type { Command } from 'commander';
import { findTask } from '../tasks';
import { openWorkspace } from '../workspace';
import { load, withData, withProgress, withTask, withWeights } from './shared';

/** Registers `bench`, which has `bench serve` below it. */
export function registerBench(program: Command): void {
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
}

async function measure(
  taskName: string,
  { data, weights, quick, figure }: { data: string; weights?: string; quick?: true; figure?: string },
): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  const { openData } = load('data');
  const { BenchStopped, measureRows, runBench, writeBenchFigure } = load('bench');
  const { textTable } = load('report');
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
  const { BenchStopped, loadRows, measureTable, runServeBench, serveMeasures, writeServeFigure } = load('bench');
  const { textTable } = load('report');
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
