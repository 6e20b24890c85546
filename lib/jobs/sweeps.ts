import type { Progress } from '../progress';
import {
  bestTrial,
  planSweep,
  readOutcome,
  readSweep,
  readyTrials,
  resultOf,
  type Sweep,
  type SweepOutcome,
  type SweepWatch,
  sizeOf,
  type TrialResult,
  TrialRunner,
} from '../sweeps';
import type { TrainingWatch } from '../training';
import type { Workspace } from '../workspace';
import { activityOf, type Batch, waitForBatch } from './batches';
import type { TrialJob } from './job';
import type { Queue } from './queue';

/**
 * Sends what of a sweep may run now and is not on its way. It is called after each trial, by whoever ran it, and so needs nobody who conducts the sweep: the
 * records decide what is next, and a job that is sent twice is there once. With halving a candidate goes on as soon as it is among the best (ASHA), so that
 * no worker waits for another. A sweep of which jobs were cancelled does not go on by itself.
 *
 * @throws RUN_UNREADABLE, JOBS_AWAY
 */
export async function sendTrials(workspace: Workspace, queue: Queue, sweep: Sweep): Promise<SweepOutcome> {
  const outcome = await readOutcome(workspace, sweep);
  if (outcome.isThrough || (await queue.list(sweep.id)).some(({ state }) => state === 'cancelled')) return outcome;
  const ready = readyTrials(outcome.plan, outcome.results, { isAsynchronous: true });
  const trials = ready.length > 0 ? ready.map(({ id, rung }) => ({ id, rung })) : [{ id: bestTrial, rung: outcome.plan.rungs.length }];
  await queue.send(trials.map(({ id, rung }) => ({ job: { kind: 'trial', batch: sweep.id, trial: id }, priority: rung })));
  return outcome;
}

/**
 * Has a sweep run by the workers, and waits for them. Jobs of it that failed or were cancelled are sent again. The signal only ends the waiting.
 *
 * @throws JOBS_FAILED, JOBS_CANCELLED, and what `sendTrials` throws
 */
export async function runSweepByJobs(workspace: Workspace, queue: Queue, sweep: Sweep, watch: SweepWatch = {}): Promise<SweepOutcome> {
  await queue.forget(sweep.id);
  let outcome = await sendTrials(workspace, queue, sweep);
  if (outcome.isThrough) return outcome;
  await waitForBatch(queue, sweep.id, {
    ...watch,
    look: async () => {
      outcome = await sendTrials(workspace, queue, sweep);
      return outcome.isThrough;
    },
    progress: (batch) => sweepProgress(outcome, batch),
  });
  return outcome;
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
  private open: { readonly sweep: Sweep; readonly runner: TrialRunner } | undefined;
  private usedAt = 0;

  constructor(
    private readonly workspace: Workspace,
    private readonly queue: Queue,
  ) {}

  /** @returns what the trial came to; undefined where the signal stopped it. @throws as `runTrial`, and SWEEP_NOT_FOUND */
  async run({ batch, trial }: TrialJob, watch: TrainingWatch): Promise<TrialResult | undefined> {
    const { sweep, runner } = await this.sitAt(batch);
    const record = trial === bestTrial ? await this.runBest(sweep, runner, watch) : await runner.run(trial, watch);
    const result = resultOf(sweep, record);
    this.usedAt = performance.now();
    // Before the job is over: where this worker dies in between, the next one comes by here again.
    if (result) await sendTrials(this.workspace, this.queue, sweep);
    return result;
  }

  /** Looks once more whether the last sweep goes on. */
  async leave(): Promise<void> {
    if (!this.open) return;
    const { isThrough } = await sendTrials(this.workspace, this.queue, this.open.sweep);
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

  private async sitAt(id: string): Promise<{ readonly sweep: Sweep; readonly runner: TrialRunner }> {
    if (this.open?.sweep.id === id) return this.open;
    this.close();
    const sweep = await readSweep(this.workspace, id);
    this.open = { sweep, runner: await TrialRunner.open(this.workspace, planSweep(sweep)) };
    return this.open;
  }
}
