import { renewModelCards } from '../cards';
import { isErrorOf } from '../errors';
import { announceModel } from '../mlflow';
import { hasServed, promote, readServed, reject } from '../models';
import type { Progress } from '../progress';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { archiveCorrections } from './archive';
import { NoCorrections, NotCorrectable } from './errors';
import type { GateResult } from './gate';
import { type Attempt, claimAttempt, endAttempt, type Judged, type RetrainingEnd, type RetrainingStage, writeAttempt } from './journal';
import { type Correction, nameOf, readPending, relativePicture, takesCorrections } from './pending';
import { carryOut, planRetraining, type RetrainOptions, type RetrainOutcome } from './retrain';
import { readRetraining, refreshStatus } from './status';

/** How to run a whole cycle. */
export type CycleOptions = Omit<RetrainOptions, 'corrections'>;

/** What a cycle came to. */
export interface CycleOutcome {
  /** Absent when only an earlier cycle's verdict was left to act on. */
  readonly retrained?: RetrainOutcome;
  /** Absent when the cycle was stopped: it is then taken up again by the next one. */
  readonly verdict?: 'promoted' | 'rejected';
  readonly reason?: string;
  readonly gate?: GateResult;
  /** The new model's run. */
  readonly run?: string;
  /** Where the corrections went, after a promotion. */
  readonly history?: string;
}

/**
 * The whole cycle: retrains the current model on the pending corrections, judges the new one, and puts it in the old one's place or keeps it as
 * rejected. Promoted, the corrections go to `corrections/history`; rejected or failed, they stay pending. Where it is stands in
 * `corrections/retraining.json` and `retraining_status.txt`.
 *
 * A kill at any moment leaves a model that serves and every correction. The next cycle then acts on the verdict where one was reached, and
 * otherwise begins anew. Stopped by the signal, it is taken up in the same way.
 *
 * @throws RETRAINING_RUNNING, NO_CORRECTIONS, and what `retrain` and the file system throw; the state is then `failed`
 */
export async function retrainTask(options: CycleOptions): Promise<CycleOutcome> {
  const { workspace, task, signal } = options;
  if (!takesCorrections(task)) throw NotCorrectable(task.name);
  const corrections: Correction[] = [];
  const claimed = await claimAttempt(workspace, async () => {
    corrections.push(...(await readPending(workspace, task)));
    if (corrections.length === 0) throw NoCorrections(workspace.pendingCsv);
    return {
      corrections: corrections.map(({ path, timestamp, labels }) => ({ image: relativePicture(workspace, path), timestamp, labels })),
    };
  });
  const attempt = new AttemptUnderWay(workspace, task, claimed);
  try {
    if (claimed.judged) return await conclude(workspace, task, attempt, claimed.judged);
    await refreshStatus(workspace, task);
    const retrained = await retrainWatched({ ...options, corrections }, attempt);
    if (!retrained.gate) return await stopped(attempt, retrained);
    const judged = { run: retrained.run.id, base: retrained.plan.base.card.runId, gate: retrained.gate };
    await attempt.enter('promotion', { judged });
    return { retrained, ...(await conclude(workspace, task, attempt, judged)) };
  } catch (error) {
    if (signal?.aborted && !attempt.state.judged) return stopped(attempt);
    // What the disk or another process is in the way of can be done later; without its model it cannot.
    const isLasting = !attempt.state.judged || isErrorOf(error, 'NO_MODEL', 'UNREADABLE_MODEL');
    await (isLasting ? attempt.fail(error) : attempt.leave()).catch(() => undefined); // a full disk is why it failed
    throw error;
  }
}

/** Takes up a cycle that was cut short, if there is one. @throws as `retrainTask` */
export async function resumeRetraining(options: CycleOptions): Promise<CycleOutcome | undefined> {
  const { status, stage } = await readRetraining(options.workspace, options.task);
  return status === 'waiting' && stage !== undefined ? retrainTask(options) : undefined;
}

/** Retrains, and lets the journal follow. */
async function retrainWatched(options: RetrainOptions, attempt: AttemptUnderWay): Promise<RetrainOutcome> {
  const watched: RetrainOptions = {
    ...options,
    onProgress: (progress) => {
      attempt.progress(progress);
      options.onProgress?.(progress);
    },
    onPhase: (phase) => {
      attempt.begin(phase);
      options.onPhase?.(phase);
    },
  };
  const plan = await planRetraining(watched);
  attempt.expect(plan.stage.epochs);
  return carryOut(plan, watched);
}

async function stopped(attempt: AttemptUnderWay, retrained?: RetrainOutcome): Promise<CycleOutcome> {
  await attempt.leave();
  return retrained ? { retrained } : {};
}

