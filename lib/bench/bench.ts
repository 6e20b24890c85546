import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { chooseData, type DataSource } from '../data';
import { writeJson } from '../files';
import type { OnProgress } from '../progress';
import type { Task } from '../tasks';
import { openWorkspace, type Workspace } from '../workspace';
import { runCommand, runJob } from './children';
import { beginBench } from './conditions';
import { type BenchConfig, benchConfig } from './config';
import { inTemporaryHome } from './home';
import { type JobName, type JobRequest, type JobResult, jobResults } from './jobResults';
import { hasKeras, type PeerRequest, runKerasRecipe, runTensorFlowLite } from './keras';
import { type BenchRecord, benchRecordSchema } from './record';
import { type Measurements, summarise } from './summary';

/** What to measure. */
export interface BenchOptions {
  readonly workspace: Workspace;
  readonly task: Task;
  /** Little of everything. */
  readonly quick?: boolean;
  /** How much of everything; `benchConfig` by default. */
  readonly config?: BenchConfig;
  /** The photographs that the data set is made of; by default what `chooseData` picks. */
  readonly source?: DataSource;
  /** The backbone's weights, as `trainTask` takes them. */
  readonly weightsFile?: string;
  readonly onProgress?: OnProgress;
  /** Ends everything that runs, at once; nothing is recorded then. */
  readonly signal?: AbortSignal;
}

/**
 * Measures how fast and how well a task is learnt and predicted, beside Keras and TensorFlow Lite where Python has them, and writes
 * `experiments/bench/<time>.json`. Every contender runs in a process of its own, with the same threads, in a temporary home folder that is gone afterwards: the
 * workspace's data set, models and activation store are left as they are.
 *
 * @throws BENCH_FAILED, which names the part that failed and what it said; MISSING_DATA, BAD_THREADS; the signal's reason
 */
export async function runBench(options: BenchOptions): Promise<BenchRecord> {
  const { workspace, signal } = options;
  signal?.throwIfAborted();
  return inTemporaryHome(async (home) => {
    await shareWeights(workspace, home);
    const record = benchRecordSchema.parse(await summarise(workspace, await measure(options, home)));
    await writeJson(workspace.bench(record.startedAt, 'json'), record);
    return record;
  });
}

/** Weights that were downloaded count here too, and what is downloaded now is kept. */
async function shareWeights({ weights }: Workspace, home: string): Promise<void> {
  const link = openWorkspace({ env: { VISIONBOOK_HOME: home } }).weights;
  await Promise.all([mkdir(weights, { recursive: true }), mkdir(path.dirname(link), { recursive: true })]);
  await symlink(weights, link, 'junction');
}

async function measure(options: BenchOptions, home: string): Promise<Measurements> {
  const { workspace, task, quick = false, config = benchConfig(task, quick), onProgress, signal } = options;
  const beginning = beginBench();
  const source = options.source ?? (await chooseData(workspace, task));
  const { threads } = beginning;
  const env = { VISIONBOOK_HOME: home, VISIONBOOK_THREADS: String(threads) };
  const child = { cwd: workspace.root, env, ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const request: JobRequest = {
    task: task.name,
    settings: config.settings,
    ...(options.weightsFile && { weightsFile: path.resolve(options.weightsFile) }),
  };
  const job = <Name extends JobName>(name: Name, what: string, more: object = {}): Promise<JobResult<Name>> => {
    const args = [path.join(workspace.root, 'lib/bench/child.cjs'), 'jobs', name, JSON.stringify({ ...request, ...more })];
    return runJob({ ...child, what, command: process.execPath, args }, jobResults[name]);
  };

  const { counts } = await job('prepare', 'data set', { source: source.folder, sourceName: source.name });
  const start = await job('start', 'model to start from', { folder: home });
  const peer = (what: string): PeerRequest => ({ ...child, what, workspace, start, imageSize: task.imageSize, threads });
  const isCompared = await hasKeras(workspace);
  const keras = isCompared ? await runKerasRecipe(peer('recipe in Keras')) : undefined;

  const recipes: { cold: JobResult<'recipe'>; warm: JobResult<'recipe'> }[] = [];
  for (const round of rounds(config.recipeRounds)) {
    const cold = await job('recipe', `recipe, cold ${round}`, { cold: true });
    recipes.push({ cold, warm: await job('recipe', `recipe, warm ${round}`, { cold: false }) });
  }
  const exported = await job('export', 'int8');

  const inference: JobResult<'inference'>[] = [];
  const tfliteMs: number[] = [];
  const { predictions } = config;
  for (const round of rounds(config.inferenceRounds)) {
    inference.push(await job('inference', `one picture ${round}`, { predictions }));
    if (isCompared) tfliteMs.push(await runTensorFlowLite({ ...peer(`TensorFlow Lite ${round}`), predictions }));
  }

  const coldStartMs: number[] = [];
  for (const [index, round] of rounds(config.coldStarts).entries()) {
    onProgress?.({ label: 'cold starts of predict', done: index, total: config.coldStarts });
    const file = start.testFiles[index % start.testFiles.length]!;
    const args = [path.join(workspace.root, 'lib/launch.cjs'), 'predict', task.name, file];
    const began = performance.now();
    await runCommand({ ...child, what: `cold start ${round}`, command: process.execPath, args });
    coldStartMs.push(performance.now() - began);
  }
  onProgress?.({ label: 'cold starts of predict', done: config.coldStarts, total: config.coldStarts });
  return { beginning, config, source, counts, start, keras, recipes, exported, inference, tfliteMs, coldStartMs };
}

/** `1 of 3` and so on. */
function rounds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index + 1} of ${count}`);
}
