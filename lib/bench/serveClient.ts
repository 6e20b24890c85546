import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Task } from '../tasks';
import { BenchFailed } from './errors';
import { multipart } from './serveLoad';
import { type ServePicture, withComment } from './servePictures';

/** The addresses of a task's API. */
export const addresses = {
  predict: ({ name }: Task): string => `/predict?task=${name}`,
  retraining: ({ name }: Task): string => `/retrain_status?task=${name}`,
};

const predictedSchema = z.object({ predictions: z.array(z.object({ id: z.number() })).length(1) });
const retrainingSchema = z.object({
  status: z.string(),
  message: z.string(),
  last: z.object({ at: z.string(), verdict: z.string(), reason: z.string() }).optional(),
});

/** Where a retraining is, as the server says. */
export type RetrainingStatus = z.infer<typeof retrainingSchema>;

/**
 * Sends pictures and corrects what the model says of them to their labels.
 *
 * @param round under which the pictures differ from those of other rounds
 * @throws BENCH_FAILED
 */
export async function correctPictures(origin: string, task: Task, pictures: readonly ServePicture[], round: string): Promise<void> {
  for (const [index, { file, labels }] of pictures.entries()) {
    const picture = withComment(await readFile(file), `correction ${round} ${index}`);
    const answer = await ask(origin, addresses.predict(task), { method: 'POST', ...multipart(picture, `${index}.jpg`) });
    const { id } = predictedSchema.parse(answer).predictions[0]!;
    const shown = task.classes.flatMap(({ name }, at) => (labels?.[at] === 1 ? name : []));
    await ask(
      origin,
      '/correct_labels',
      json({ task: task.name, prediction: id, ...(shown.length > 0 ? { labels: shown } : { none: true }) }),
    );
  }
}

/** The process of the retraining before may be about to end, and a new one has the lowest priority: a start is waited for so long, in ms. */
const patience = 60_000;
const pause = 200;

/** Starts a retraining, and waits until it runs. @throws BENCH_FAILED */
export async function startRetraining(origin: string, task: Task): Promise<void> {
  const began = performance.now();
  const isLate = (): boolean => performance.now() - began > patience;
  for (;;) {
    try {
      await ask(origin, '/trigger_retrain', json({ task: task.name }));
      break;
    } catch (error) {
      if (isLate()) throw error;
    }
    await sleep(pause);
  }
  for (;;) {
    const { status, message } = await readRetraining(origin, task);
    if (status === 'running') return;
    if (status === 'failed' || isLate()) throw BenchFailed('retraining', `did not start (${message})`, '');
    await sleep(pause);
  }
}

export async function readRetraining(origin: string, task: Task): Promise<RetrainingStatus> {
  return retrainingSchema.parse(await ask(origin, addresses.retraining(task)));
}

function json(body: object): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** @throws BENCH_FAILED with what the server said */
async function ask(origin: string, path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(`${origin}${path}`, init);
  const text = await response.text();
  if (!response.ok) throw BenchFailed(`${init.method ?? 'GET'} ${path}`, `was answered with ${response.status}`, text);
  return JSON.parse(text);
}
