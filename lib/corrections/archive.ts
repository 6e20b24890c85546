import { stringify } from 'csv-stringify/sync';
import { writeAtomic } from '../files';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import type { Attempt, Judged } from './journal';
import { isPending, nameOf, pendingColumns, rowName, withRows } from './pending';

/**
 * Moves what was learnt from `pending.csv` to `history/retrain_<time>.csv`, where each row also names the model and what it reached. The history is
 * written first and may be written twice, so a kill in between loses nothing. Corrections made meanwhile, of the same pictures too, stay pending.
 *
 * @returns the history's file
 * @throws BAD_CORRECTIONS, CORRECTIONS_BUSY, the file system's error
 */
export async function archiveCorrections(
  workspace: Workspace,
  task: Task,
  { startedAt, corrections }: Attempt,
  { run, base, gate }: Judged,
): Promise<string> {
  const reached = {
    run,
    parent: base,
    right_before: gate.corrections.before,
    right_after: gate.corrections.after,
    loss_before: gate.corrections.lossBefore,
    loss_after: gate.corrections.lossAfter,
    test_auc_before: gate.test.before,
    test_auc_after: gate.test.after,
  };
  const file = workspace.retrainedCsv(startedAt);
  const rows = corrections.map(({ image, timestamp, labels }) => ({
    timestamp,
    image_path: image,
    ...Object.fromEntries(task.classes.map(({ name }, index) => [name, labels[index]])),
    status: 'retrained',
    ...reached,
  }));
  await writeAtomic(file, stringify(rows, { header: true, columns: [...pendingColumns(task), ...Object.keys(reached)] }));

  const learnt = new Set(corrections.map(nameOf));
  await withRows(workspace, task, async ({ rows: pending, write }) => {
    const kept = pending.filter((row) => !isPending(row) || !learnt.has(rowName(workspace, task, row)));
    if (kept.length < pending.length) await write(kept.map(({ record }) => record));
  });
  return file;
}
