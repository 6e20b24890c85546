import type { RunRecord } from '../experiments';
import { readIfPresent } from '../files';
import type { Workspace } from '../workspace';
import {
  createRun,
  type Entry,
  ensureExperiment,
  getRun,
  listExperiments,
  logBatch,
  type Metric,
  type RemoteRun,
  searchRuns,
  updateRun,
} from './api';
import { artifactRoot, filesOf, sendArtifact } from './artifacts';
import type { MlflowClient } from './client';
import { completeTag, endOf, extent, extentTag, firstTagsOf, metricsOf, paramsOf, parentTag, runTag, statusOf, tagsOf } from './describe';
import { readSent, sendingAlone, writeSent } from './sent';

/** What became of a run. */
export interface RunSent {
  /** `unchanged` when the server had all of it; `deleted` when somebody deleted it there: then nothing is sent. */
  readonly outcome: 'new' | 'completed' | 'unchanged' | 'deleted';
  /** As the server has it now. */
  readonly remote: RemoteRun;
}

/**
 * Sends what a server does not have yet of a run. What it has, the server itself is asked, so a call that failed half-way is taken up where it
 * stopped, and nothing is there twice.
 *
 * @param known the run as it was after the last call, or null where a search has just not found it: both spare asking
 * @throws RUN_BEING_SENT, and what `call` throws
 */
export function sendRun(client: MlflowClient, workspace: Workspace, record: RunRecord, known?: RemoteRun | null): Promise<RunSent> {
  return sendingAlone(workspace, record.id, async () => {
    const { url: server } = client.settings;
    const found = known ?? (await findRemote(client, workspace, record.id, { search: known === undefined }));
    if (found?.isDeleted) {
      await writeSent(workspace, record.id, { server, run: found.id, complete: true });
      return { outcome: 'deleted', remote: found };
    }
    const before = found ?? (await create(client, record));
    const sent = await readSent(workspace, record.id);
    if (sent?.server !== server || sent.run !== before.id)
      await writeSent(workspace, record.id, { server, run: before.id, complete: false });
    const remote = await complete(client, workspace, record, before);
    if (isComplete(record, remote)) await writeSent(workspace, record.id, { server, run: before.id, complete: true });
    return { outcome: !found ? 'new' : remote === before ? 'unchanged' : 'completed', remote };
  });
}

/** Whether a server has all of a run that has ended, and all that is sent of one today. */
export function isComplete(record: RunRecord, { status, tags }: RemoteRun): boolean {
  const isThere = status === statusOf(record) && tags.get(completeTag) === record.updatedAt && tags.get(extentTag) === extent;
  return record.status !== 'running' && isThere;
}

/** Runs of ours that a server has, by our ids: all, or one. */
export async function ourRuns(client: MlflowClient, id?: string): Promise<Map<string, RemoteRun>> {
  const experiments = (await listExperiments(client)).map(({ experiment_id: experiment }) => experiment);
  const filter = `tags.\`${runTag}\` ${id === undefined ? "LIKE '%'" : `= '${id}'`}`;
  const runs = await searchRuns(client, experiments, { filter, deletedToo: true });
  return new Map(runs.map((run) => [run.tags.get(runTag)!, run]));
}

/** A run of ours as a server has it: `mlflow.json` says where to look, and the run's tag where that is not known. */
export async function findRemote(
  client: MlflowClient,
  workspace: Workspace,
  runId: string,
  { search = true }: { readonly search?: boolean } = {},
): Promise<RemoteRun | undefined> {
  const sent = await readSent(workspace, runId);
  const noted = sent?.server === client.settings.url && sent.run ? await getRun(client, sent.run) : undefined;
  return noted ?? (search ? (await ourRuns(client, runId)).get(runId) : undefined);
}

async function create(client: MlflowClient, record: RunRecord): Promise<RemoteRun> {
  const experiment = await ensureExperiment(client, client.settings.experiment ?? `visionbook-${record.task}`);
  return createRun(client, { experiment, name: record.id, startTime: Date.parse(record.startedAt), tags: firstTagsOf(record) });
}

async function complete(client: MlflowClient, workspace: Workspace, record: RunRecord, before: RemoteRun): Promise<RemoteRun> {
  if (isComplete(record, before)) return before;
  const parent = before.tags.get(parentTag) ?? (record.parent && (await findRemote(client, workspace, record.parent))?.id);
  const params = paramsOf(record).filter(({ key }) => !before.params.has(key)); // MLflow never changes a parameter
  const tags = tagsOf(record, parent).filter(({ key, value }) => before.tags.get(key) !== value);
  const metrics = metricsOf(record).filter(({ key, step }) => step > (before.metrics.get(key)?.step ?? -1));
  let remote = before;
  const log = async (entries: Partial<Logged>): Promise<void> => {
    const all = { params: [], tags: [], metrics: [], ...entries };
    if (all.params.length + all.tags.length + all.metrics.length === 0) return;
    await logBatch(client, before.id, all);
    remote = withLogged(remote, all);
  };
  await log({ params, tags, metrics });
  const hasEnded = record.status !== 'running';
  if (hasEnded) {
    for (const file of await filesOf(workspace, record, before)) {
      const tag = { key: `visionbook.sha256.${file.as}`, value: file.sha256 };
      if (before.tags.get(tag.key) === tag.value) continue;
      if (await sendArtifact(client, before, file)) await log({ tags: [tag] });
    }
    await sendArtifact(client, before, { as: 'run.json', read: () => readIfPresent(workspace.runRecord(record.id)) });
  }
  if (before.status !== statusOf(record)) {
    await updateRun(client, before.id, statusOf(record), hasEnded ? Date.parse(endOf(record)) : undefined);
    remote = { ...remote, status: statusOf(record) };
  }
  const completed = [
    { key: extentTag, value: extent },
    { key: completeTag, value: record.updatedAt },
  ];
  if (hasEnded) await log({ tags: [...unreachableFiles(client, before), ...completed] });
  return remote;
}

function unreachableFiles({ settings }: MlflowClient, { artifactUri }: RemoteRun): Entry[] {
  if (artifactRoot(settings.url, artifactUri) !== undefined) return [];
  return [{ key: 'visionbook.artifacts', value: `not sent: ${new URL(artifactUri, 'file:').protocol} is not reached through the server` }];
}

interface Logged {
  readonly params: readonly Entry[];
  readonly tags: readonly Entry[];
  readonly metrics: readonly Metric[];
}

function withLogged(run: RemoteRun, { params, tags, metrics }: Logged): RemoteRun {
  const added = (map: Map<string, string>, entries: readonly Entry[]): Map<string, string> =>
    new Map([...map, ...entries.map(({ key, value }) => [key, value] as const)]);
  return {
    ...run,
    params: added(run.params, params),
    tags: added(run.tags, tags),
    metrics: new Map([...run.metrics, ...metrics.map((metric) => [metric.key, metric] as const)]),
  };
}
