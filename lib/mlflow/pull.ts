import { type CurvePoint, curveOf, type ForeignRun, foreignRunVersion, type RunRecord } from '../experiments';
import { writeJson } from '../files';
import { evenly } from '../metrics';
import type { Workspace } from '../workspace';
import { listExperiments, type Metric, metricHistory, type RemoteRun, searchRuns } from './api';
import { closeClient, type MlflowClient, openClient } from './client';
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
 * Fetches the runs of an MLflow server that are not ours, such as those made in Python, into `experiments/mlflow`: their parameters, the latest
 * value of each metric, and the curves that a report draws. Those fetched before are fetched again.
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
    const foreign = found.filter(({ tags }) => !tags.has(runTag));
    const runs: ForeignRun[] = [];
    for (const remote of foreign) {
      const run = { ...describe(remote, settings.url, names.get(remote.experimentId)!), curves: await curvesOf(client, remote) };
      await writeJson(workspace.foreignRun(run.id), run);
      runs.push(run);
      onProgress?.({ label: 'runs from MLflow', done: runs.length, total: foreign.length });
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

/** Of the metrics that are drawn, and have more than one value. */
async function curvesOf(client: MlflowClient, { id, metrics }: RemoteRun): Promise<Record<string, CurvePoint[]>> {
  const drawn = [...metrics.keys()].filter((name) => curveOf(name));
  const curves = await Promise.all(drawn.map(async (name) => [name, curve(await metricHistory(client, id, name))] as const));
  return Object.fromEntries(curves.filter(([, points]) => points.length > 1));
}

/** More points than a figure has columns for only make files larger. */
const pointsAtMost = 400;

/** By step, all of a step's values in the order of time; where every step is 0, as it is without one, they are counted. */
function curve(history: readonly Metric[]): CurvePoint[] {
  const hasSteps = history.some(({ step }) => step !== 0);
  const points = history.map(({ step, value }, index) => ({ step: hasSteps ? step : index, value }));
  return evenly(
    points.sort((one, other) => one.step - other.step),
    pointsAtMost,
  );
}
