import { type Bucket, bringFile } from '../bucket';
import { readSweep } from '../sweeps';
import type { Workspace } from '../workspace';
import { type Batch, batchesOf, theBatch } from './batches';
import { bringPredictions } from './predictions';
import type { Queue } from './queue';
import { bringSweep } from './sweeps';
import { bringTrained, type Trained } from './trainings';

/**
 * Brings from a bucket what a batch has come to so far: for whoever did not wait for it.
 *
 * @param name the batch's, or the end of it
 * @returns the batch, and the folder where its results are
 * @throws BATCH_NOT_FOUND, JOBS_AWAY, what a bucket throws
 */
export async function fetchBatch(
  workspace: Workspace,
  queue: Queue,
  bucket: Bucket,
  name: string,
): Promise<{ readonly batch: Batch; readonly folder: string }> {
  const batch = theBatch(batchesOf(await queue.list()), name);
  if (batch.kind === 'predictions') return { batch, folder: await bringPredictions(bucket, workspace, batch.batch) };
  if (batch.kind === 'trial') {
    await bringFile(bucket, workspace, workspace.sweep(batch.batch, 'json'));
    await bringSweep(bucket, workspace, await readSweep(workspace, batch.batch));
  } else {
    const [job] = await queue.list(batch.batch);
    if (job!.state === 'completed') await bringTrained(bucket, workspace, job!.output as Trained);
  }
  return { batch, folder: workspace.experiments };
}
