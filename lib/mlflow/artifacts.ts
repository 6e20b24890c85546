import path from 'node:path';
import { unlessError } from '../errors';
import type { RunRecord } from '../experiments';
import { readIfPresent, relativePath, sha256 } from '../files';
import { findModel } from '../models';
import type { Workspace } from '../workspace';
import type { RemoteRun } from './api';
import { type MlflowClient, upload } from './client';
import { flavourFiles } from './flavour';
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
  const below = (folder: string): string | undefined => {
    const inside = relativePath(folder, path.join(workspace.home, file));
    return inside.startsWith('..') ? undefined : inside;
  };
  const ofModel = below(workspace.model(task, id));
  return ofModel === undefined ? (below(workspace.experiment(id)) ?? file) : `${modelFolder}/${ofModel}`;
}

/** A file to be sent to MLflow. */
export interface SentFile {
  /** Its place among the run's artifacts. */
  readonly as: string;
  /** @returns undefined where the file is gone */
  read(): Promise<Buffer | undefined>;
}

/**
 * The files that a run made, and beside its model those by which MLflow's Python client loads it. What they are is known by their hash without reading them.
 *
 * @throws UNREADABLE_MODEL
 */
export async function filesOf(
  workspace: Workspace,
  record: RunRecord,
  { id: run }: RemoteRun,
): Promise<(SentFile & { readonly sha256: string })[]> {
  const made = record.artifacts.map((artifact) => ({
    as: artifactPath(workspace, record, artifact.path),
    read: () => readIfPresent(path.join(workspace.home, artifact.path)),
    bytes: artifact.bytes,
    sha256: artifact.sha256,
  }));
  const onnx = made.find(({ as }) => as === `${modelFolder}/model.onnx`);
  const model = onnx && (await unlessError(['NO_MODEL'], findModel(workspace, record.task, record.id)));
  if (!model) return made;
  const flavour = flavourFiles({ card: model.card, bytes: onnx.bytes, sha256: onnx.sha256, run, folder: modelFolder });
  const beside = Object.entries(flavour).map(([name, text]) => ({
    as: `${modelFolder}/${name}`,
    sha256: sha256(text),
    read: async () => Buffer.from(text),
  }));
  return [...made, ...beside];
}

/** Sends a file. @returns whether it is there to be sent, and can be */
export async function sendArtifact(client: MlflowClient, { artifactUri }: RemoteRun, { as, read }: SentFile): Promise<boolean> {
  const root = artifactRoot(client.settings.url, artifactUri);
  const content = root === undefined ? undefined : await read();
  if (!content) return false;
  await upload(client, `${root}/${as.split('/').map(encodeURIComponent).join('/')}`, content);
  return true;
}
