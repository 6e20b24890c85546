import { cp, symlink } from 'node:fs/promises';
import path from 'node:path';
import { readDataset } from '../data';
import { unlessError } from '../errors';
import { isMissing, writeJson } from '../files';
import { findModel, type ModelCard, promote } from '../models';
import type { OnProgress } from '../progress';
import type { Task } from '../tasks';
import { openWorkspace, type Workspace } from '../workspace';
import { runJob } from './children';
import { beginBench, busyNote, describeConditions } from './conditions';
import { inTemporaryHome } from './home';
import { addresses, correctPictures, readRetraining, startRetraining } from './serveClient';
import { type ServeBenchConfig, serveBenchConfig } from './serveConfig';
import { type LoadRequest, loadResultSchema } from './serveLoad';
import { memoryOf, watchMemory } from './serveMemory';
import { makePictures, pictureSize, type ServePicture } from './servePictures';
import { type BenchedServer, startServer } from './serveProcess';
import { clientsText, type LoadSummary, type ServeRecord, serveRecordSchema, summariseLoad } from './serveRecord';

/** What to put under load. */
export interface ServeBenchOptions {
  readonly workspace: Workspace;
  readonly task: Task;
  /** Little of everything. */
  readonly quick?: boolean;
  /** How long; `serveBenchConfig` by default. */
  readonly config?: ServeBenchConfig;
  readonly onProgress?: OnProgress;
  /** Ends everything that runs, at once; nothing is recorded then. */
  readonly signal?: AbortSignal;
}

/** What the parts of one bench share. */
interface Bench {
  readonly task: Task;
  readonly config: ServeBenchConfig;
  readonly server: BenchedServer;
  readonly pictures: readonly ServePicture[];
  readonly load: (clients: number, more?: Partial<LoadRequest>) => Promise<LoadSummary>;
}

/**
 * Measures what the server can take: throughput, times and memory with some numbers of clients, and the same while a retraining runs. Writes
 * `experiments/bench/<time>-serve.json`.
 *
 * The server is started as `npm run serve` starts it, on a free port of this computer, in a temporary home folder that has the task's current model and data set
 * and is gone afterwards; the clients are in a third process.
 *
 * @throws NO_MODEL, which says what to run; BENCH_FAILED, which names the part that failed and what it said; BAD_THREADS; the signal's reason
 */
export async function runServeBench(options: ServeBenchOptions): Promise<ServeRecord> {
  const { workspace } = options;
  options.signal?.throwIfAborted();
  return inTemporaryHome(async (home) => {
    // Ends whatever still runs when something has failed.
    const stop = new AbortController();
    const stopNow = (): void => stop.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', stopNow);
    try {
      const record = serveRecordSchema.parse(await measure({ ...options, signal: stop.signal }, home));
      await writeJson(workspace.bench(record.startedAt, 'json', 'serve'), record);
      return record;
    } finally {
      options.signal?.removeEventListener('abort', stopNow);
      stop.abort();
    }
  });
}

