import { type Bucket, bringDataset, bringFile, bringRuns, type Exchange, makeRunsOnce, sendDataset, sendFile, sendRun } from '../bucket';
import { readDataset } from '../data';
import { readRuns } from '../experiments';
import type { OnProgress, Progress } from '../progress';
import {
  bestTrial,
  planSweep,
  readOutcome,
  readSweep,
  readyTrials,
  resultOf,
  type Sweep,
  type SweepOutcome,
  SweepOutdated,
  type SweepWatch,
  sizeOf,
  startsOf,
  type TrialResult,
  TrialRunner,
} from '../sweeps';
import { findTask } from '../tasks';
import { type TrainingWatch, weightsToBegin } from '../training';
import type { Workspace } from '../workspace';
import { activityOf, type Batch, waitForBatch } from './batches';
import { NotInBucket, SweepQueued } from './errors';
import type { TrialJob } from './job';
import { countOpenJobs, type Queue, type QueueOptions } from './queue';
import { bringWeights, sendWeights } from './weights';

/**
 * Sends what of a sweep may run now and is not on its way. It is called after each trial, by whoever ran it, and so needs nobody who conducts the sweep: the
 * records decide what is next, and a job that is sent twice is there once. With halving a candidate goes on as soon as it is among the best (ASHA), so that
 * no worker waits for another. A sweep of which jobs were cancelled does not go on by itself.
 *
 * @param bucket from which the records of other machines' trials come, where they share no folder
 * @throws RUN_UNREADABLE, JOBS_AWAY, what a bucket throws
 */
export async function sendTrials(workspace: Workspace, queue: Queue, sweep: Sweep, bucket?: Bucket): Promise<SweepOutcome> {
  const now = await queue.now();
  if (bucket) await bringRuns(bucket, workspace, runsOf(sweep));
  const outcome = await readOutcome(workspace, sweep);
  if (outcome.isThrough || (await queue.list(sweep.id)).some(({ state }) => state === 'cancelled')) return outcome;
  const ready = readyTrials(outcome.plan, outcome.results, { isAsynchronous: true });
  const trials = ready.length > 0 ? ready.map(({ id, rung }) => ({ id, rung })) : [{ id: bestTrial, rung: outcome.plan.rungs.length }];
  const jobs = trials.map(({ id, rung }) => ({ job: { kind: 'trial' as const, batch: sweep.id, trial: id }, priority: rung }));
  await queue.send(jobs, now);
  return outcome;
}

/** What the ids of a sweep's runs begin with. */
function runsOf({ id }: Sweep): string {
  return `${id}.`;
}

/** By way of which bucket a sweep is run, where the workers share no folder. */
export interface SweepJobsWatch extends SweepWatch {
  readonly bucket?: Bucket;
}

/**
 * Has a sweep run by the workers, and waits for them. Jobs of it that failed or were cancelled are sent again. The signal only ends the waiting.
 *
 * @throws JOBS_FAILED, JOBS_CANCELLED, what `sendTrials` throws; with a bucket also SWEEP_OUTDATED, and what `readDataset` throws
 */
export async function runSweepByJobs(
  workspace: Workspace,
  queue: Queue,
  sweep: Sweep,
  { bucket, ...watch }: SweepJobsWatch = {},
): Promise<SweepOutcome> {
  if (bucket) await sendSweep(bucket, workspace, sweep, watch.onProgress);
  await queue.forget(sweep.id);
  let outcome = await sendTrials(workspace, queue, sweep, bucket);
  if (!outcome.isThrough) {
    await waitForBatch(queue, sweep.id, {
      ...watch,
      look: async () => {
        outcome = await sendTrials(workspace, queue, sweep, bucket);
        return outcome.isThrough;
      },
      progress: (batch) => sweepProgress(outcome, batch),
    });
  }
  if (bucket && outcome.isThrough) await bringSweep(bucket, workspace, sweep);
  return outcome;
}

/**
 * Sees that workers do not train what this process is about to train.
 *
 * @throws SWEEP_QUEUED, BAD_DATABASE_URL, JOBS_AWAY
 */
export async function checkNotQueued(options: QueueOptions, { id }: Pick<Sweep, 'id'>): Promise<void> {
  const jobs = await countOpenJobs(options, id);
  if (jobs > 0) throw SweepQueued(id, jobs);
}

/** Sends what trials need: the data set, weights that are in files, what earlier trials came to, and then the sweep's record. */
async function sendSweep(bucket: Bucket, workspace: Workspace, sweep: Sweep, onProgress: OnProgress | undefined): Promise<void> {
  const task = findTask(sweep.task);
  const dataset = await readDataset(workspace, task);
  if (dataset.fingerprint !== sweep.data.fingerprint) throw SweepOutdated(sweep.id);
  await sendDataset(bucket, workspace, task, dataset, onProgress);
  for (const start of startsOf(sweep))
    await sendWeights(bucket, await weightsToBegin({ workspace, task, ...start, ...(onProgress && { onProgress }) }));
  const { runs } = await readRuns(workspace);
  for (const run of runs) if (run.sweep?.id === sweep.id && resultOf(sweep, run)) await sendRun(bucket, workspace, run);
  await sendFile(bucket, workspace, workspace.sweep(sweep.id, 'json'));
}

