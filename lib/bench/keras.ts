import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Workspace } from '../workspace';
import { type ChildRequest, runJob } from './children';
import type { JobResult } from './jobResults';

const number = z.number();

const recipeSchema = z.object({
  seconds: number,
  epochSeconds: z.record(z.string(), z.array(number)),
  /** Of the test split, shape [pictures, classes]. */
  probabilities: z.array(number),
  peakMemoryMiB: number,
  versions: z.record(z.string(), z.string()),
});

const inferenceSchema = z.object({ tfliteMs: number });

/** What the recipe gave in Keras. */
export type KerasRecipe = z.infer<typeof recipeSchema>;

/** What both peers are told, and how they are followed. */
export interface PeerRequest extends Pick<ChildRequest, 'what' | 'env' | 'onProgress' | 'signal'> {
  readonly workspace: Workspace;
  readonly start: JobResult<'start'>;
  readonly imageSize: number;
  readonly threads: number;
}

/** Whether the virtual environment has TensorFlow and Keras for Python; they are looked for, not loaded. */
export async function hasKeras({ python }: Pick<Workspace, 'python'>): Promise<boolean> {
  const look = "import sys; from importlib.util import find_spec; sys.exit(not (find_spec('tensorflow') and find_spec('keras')))";
  return promisify(execFile)(python, ['-c', look]).then(
    () => true,
    () => false,
  );
}

/** Trains the recipe in Keras. @throws BENCH_FAILED; the signal's reason */
export function runKerasRecipe({ start, imageSize, threads, ...request }: PeerRequest): Promise<KerasRecipe> {
  const { model, pictures, preprocessing, stages, batchSize, seed, judging } = start;
  const recipe = { model, pictures, preprocessing, stages, batchSize, seed, judging, imageSize, threads };
  return runJob(pythonChild(request, 'keras_recipe.py', recipe), recipeSchema);
}

/** The median of one picture's time in TensorFlow Lite, in ms. @throws BENCH_FAILED; the signal's reason */
export async function runTensorFlowLite({
  start: { model },
  imageSize,
  threads,
  predictions,
  ...request
}: PeerRequest & { readonly predictions: number }): Promise<number> {
  const child = pythonChild(request, 'keras_inference.py', { model, imageSize, threads, predictions });
  return (await runJob(child, inferenceSchema)).tfliteMs;
}

type Followed = Omit<PeerRequest, 'start' | 'imageSize' | 'threads'>;

function pythonChild({ workspace, ...followed }: Followed, script: string, request: object): ChildRequest {
  const file = path.join(workspace.root, 'lib/bench', script);
  return { ...followed, command: workspace.python, args: [file, JSON.stringify(request)], cwd: workspace.root };
}
