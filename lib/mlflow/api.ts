import { z } from 'zod';
import { call, callUnless, type MlflowCall, type MlflowClient } from './client';

/** JSON has no NaN, so MLflow writes it as text; its databases have no infinity either, and keep the largest number instead. */
const value = z
  .union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
  .transform(Number)
  .transform((number) => (Math.abs(number) === Number.MAX_VALUE ? number * Number.POSITIVE_INFINITY : number));
const pairs = z
  .array(z.object({ key: z.string(), value: z.string().default('') }))
  .default([])
  .transform((entries) => new Map(entries.map((entry) => [entry.key, entry.value])));
const time = z.coerce.number();
const metric = z.object({ key: z.string(), value, timestamp: time, step: z.coerce.number().default(0) });

const runSchema = z
  .object({
    info: z.object({
      run_id: z.string(),
      experiment_id: z.string(),
      run_name: z.string().default(''),
      user_id: z.string().default(''),
      status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
      start_time: time,
      end_time: time.optional(),
      artifact_uri: z.string(),
      lifecycle_stage: z.enum(['active', 'deleted']),
    }),
    data: z
      .object({
        metrics: z.array(metric).default([]),
        params: pairs,
        tags: pairs,
      })
      .prefault({}),
  })
  .transform(({ info, data }) => ({
    id: info.run_id,
    experimentId: info.experiment_id,
    name: info.run_name,
    user: info.user_id,
    status: info.status,
    startTime: info.start_time,
    endTime: info.end_time,
    artifactUri: info.artifact_uri,
    isDeleted: info.lifecycle_stage === 'deleted',
    params: data.params,
    tags: data.tags,
    /** The latest value of each metric. */
    metrics: new Map(data.metrics.map((metric) => [metric.key, metric])),
  }));

/** A run as MLflow has it; times are in ms since 1970. */
export type RemoteRun = z.infer<typeof runSchema>;

const experimentSchema = z.object({ experiment_id: z.string(), name: z.string() });
/** An experiment as MLflow has it. */
export type RemoteExperiment = z.infer<typeof experimentSchema>;

export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** A value of a metric; its time is in ms since 1970. */
export type Metric = Readonly<z.infer<typeof metric>>;

/** What every server gives at once. */
const pageSize = 1000;
const nothing = z.looseObject({});
const alreadyThere = 'RESOURCE_ALREADY_EXISTS';
const notThere = 'RESOURCE_DOES_NOT_EXIST';

/** An experiment's id; the experiment is made where there is none of that name. All functions here throw what `call` does. */
export async function ensureExperiment(client: MlflowClient, name: string): Promise<string> {
  const find = (): Promise<{ experiment: RemoteExperiment } | undefined> =>
    callUnless(client, notThere, {
      path: 'experiments/get-by-name',
      query: { experiment_name: name },
      answer: z.object({ experiment: experimentSchema }),
    });
  const found = await find();
  if (found) return found.experiment.experiment_id;
  const made = await callUnless(client, alreadyThere, {
    path: 'experiments/create',
    body: { name },
    answer: z.object({ experiment_id: z.string() }),
  });
  return made?.experiment_id ?? (await find())!.experiment.experiment_id;
}

export function listExperiments(client: MlflowClient): Promise<RemoteExperiment[]> {
  return allPages(client, { path: 'experiments/search', body: { view_type: 'ACTIVE_ONLY' } }, 'experiments', experimentSchema);
}

/** Runs of these experiments that meet a filter; deleted ones too when asked for. */
export async function searchRuns(
  client: MlflowClient,
  experiments: readonly string[],
  { filter = '', deletedToo = false }: { readonly filter?: string; readonly deletedToo?: boolean } = {},
): Promise<RemoteRun[]> {
  if (experiments.length === 0) return [];
  const body = { experiment_ids: experiments, filter, run_view_type: deletedToo ? 'ALL' : 'ACTIVE_ONLY' };
  return allPages(client, { path: 'runs/search', body }, 'runs', runSchema);
}

/** All values of a metric of a run, in the order of time. */
export function metricHistory(client: MlflowClient, run: string, key: string): Promise<Metric[]> {
  return allPages(client, { path: 'metrics/get-history', query: { run_id: run, metric_key: key } }, 'metrics', metric);
}

