import { readServed } from '../models';
import type { Workspace } from '../workspace';
import { createModel, createVersion, modelAliases, setAlias, versionOfRun } from './api';
import { modelFolder } from './artifacts';
import type { MlflowClient } from './client';
import { runTag } from './describe';
import { findRemote } from './sendRun';

/** The alias of the version that serves. Aliases took the place of stages, which MLflow 3 no longer wants used. */
export const currentAlias = 'current';

/** The registered model of a task, and its version that serves. */
export interface ModelSent {
  readonly name: string;
  readonly version: string;
  /** Whether the alias was moved. */
  readonly moved: boolean;
}

/**
 * Makes the model that serves a task a version of the registered model `visionbook-<task>`, unless it is one, and gives it the alias `current`. Going
 * back to an earlier model moves the alias back to its version.
 *
 * @returns undefined where no model serves, or the server does not have its run
 * @throws UNREADABLE_MODEL, and what `call` throws
 */
export async function sendModel(client: MlflowClient, workspace: Workspace, task: string): Promise<ModelSent | undefined> {
  const served = await readServed(workspace, task);
  const remote = served && (await findRemote(client, workspace, served.run));
  if (!remote || remote.isDeleted) return undefined;
  const { id: run } = remote;
  const name = `visionbook-${task}`;
  const aliases = await modelAliases(client, name);
  if (!aliases)
    await createModel(client, name, `Models that served visionbook's ${task} task; the alias "${currentAlias}" is on the one that does.`);
  const version =
    (await versionOfRun(client, name, run)) ??
    (await createVersion(client, { name, run, source: `runs:/${run}/${modelFolder}`, tags: [{ key: runTag, value: served.run }] }));
  const moved = aliases?.get(currentAlias) !== version;
  if (moved) await setAlias(client, name, currentAlias, version);
  return { name, version, moved };
}