async function measure(options: ServeBenchOptions & { readonly signal: AbortSignal }, home: string): Promise<ServeRecord> {
  const { workspace, task, quick = false, config = serveBenchConfig(quick), onProgress, signal } = options;
  const beginning = beginBench();
  const card = await shareModel(workspace, task, openWorkspace({ env: { VISIONBOOK_HOME: home } }));
  const dataset = await unlessError(['DATASET_MISSING'], readDataset(workspace, task));
  if (dataset) await symlink(workspace.dataset, path.join(home, 'dataset'), 'junction');
  const pictures = await makePictures(path.join(home, 'pictures'), dataset);
  const files = pictures.map(({ file }) => file);

  onProgress?.({ label: 'server', done: 0, total: 1 });
  const env = { VISIONBOOK_HOME: home, VISIONBOOK_THREADS: String(beginning.threads) };
  const child = { cwd: workspace.root, env, signal };
  const server = await startServer(child);
  onProgress?.({ label: 'server', done: 1, total: 1 });
  const started = (await memoryOf(server.pid, 'VmRSS')) ?? null;
  const memory = watchMemory(server.pid, signal);
  const load: Bench['load'] = async (clients, more = {}) => {
    const name = more.whileRunning === undefined ? clientsText(clients) : `${clientsText(clients)} in a retraining`;
    const { origin } = server;
    const { seconds, warmUpSeconds } = config;
    const request: LoadRequest = { origin, path: addresses.predict(task), pictures: files, name, clients, warmUpSeconds, seconds, ...more };
    const args = [path.join(workspace.root, 'lib/bench/child.cjs'), 'serveJobs', 'load', JSON.stringify(request)];
    const job = { ...child, what: name, command: process.execPath, args, ...(onProgress && { onProgress }) };
    return summariseLoad(await server.during(runJob(job, loadResultSchema)), clients, more.whileRunning !== undefined);
  };

  const loads: LoadSummary[] = [];
  for (const clients of config.clients) loads.push(await load(clients));
  const bench: Bench = { task, config, server, pictures, load };
  const inRetraining = dataset ? await measureInRetraining(bench) : { loads: [], retrainings: [] };
  const peaks = memory.peaks();
  await server.stop();

  const { backbone, data, weights, runId: run } = card;
  return {
    schemaVersion: 1,
    kind: 'serve',
    ...(await describeConditions(workspace, beginning, { quick: config.quick, backend: 'onnxruntime' })),
    model: { run, backbone: backbone.name, data, weights },
    pictures: {
      ...pictureSize,
      count: pictures.length,
      bytes: Math.round(pictures.reduce((sum, { bytes }) => sum + bytes, 0) / pictures.length),
      areMadeUp: !dataset,
    },
    config: { ...config },
    start_ms: server.startMs,
    loads: [...loads, ...inRetraining.loads],
    retrainings: inRetraining.retrainings,
    rss_mb: { started, ...peaks },
    notes: [
      ...(config.quick ? ['little of everything was measured'] : []),
      ...(dataset ? [] : [`there is no data set, so no retraining was measured: npm run prepare -- ${task.name}`]),
      ...inRetraining.loads.flatMap(({ clients, seconds }) =>
        seconds < config.secondsInRetraining
          ? []
          : [`with ${clientsText(clients)} a retraining was measured for ${config.secondsInRetraining} s, and not to its end`],
      ),
      ...inRetraining.retrainings.flatMap(({ verdict, reason }) => (verdict === 'failed' ? [`a retraining failed: ${reason}`] : [])),
      ...busyNote(beginning),
    ],
  };
}

/** Each load while a retraining runs: the one that runs still, or another one on other corrections. */
async function measureInRetraining({ task, config, server, pictures, load }: Bench): Promise<Pick<ServeRecord, 'loads' | 'retrainings'>> {
  const loads: LoadSummary[] = [];
  const retrainings: ServeRecord['retrainings'] = [];
  const { origin } = server;
  const whileRunning = addresses.retraining(task);
  for (const clients of config.clientsInRetraining) {
    if ((await readRetraining(origin, task)).status !== 'running') {
      await server.during(correctPictures(origin, task, pictures.slice(0, config.corrections), `before ${clients} clients`));
      await server.during(startRetraining(origin, task));
    }
    loads.push(await load(clients, { warmUpSeconds: 0, seconds: config.secondsInRetraining, whileRunning }));
    const { status, last } = await readRetraining(origin, task);
    if (status !== 'running' && last) retrainings.push({ verdict: last.verdict, reason: last.reason });
  }
  return { loads, retrainings };
}

/** Lets the current model serve in another home too. @throws NO_MODEL */
async function shareModel(workspace: Workspace, task: Task, other: Workspace): Promise<ModelCard> {
  const { card } = await findModel(workspace, task.name);
  const { runId: run } = card;
  await cp(workspace.model(task.name, run), other.model(task.name, run), { recursive: true });
  await cp(workspace.experiment(run), other.experiment(run), { recursive: true }).catch((error) => {
    if (!isMissing(error)) throw error; // a record that somebody deleted is not needed
  });
  await promote(other, task.name, run, 'to be measured');
  return card;
}
