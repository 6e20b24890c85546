import { type ForeignRun, foreignRunVersion, type RunRecord } from '../experiments';
import { writeJson } from '../files';
import type { Workspace } from '../workspace';
import { listExperiments, type RemoteRun, searchRuns } from './api';
import { closeClient, openClient } from './client';
import { fingerprintTag, parentTag, runTag } from './describe';
import { NoSuchExperiment, NoTrackingServer } from './errors';
import { commandPatience, type MlflowOptions } from './push';
import { mlflowSettings } from './settings';

const statuses: Readonly<Record<RemoteRun['status'], RunRecord['status']>> = {
  RUNNING: 'running',
  SCHEDULED: 'running',
  FINISHED: 'finished',
  FAILED: 'failed',
  KILLED: 'interrupted',
};

/**
 * Fetches the runs of an MLflow server that are not ours, such as those made in Python, into `experiments/mlflow`: their parameters and the latest
 * value of each metric. Those fetched before are fetched again.
 *
 * @param experiment the name of the one to fetch from; by default MLFLOW_EXPERIMENT_NAME, or all of them
 * @throws NO_SUCH_EXPERIMENT, and what `pushRuns` throws
 */
export async function pullRuns(
  workspace: Workspace,
  { experiment, env = process.env, onProgress }: MlflowOptions & { readonly experiment?: string } = {},
): Promise<ForeignRun[]> {
  const settings = mlflowSettings(env);
  if (!settings) throw NoTrackingServer();
  const client = await openClient(settings, commandPatience);
  try {
    const all = await listExperiments(client);
    const wanted = experiment ?? settings.experiment;
    const experiments = all.filter(({ name }) => wanted === undefined || name === wanted);
    if (wanted !== undefined && experiments.length === 0)
      throw NoSuchExperiment(
        wanted,
        all.map(({ name }) => name),
      );
    const names = new Map(experiments.map(({ experiment_id: id, name }) => [id, name]));
    const found = await searchRuns(client, [...names.keys()]);
    const runs = found.filter(({ tags }) => !tags.has(runTag)).map((run) => describe(run, settings.url, names.get(run.experimentId)!));
    for (const [index, run] of runs.entries()) {
      await writeJson(workspace.foreignRun(run.id), run);
      onProgress?.({ label: 'runs from MLflow', done: index + 1, total: runs.length });
    }
    return runs;
  } finally {
    await closeClient(client);
  }
}

function describe(run: RemoteRun, server: string, experiment: string): ForeignRun {
  const { id, name, status, startTime, endTime, params, metrics, tags } = run;
  const user = tags.get('mlflow.user') ?? run.user;
  const commit = tags.get('mlflow.source.git.commit');
  const parent = tags.get(parentTag);
  const fingerprint = tags.get(fingerprintTag);
  return {
    schemaVersion: foreignRunVersion,
    from: 'mlflow',
    server,
    experiment,
    id,
    name,
    status: statuses[status],
    startedAt: new Date(startTime).toISOString(),
    ...(endTime && { finishedAt: new Date(endTime).toISOString() }),
    ...(user && { user }),
    ...(commit && { commit }),
    ...(parent && { parent }),
    ...(fingerprint && { fingerprint }),
    params: Object.fromEntries(params),
    metrics: Object.fromEntries([...metrics.values()].map(({ key, value }) => [key, value])),
  };
}
