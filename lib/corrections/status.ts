import { VisionbookError } from '../errors';
import { readTextIfPresent, writeAtomic } from '../files';
import { settingsFor, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import { isUnderWay, type Journal, type RetrainingEnd, type RetrainingStage, readJournal } from './journal';
import { listPending } from './pending';

/** Where the retraining of a task is. */
export interface RetrainingState {
  /** `waiting`: one is due, because there are enough new corrections or because it was cut short. */
  readonly status: 'idle' | 'waiting' | 'running' | 'failed';
  /** The same in words. */
  readonly message: string;
  /** Pictures with a pending correction. */
  readonly pending: number;
  /** Of those, how many no retraining has tried yet. */
  readonly fresh: number;
  /** So many fresh ones start a retraining by themselves. */
  readonly minimum: number;
  /** Where it is, or was cut short. */
  readonly stage?: RetrainingStage;
  /** In [0, 1]. */
  readonly progress?: number;
  /** From 1 on. */
  readonly epoch?: number;
  readonly epochs?: number;
  readonly etaSeconds?: number;
  /** ISO 8601. */
  readonly startedAt?: string;
  readonly pid?: number;
  /** How the latest one ended. */
  readonly last?: RetrainingEnd;
}

/**
 * Where the retraining of a task is, whichever process does it. Files that cannot be used are a state too: `failed`, with what to do about it.
 *
 * @throws BAD_SETTINGS
 */
export async function readRetraining(workspace: Workspace, task: Task): Promise<RetrainingState> {
  const { minimum } = settingsFor(task, { isSample: false }).retraining;
  try {
    const [journal, names] = await Promise.all([readJournal(workspace), listPending(workspace, task)]);
    return stateOf(journal, names, minimum);
  } catch (error) {
    if (!(error instanceof VisionbookError)) throw error;
    return { status: 'failed', message: error.message, pending: 0, fresh: 0, minimum };
  }
}

/** Whether a retraining is due: there are enough corrections that none has tried, or one was cut short. */
export function shouldRetrain({ status }: RetrainingState): boolean {
  return status === 'waiting';
}

function stateOf({ attempt, last, tried }: Journal, names: readonly string[], minimum: number): RetrainingState {
  const pending = names.length;
  const fresh = names.filter((name) => !tried.includes(name)).length;
  const counts = { pending, fresh, minimum, ...(last && { last }) };
  if (attempt && isUnderWay(attempt)) {
    const { stage, progress, epoch, epochs, etaSeconds, startedAt, process } = attempt;
    return {
      status: 'running',
      message: describeProgress(stage, progress, epoch, epochs, etaSeconds),
      ...counts,
      stage,
      progress,
      ...(epoch !== undefined && { epoch, epochs }),
      ...(etaSeconds !== undefined && { etaSeconds }),
      startedAt,
      pid: process!.pid,
    };
  }
  if (attempt && (attempt.judged || pending > 0)) {
    const { stage, startedAt } = attempt;
    return { status: 'waiting', message: `A retraining was cut short (${stage}); it will be taken up again`, ...counts, stage, startedAt };
  }
  if (fresh >= minimum) return { status: 'waiting', message: `Enough corrections to retrain (${fresh}/${minimum})`, ...counts };
  if (last?.verdict === 'failed') return { status: 'failed', message: last.reason, ...counts };
  const kept = pending > fresh ? `, and ${pending - fresh} that a retraining has tried` : '';
  return { status: 'idle', message: `Waiting for corrections... (${fresh}/${minimum})${kept}`, ...counts };
}

function describeProgress(stage: RetrainingStage, progress: number, epoch?: number, epochs?: number, etaSeconds?: number): string {
  const where = stage === 'training' && epoch !== undefined ? `training, epoch ${epoch}/${epochs}` : stage;
  const left = etaSeconds === undefined ? '' : `, about ${Math.round(etaSeconds)} s left`;
  return `Retraining: ${where} (${Math.round(progress * 100)} %${left})`;
}

/**
 * Writes `corrections/retraining_status.txt`: `STATUS:` and idle, running or failed, then what that means. Several processes may do so at once. Each
 * looks again when it has written, so the last to write leaves the truth.
 *
 * @throws the file system's error
 */
export async function refreshStatus(workspace: Workspace, task: Task): Promise<void> {
  let text: string;
  do {
    text = statusText(await readRetraining(workspace, task));
    if (text !== (await readTextIfPresent(workspace.retrainingStatus))) await writeAtomic(workspace.retrainingStatus, text);
  } while (text !== statusText(await readRetraining(workspace, task)));
}

/** What waits is idle: nothing runs. */
function statusText({ status, message }: RetrainingState): string {
  return `STATUS:${status === 'waiting' ? 'idle' : status}\n${message.replaceAll('\n', ' ')}\n`;
}
