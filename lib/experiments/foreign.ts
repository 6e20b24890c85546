import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { describeIssues } from '../errors';
import { isMissing } from '../files';
import type { Workspace } from '../workspace';
import type { RunProblem } from './read';
import { measurement, type RunRecord, runRecordSchema } from './record';

export const foreignRunVersion = 1;

const curvePoint = z.object({ step: z.number(), value: measurement });
/** A value of a metric while a run went on. */
export type CurvePoint = z.infer<typeof curvePoint>;

const foreignRunSchema = z.object({
  schemaVersion: z.literal(foreignRunVersion),
  from: z.literal('mlflow'),
  /** The address of the server that it was fetched from. */
  server: z.string(),
  experiment: z.string(),
  /** The run's id there. */
  id: z.string(),
  name: z.string(),
  status: runRecordSchema.shape.status,
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  user: z.string().optional(),
  commit: z.string().optional(),
  /** The id there of the run that this one belongs to. */
  parent: z.string().optional(),
  /** Of the data, as `RunRecord` has it, where whoever made the run noted it as its tag `visionbook.data.fingerprint`. */
  fingerprint: z.string().optional(),
  params: z.record(z.string(), z.string()),
  /** The latest value of each, under the names that whoever made the run gave them. */
  metrics: z.record(z.string(), measurement),
  /** Those of the metrics that `curveOf` knows, in the order of their steps. Runs fetched before there were curves have none. */
  curves: z.record(z.string(), z.array(curvePoint)).optional(),
});

/**
 * A run that was made elsewhere, as far as it is known: parameters and metrics under names of their own, nothing of weights or machine, and of the
 * data at most a fingerprint. So it is shown beside our runs, and never ranked among them.
 */
export type ForeignRun = z.infer<typeof foreignRunSchema>;

/** What a metric of a run made elsewhere is, by its name. */
export interface ForeignCurve {
  readonly split: 'train' | 'validation';
  readonly quantity: 'loss' | 'accuracy' | 'auc';
}

const curveName = /^(?:(?:train(?:ing)?|(?<validation>val(?:id(?:ation)?)?))[_/.\- ])?(?:(?<loss>loss)|(?<auc>auc)|acc(?:uracy)?)$/i;

/**
 * Knows the loss, accuracy and AUC of training and validation by the names that Keras gives them, `loss` and `val_loss`, and by others in use, such as
 * `train_acc` and `validation/auc`.
 *
 * @returns undefined for every other name: the test split's have no curve, and a label-by-label accuracy is another quantity
 */
export function curveOf(name: string): ForeignCurve | undefined {
  const { groups } = curveName.exec(name) ?? {};
  return groups && { split: groups.validation ? 'validation' : 'train', quantity: groups.loss ? 'loss' : groups.auc ? 'auc' : 'accuracy' };
}

/** All runs that were fetched from elsewhere, the oldest first; a file that cannot be used is among the problems. */
export async function readForeignRuns(workspace: Workspace): Promise<{ runs: ForeignRun[]; problems: RunProblem[] }> {
  const names = (await listNames(workspace.foreignRuns)).filter((name) => name.endsWith('.json'));
  const read = await Promise.all(names.map((name) => readForeignRun(workspace, name)));
  const runs = read.flatMap((one) => ('run' in one ? [one.run] : []));
  return {
    runs: runs.sort((one, other) => Date.parse(one.startedAt) - Date.parse(other.startedAt) || (one.id < other.id ? -1 : 1)),
    problems: read.flatMap((one) => ('problem' in one ? [one.problem] : [])),
  };
}

/** Whether a run made elsewhere says that it saw the very data of one of ours: only then do their numbers compare. */
export function sawSameData(foreign: ForeignRun, { data }: Pick<RunRecord, 'data'>): boolean {
  return foreign.fingerprint === data.fingerprint;
}

async function listNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readForeignRun(workspace: Workspace, name: string): Promise<{ run: ForeignRun } | { problem: RunProblem }> {
  const file = path.join(workspace.foreignRuns, name);
  const refuse = (reason: string): { problem: RunProblem } => ({ problem: { path: path.relative(workspace.experiments, file), reason } });
  try {
    const parsed = foreignRunSchema.safeParse(JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? { run: parsed.data } : refuse(describeIssues(parsed.error));
  } catch (error) {
    return refuse(error instanceof SyntaxError ? `it is no JSON (${error.message})` : (error as Error).message);
  }
}