/** Acts on the verdict. Every step may have been done before, by a process that was killed after it. */
async function conclude(workspace: Workspace, task: Task, attempt: AttemptUnderWay, judged: Judged): Promise<CycleOutcome> {
  const { run, gate } = judged;
  if (attempt.state.stage !== 'archiving') {
    const refusal = gate.verdict === 'rejected' ? gate.reason : await tryPromotion(workspace, task, judged);
    if (refusal !== undefined) {
      await reject(workspace, task.name, run, refusal);
      await renewModelCards(workspace, task);
      await attempt.end({ run, verdict: 'rejected', reason: refusal, gate });
      return { verdict: 'rejected', reason: refusal, gate, run };
    }
    announceModel(workspace, task.name);
    await renewModelCards(workspace, task);
    await attempt.enter('archiving');
  }
  const history = await archiveCorrections(workspace, task, attempt.state, judged);
  await attempt.end({ run, verdict: 'promoted', reason: gate.reason, gate });
  return { verdict: 'promoted', reason: gate.reason, gate, run, history };
}

/** Promotes the new model, unless another one serves by now. @returns why it did not */
async function tryPromotion(workspace: Workspace, task: Task, { run, base, gate }: Judged): Promise<string | undefined> {
  const served = await readServed(workspace, task.name);
  // Promoted before the kill, and perhaps rolled back since: that is to stay.
  if (served && hasServed(served, run)) return undefined;
  try {
    await promote(workspace, task.name, run, gate.reason, { replacing: base });
    return undefined;
  } catch (error) {
    if (!isErrorOf(error, 'MODEL_CHANGED')) throw error;
    return `another model came to serve meanwhile, which it was not measured against: it was made from ${base}`;
  }
}

/** Where each stage lies in the whole, as it does for the sample on two cores. */
const spans: Readonly<Record<RetrainingStage, readonly [from: number, to: number]>> = {
  planning: [0, 0.05],
  'frozen layers': [0.05, 0.3],
  training: [0.3, 0.82],
  evaluation: [0.82, 0.88],
  gate: [0.88, 0.98],
  promotion: [0.98, 0.99],
  archiving: [0.99, 1],
};
/** Progress is written no more often than this, in ms. */
const interval = 500;
/** Before this share of the work is done, nothing is said of the time that is left. */
const earliestEstimate = 0.05;

/** This process' attempt: keeps the journal and the status file up to date. */
class AttemptUnderWay {
  private writtenAt = 0;
  /** When this process began, in ms: an attempt that was taken up has lost time in between. */
  private readonly since = performance.now();
  /** Settles when all that was to be written is. */
  private written: Promise<void> = Promise.resolve();

  constructor(
    private readonly workspace: Workspace,
    private readonly task: Task,
    private attempt: Attempt,
  ) {}

  get state(): Attempt {
    return this.attempt;
  }

  /** Begins a stage; when this returns, the journal says so. */
  enter(stage: RetrainingStage, more: Pick<Attempt, 'judged'> = {}): Promise<void> {
    this.attempt = { ...this.attempt, ...more, stage, progress: spans[stage][0] };
    return this.write();
  }

  /** Begins a stage, and does not wait for the journal. */
  begin(stage: RetrainingStage): void {
    this.enter(stage).catch(() => undefined); // the next stage that is waited for says what is wrong
  }

  /** Notes how far the stage is; written now and then. */
  progress({ label, done, total }: Progress): void {
    const { stage } = this.attempt;
    if (total <= 0) return;
    const [from, to] = spans[stage];
    const progress = Math.max(this.attempt.progress, from + (to - from) * Math.min(1, done / total));
    const etaSeconds = ((performance.now() - this.since) / 1000) * ((1 - progress) / progress);
    const isTraining = stage === 'training' && label === 'retrain' && this.attempt.epochs !== undefined;
    const epochs = this.attempt.epochs ?? 1;
    this.attempt = {
      ...this.attempt,
      progress,
      ...(progress >= earliestEstimate && { etaSeconds }),
      ...(isTraining && { epoch: Math.min(epochs, Math.floor((done / total) * epochs) + 1) }),
    };
    if (performance.now() - this.writtenAt < interval) return;
    this.write().catch(() => undefined); // as in `begin`
  }

  /** How many epochs there are going to be. */
  expect(epochs: number): void {
    this.attempt = { ...this.attempt, epochs };
  }

  /** Nobody works on it any more; the next cycle takes it up. */
  async leave(): Promise<void> {
    const { process: _, ...left } = this.attempt;
    this.attempt = left;
    await this.write();
    await refreshStatus(this.workspace, this.task);
  }

  async fail(error: unknown): Promise<void> {
    await this.end({ verdict: 'failed', reason: error instanceof Error ? error.message : String(error) });
  }

  async end(last: Omit<RetrainingEnd, 'at'>): Promise<void> {
    await this.written.catch(() => undefined);
    const tried = last.verdict === 'promoted' ? [] : this.attempt.corrections.map(nameOf);
    await endAttempt(this.workspace, { at: new Date().toISOString(), ...last }, tried);
    await refreshStatus(this.workspace, this.task);
  }

  private write(): Promise<void> {
    this.writtenAt = performance.now();
    const turn = this.written
      .catch(() => undefined)
      .then(async () => {
        await writeAttempt(this.workspace, { ...this.attempt, updatedAt: new Date().toISOString() });
        await refreshStatus(this.workspace, this.task);
      });
    this.written = turn;
    return turn;
  }
}
