import path from 'node:path';
import { z } from 'zod';
import { readTextIfPresent, writeJson } from '../files';
import { withLock } from '../lock';
import type { Workspace } from '../workspace';
import { RunBeingSent } from './errors';

const sentSchema = z.object({
  /** The server's address. */
  server: z.string(),
  /** The run's id there; absent until it is known to be there. */
  run: z.string().optional(),
  /** Whether all of the run, which has ended, is there. */
  complete: z.boolean(),
});

/** How far a run has come on its way to a server, as `mlflow.json` beside its record says: the queue is all those that are not complete. */
export type Sent = Readonly<z.infer<typeof sentSchema>>;

/** @returns undefined where nothing was ever to be sent, or the file is damaged: the server then says what is there */
export async function readSent(workspace: Workspace, runId: string): Promise<Sent | undefined> {
  try {
    return sentSchema.parse(JSON.parse((await readTextIfPresent(fileOf(workspace, runId))) ?? 'null'));
  } catch {
    return undefined;
  }
}

export function writeSent(workspace: Workspace, runId: string, sent: Sent): Promise<void> {
  return writeJson(fileOf(workspace, runId), sent);
}

/** Sends a run while no other process does. @throws RUN_BEING_SENT after 10 seconds, and what `work` throws */
export function sendingAlone<Result>(workspace: Workspace, runId: string, work: () => Promise<Result>): Promise<Result> {
  return withLock(workspace.experiment(runId), {
    lockFile: `${fileOf(workspace, runId)}.lock`,
    retries: { retries: 40, minTimeout: 250, maxTimeout: 250 },
    busy: () => RunBeingSent(runId),
    work,
  });
}

function fileOf(workspace: Workspace, runId: string): string {
  return path.join(workspace.experiment(runId), 'mlflow.json');
}
