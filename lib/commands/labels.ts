import type { Command } from 'commander';
import { findTask } from '../tasks';
import { datasetOf, openWorkspace } from '../workspace';
import { load } from './shared';

/** Registers `labels`. */
export function registerLabels(program: Command): void {
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
}

async function syncLabels(
  taskName: string,
  options: { merge?: boolean; labelsCsv?: string; imagesDir?: string; pendingCsv?: string },
): Promise<void> {
  const workspace = openWorkspace();
  const { syncLabels: sync } = load('data');
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