/** Brings what a sweep has come to so far, with the models. @returns ids of the runs that came */
export function bringSweep(bucket: Bucket, workspace: Workspace, sweep: Sweep): Promise<string[]> {
  return bringRuns(bucket, workspace, runsOf(sweep), { withFiles: true });
}

function sweepProgress({ plan, results, ranked }: SweepOutcome, batch: Batch): Progress {
  const { epochs: total } = sizeOf(plan);
  const through = plan.rungs.flat().filter(({ id }) => results.has(id));
  const done = through.reduce((sum, { epochs }) => sum + epochs, 0);
  const best = ranked[0]?.mean ?? null;
  const news = [activityOf(batch), best === null ? undefined : `best ${plan.sweep.metric} ${best.toFixed(4)}`].filter(Boolean);
  // Of candidates that go on early there may be more than of those that wait.
  return { label: 'epochs', done: Math.min(done, total), total, ...(news.length > 0 && { note: news.join(' · ') }) };
}

/** The records of two trials that ended together may show late on a shared folder: NFS keeps what it knows of a folder for so long, in ms. */
const lateMilliseconds = 60_000;

/** Runs trials of one sweep after another; those of the same share what they read. Call `leave` when there is nothing to do. */
export class SweepDesk {
  private open: OpenSweep | undefined;
  private usedAt = 0;
  private readonly workspace: Workspace;

  /** @param exchange by way of which bucket, where workers share no folder */
  constructor(
    workspace: Workspace,
    private readonly queue: Queue,
    private readonly exchange?: Exchange,
  ) {
    this.workspace = exchange?.desk ?? workspace;
  }

  /** @returns what the trial came to; undefined where the signal stopped it. @throws as `runTrial`, and SWEEP_NOT_FOUND */
  async run({ batch, trial }: TrialJob, watch: TrainingWatch): Promise<TrialResult | undefined> {
    const { sweep, runner } = await this.sitAt(batch, watch.onProgress);
    const bucket = this.exchange?.bucket;
    // A worker that was killed may have sent what the trial came to.
    if (bucket) await bringRuns(bucket, this.workspace, runsOf(sweep));
    const record = trial === bestTrial ? await this.runBest(sweep, runner, watch) : await runner.run(trial, watch);
    const result = resultOf(sweep, record);
    this.usedAt = performance.now();
    // Before the job is over: where this worker dies in between, the next one comes by here again.
    if (result && bucket) await sendRun(bucket, this.workspace, record);
    if (result) await sendTrials(this.workspace, this.queue, sweep, bucket);
    return result;
  }

  /** Looks once more whether the last sweep goes on. */
  async leave(): Promise<void> {
    if (!this.open) return;
    const { isThrough } = await sendTrials(this.workspace, this.queue, this.open.sweep, this.exchange?.bucket);
    if (isThrough || performance.now() - this.usedAt > lateMilliseconds) this.close();
  }

  close(): void {
    this.open?.runner.close();
    this.open = undefined;
  }

  private async runBest(sweep: Sweep, runner: TrialRunner, watch: TrainingWatch): ReturnType<TrialRunner['runBest']> {
    const { ranked } = await readOutcome(this.workspace, sweep);
    return runner.runBest(ranked[0]!.candidate, watch);
  }

  private async sitAt(id: string, onProgress?: OnProgress): Promise<OpenSweep> {
    if (this.open?.sweep.id === id) return this.open;
    this.close();
    this.open = await (this.exchange ? openInBucket(this.exchange, id, onProgress) : openSweep(this.workspace, id));
    return this.open;
  }
}

interface OpenSweep {
  readonly sweep: Sweep;
  readonly runner: TrialRunner;
}

async function openSweep(workspace: Workspace, id: string): Promise<OpenSweep> {
  const sweep = await readSweep(workspace, id);
  return { sweep, runner: await TrialRunner.open(workspace, planSweep(sweep)) };
}

async function openInBucket(exchange: Exchange, id: string, onProgress: OnProgress | undefined): Promise<OpenSweep> {
  const { bucket, desk } = exchange;
  if (!(await bringFile(bucket, desk, desk.sweep(id, 'json')))) throw NotInBucket(id);
  const { weightsFile: named, ...found } = await readSweep(desk, id);
  const [weightsFile] = await Promise.all(Object.values(found.weights).map((weights) => bringWeights(exchange, named, weights)));
  const sweep: Sweep = { ...found, ...(weightsFile && { weightsFile }) };
  const workspace = await bringDataset(bucket, desk, sweep.task, sweep.data.fingerprint, onProgress);
  const runner = await TrialRunner.open(workspace, planSweep(sweep), (ids, work, signal) => makeRunsOnce(exchange, ids, work, signal));
  return { sweep, runner };
}
