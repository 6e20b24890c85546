import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunRecord } from '../experiments';
import { isMissing } from '../files';
import type { Workspace } from '../workspace';
import type { RemoteRun } from './api';
import { type MlflowClient, upload } from './client';
import { parseUrl } from './settings';

/** Where MLflow's server takes files on behalf of their storage. */
const proxy = '/api/2.0/mlflow-artifacts/artifacts';

/** The folder of the model among a run's artifacts. */
export const modelFolder = 'model';

/**
 * Where a run's files can be sent: through the server (`mlflow-artifacts:`, the default of `mlflow server`) or to an http address.
 *
 * @returns undefined where they lie in a storage that only its owner reaches, such as `s3:` or a folder of the server's machine
 */
export function artifactRoot(server: string, artifactUri: string): string | undefined {
  const address = parseUrl(artifactUri);
  switch (address?.protocol) {
    case 'http:':
    case 'https:':
      return artifactUri.replace(/\/+$/, '');
    case 'mlflow-artifacts:':
      return `${address.host ? `${new URL(server).protocol}//${address.host}` : server}${proxy}${address.pathname}`;
    default:
      return undefined;
  }
}

/** An artifact's place in MLflow: the model's files in `model`, and those beside the record at the top. */
export function artifactPath(workspace: Workspace, { id, task }: RunRecord, file: string): string {
  const home = path.dirname(workspace.experiments);
  const below = (folder: string): string | undefined => {
    const inside = path.relative(folder, path.join(home, file));
    return inside.startsWith('..') ? undefined : inside.split(path.sep).join('/');
  };
  const ofModel = below(workspace.model(task, id));
  return ofModel === undefined ? (below(workspace.experiment(id)) ?? file) : `${modelFolder}/${ofModel}`;
}

/** Sends a file of the workspace's home. @returns whether it is there to be sent */
export async function sendArtifact(
  client: MlflowClient,
  workspace: Workspace,
  { artifactUri }: RemoteRun,
  file: { readonly path: string; readonly as: string },
): Promise<boolean> {
  const root = artifactRoot(client.settings.url, artifactUri);
  if (root === undefined) return false;
  let content: Buffer;
  try {
    content = await readFile(path.join(path.dirname(workspace.experiments), file.path));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  await upload(client, `${root}/${file.as.split('/').map(encodeURIComponent).join('/')}`, content);
  return true;
}
