import { VisionbookError } from '../errors';
import { readRuns } from '../experiments';
import type { OnProgress } from '../progress';
import type { Workspace } from '../workspace';
import { closeClient, openClient, type Patience } from './client';
import { isServerAway, NoTrackingServer } from './errors';
import { type ModelSent, sendModel } from './sendModel';
import { isComplete, ourRuns, type RunSent, sendRun } from './sendRun';
import { mlflowSettings } from './settings';

/** How to push or pull. */
export interface MlflowOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: OnProgress;
}

/** What became of all runs. */
export interface PushOutcome {
  readonly runs: Readonly<Record<RunSent['outcome'], readonly string[]>>;
  readonly models: readonly ModelSent[];
  /** Runs that the server refused, and records that cannot be read. */
  readonly problems: readonly { readonly run: string; readonly reason: string }[];
}

/** Somebody waits for a push, so it may wait longer for the server than a training. */
export const commandPatience: Patience = { seconds: 60, retries: 5 };

/**
 * Sends every run that an MLflow server does not have in full, and gives the models that serve their alias. Done again it sends nothing.
 *
 * @throws NO_TRACKING_SERVER, BAD_TRACKING_URI, MLFLOW_UNREACHABLE, MLFLOW_UNREADABLE, and MLFLOW_REFUSED where it is not about one run
 */
export async function pushRuns(workspace: Workspace, { env = process.env, onProgress }: MlflowOptions = {}): Promise<PushOutcome> {
  const settings = mlflowSettings(env);
  if (!settings) throw NoTrackingServer();
  const client = await openClient(settings, commandPatience);
  try {
    const { runs, problems } = await readRuns(workspace);
    const there = await ourRuns(client);
    const outcome = {
      runs: { new: [] as string[], completed: [] as string[], unchanged: [] as string[], deleted: [] as string[] },
      problems: problems.map(({ path, reason }) => ({ run: path, reason })),
    };
    for (const [index, record] of runs.entries()) {
      onProgress?.({ label: 'runs to MLflow', done: index, total: runs.length });
      const remote = there.get(record.id);
      if (remote && isComplete(record, remote)) {
        outcome.runs.unchanged.push(record.id);
        continue;
      }
      try {
        outcome.runs[(await sendRun(client, workspace, record, remote ?? null)).outcome].push(record.id);
      } catch (error) {
        if (!(error instanceof VisionbookError) || isServerAway(error)) throw error;
        outcome.problems.push({ run: record.id, reason: error.message });
      }
    }
    onProgress?.({ label: 'runs to MLflow', done: runs.length, total: runs.length });
    const models: ModelSent[] = [];
    for (const task of new Set(runs.map((run) => run.task))) {
      const sent = await sendModel(client, workspace, task);
      if (sent) models.push(sent);
    }
    return { ...outcome, models };
  } finally {
    await closeClient(client);
  }
}
