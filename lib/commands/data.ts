import type { Command } from 'commander';
import { findTask, type SettingsOverrides, settingsFor } from '../tasks';
import { datasetOf, openWorkspace } from '../workspace';
import { load, wholeNumber, withData, withProgress, withSettings } from './shared';

/** Registers what has to do with raw data and the data set: `sample`, `data` and `prepare`. */
export function registerData(program: Command): void {
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
}

async function sample(taskName: string, { seed }: { seed?: number }): Promise<void> {
  const workspace = openWorkspace();
  const { buildSample } = load('data');
  const { pictures, folder } = await withProgress((onProgress) =>
    buildSample(workspace, findTask(taskName), { ...(seed !== undefined && { seed }), onProgress }),
  );
  console.log(`${pictures} pictures in ${folder}`);
}

async function check(taskName: string, { data }: { data: string }): Promise<void> {
  const task = findTask(taskName);
  const { checkData, chooseData } = load('data');
  const source = await chooseData(openWorkspace(), task, data);
  console.log(await withProgress((onProgress) => checkData(source, task, { onProgress })));
}

/** Makes the data set of a task. */
export async function prepare(taskName: string, { data, set }: { data: string; set?: SettingsOverrides }): Promise<void> {
  const workspace = openWorkspace();
  const task = findTask(taskName);
  settingsFor(task, { isSample: false }, set); // a mistake in them should not show only when the sample is drawn
  const { openData, prepareDataset } = load('data');
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