async function allPages<Item>(
  client: MlflowClient,
  { path, query, body }: Omit<MlflowCall<Item>, 'answer'>,
  name: string,
  item: z.ZodType<Item>,
): Promise<Item[]> {
  const answer = z
    .object({ next_page_token: z.string().default(''), [name]: z.array(item).default([]) })
    .transform((page) => ({ token: page.next_page_token as string, items: page[name] as Item[] }));
  const found: Item[] = [];
  let token = '';
  do {
    const next: Record<string, string> = token === '' ? {} : { page_token: token };
    const page = await call(client, {
      path,
      ...(body ? { body: { ...body, ...next, max_results: pageSize } } : { query: { ...query, ...next, max_results: String(pageSize) } }),
      answer,
    });
    found.push(...page.items);
    token = page.token;
  } while (token !== '');
  return found;
}

/** @returns undefined where the run was removed for good */
export async function getRun(client: MlflowClient, id: string): Promise<RemoteRun | undefined> {
  const found = await callUnless(client, notThere, { path: 'runs/get', query: { run_id: id }, answer: z.object({ run: runSchema }) });
  return found?.run;
}

export async function createRun(
  client: MlflowClient,
  run: { readonly experiment: string; readonly name: string; readonly startTime: number; readonly tags: readonly Entry[] },
): Promise<RemoteRun> {
  const { experiment, name, startTime, tags } = run;
  const body = { experiment_id: experiment, run_name: name, start_time: startTime, tags };
  return (await call(client, { path: 'runs/create', body, once: true, answer: z.object({ run: runSchema }) })).run;
}

/** Limits of a call: https://mlflow.org/docs/latest/rest-api.html#request-limits */
const atMost = { params: 100, tags: 100, metrics: 800 };

/** Logs any number of entries, in order, in as few calls as MLflow allows. Those that are there already count once. */
export async function logBatch(
  client: MlflowClient,
  id: string,
  { params, tags, metrics }: { readonly params: readonly Entry[]; readonly tags: readonly Entry[]; readonly metrics: readonly Metric[] },
): Promise<void> {
  const calls = Math.max(...[params.length / atMost.params, tags.length / atMost.tags, metrics.length / atMost.metrics].map(Math.ceil));
  for (let index = 0; index < calls; index++) {
    const part = <Item>(items: readonly Item[], size: number): readonly Item[] => items.slice(index * size, (index + 1) * size);
    const body = {
      run_id: id,
      params: part(params, atMost.params),
      tags: part(tags, atMost.tags),
      metrics: part(metrics, atMost.metrics).map((metric) => ({
        ...metric,
        value: Number.isFinite(metric.value) ? metric.value : String(metric.value),
      })),
    };
    await call(client, { path: 'runs/log-batch', body, answer: nothing });
  }
}

export async function updateRun(client: MlflowClient, id: string, status: RemoteRun['status'], endTime?: number): Promise<void> {
  const body = { run_id: id, status, ...(endTime !== undefined && { end_time: endTime }) };
  await call(client, { path: 'runs/update', body, answer: nothing });
}

/** The versions that aliases of a registered model name; undefined where there is no such model. */
export async function modelAliases(client: MlflowClient, name: string): Promise<ReadonlyMap<string, string> | undefined> {
  const found = await callUnless(client, notThere, {
    path: 'registered-models/get',
    query: { name },
    answer: z.object({
      registered_model: z.object({ aliases: z.array(z.object({ alias: z.string(), version: z.string() })).default([]) }),
    }),
  });
  return found && new Map(found.registered_model.aliases.map(({ alias, version }) => [alias, version]));
}

export async function createModel(client: MlflowClient, name: string, description: string): Promise<void> {
  await callUnless(client, alreadyThere, { path: 'registered-models/create', body: { name, description }, answer: nothing });
}

/** The version of a registered model that came from a run. */
export async function versionOfRun(client: MlflowClient, name: string, run: string): Promise<string | undefined> {
  const { model_versions: versions } = await call(client, {
    path: 'model-versions/search',
    query: { filter: `name='${name}' AND run_id='${run}'` },
    answer: z.object({ model_versions: z.array(z.object({ version: z.string() })).default([]) }),
  });
  return versions[0]?.version;
}

export async function createVersion(
  client: MlflowClient,
  version: { readonly name: string; readonly run: string; readonly source: string; readonly tags: readonly Entry[] },
): Promise<string> {
  const { name, run, source, tags } = version;
  const { model_version: made } = await call(client, {
    path: 'model-versions/create',
    body: { name, run_id: run, source, tags },
    once: true,
    answer: z.object({ model_version: z.object({ version: z.string() }) }),
  });
  return made.version;
}

export async function setAlias(client: MlflowClient, name: string, alias: string, version: string): Promise<void> {
  await call(client, { path: 'registered-models/alias', body: { name, alias, version }, answer: nothing });
}
