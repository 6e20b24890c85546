import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describeIssues } from '../errors';
import { isMissing, readTextIfPresent } from '../files';
import type { Workspace } from '../workspace';
import { RunAmbiguous, RunNotFound, RunUnreadable } from './errors';
import { goesOn } from './process';
import { type RunRecord, runRecordSchema, schemaVersion } from './record';

/** A `run.json` that cannot be used, and why. */
export interface RunProblem {
  /** From the workspace's `experiments` folder. */
  readonly path: string;
  readonly reason: string;
}

/**
 * All runs, the oldest first. A record that says `running` though its process is gone is given as `interrupted`; of a process on another
 * host nothing is known, so there it is 10 minutes without an update. Nothing is written: a run that was only slow is `running` again at
 * its next update. A record that cannot be used is among the problems, and a folder without `run.json` is no run.
 */
export async function readRuns(
  workspace: Workspace,
  { now = new Date() }: { readonly now?: Date } = {},
): Promise<{ runs: RunRecord[]; problems: RunProblem[] }> {
  const read = await Promise.all((await listFolders(workspace.experiments)).map((folder) => readRecord(workspace, folder)));
  const runs = read.flatMap((one) => (one && 'record' in one ? [withTrueStatus(one.record, now)] : []));
  const problems = read.flatMap((one) => (one && 'problem' in one ? [one.problem] : []));
  return { runs: runs.sort(byTime), problems };
}

/**
 * One run, by its id or enough of its beginning or end to tell it from the others: usually the last six letters.
 *
 * @throws RUN_NOT_FOUND with the ids that look most like it, RUN_AMBIGUOUS, RUN_UNREADABLE
 */
export async function readRun(workspace: Workspace, id: string): Promise<RunRecord> {
  const { runs, problems } = await readRuns(workspace);
  const ids = [...runs.map((run) => run.id), ...problems.map((problem) => path.dirname(problem.path))];
  const matches = ids.includes(id) ? [id] : ids.filter((other) => id !== '' && (other.startsWith(id) || other.endsWith(id)));
  if (matches.length === 0) throw RunNotFound(id, mostAlike(id, ids));
  if (matches.length > 1) throw RunAmbiguous(id, matches);
  const problem = problems.find((one) => path.dirname(one.path) === matches[0]);
  if (problem) throw RunUnreadable(path.join(workspace.experiments, problem.path), problem.reason);
  return runs.find((run) => run.id === matches[0])!;
}

/**
 * The run of exactly this id, or undefined where there is none. Unlike `readRun` it looks at no other run.
 *
 * @throws RUN_UNREADABLE
 */
export async function readRunIfPresent(workspace: Workspace, id: string, now = new Date()): Promise<RunRecord | undefined> {
  const read = await readRecord(workspace, id);
  if (read && 'problem' in read) throw RunUnreadable(path.join(workspace.experiments, read.problem.path), read.problem.reason);
  return read && 'record' in read ? withTrueStatus(read.record, now) : undefined;
}

async function listFolders(experiments: string): Promise<string[]> {
  try {
    const entries = await readdir(experiments, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readRecord(workspace: Workspace, folder: string): Promise<{ record: RunRecord } | { problem: RunProblem } | undefined> {
  const refuse = (reason: string): { problem: RunProblem } => ({ problem: { path: `${folder}/run.json`, reason } });
  let content: unknown;
  try {
    const text = await readTextIfPresent(workspace.runRecord(folder));
    if (text === undefined) return undefined;
    content = JSON.parse(text);
  } catch (error) {
    return refuse(error instanceof SyntaxError ? `it is no JSON (${error.message})` : (error as Error).message);
  }
  const version = (content as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== schemaVersion) return refuse(`its schemaVersion is ${version}, and this visionbook reads ${schemaVersion}`);
  const parsed = runRecordSchema.safeParse(content);
  if (!parsed.success) return refuse(describeIssues(parsed.error));
  if (parsed.data.id !== folder) return refuse(`it is the record of ${parsed.data.id}: a copied or renamed folder is not counted as a run`);
  return { record: parsed.data };
}

function withTrueStatus(record: RunRecord, now: Date): RunRecord {
  if (record.status !== 'running') return record;
  return goesOn(record.process, record.updatedAt, now) ? record : { ...record, status: 'interrupted' };
}

function byTime(one: RunRecord, other: RunRecord): number {
  return Date.parse(one.startedAt) - Date.parse(other.startedAt) || (one.id < other.id ? -1 : 1);
}

/** Up to three ids that begin and end most like what was asked for, whether that was a whole id or its last six letters. */
function mostAlike(asked: string, ids: readonly string[]): string[] {
  const shared = (id: string): number => {
    let start = 0;
    while (start < asked.length && asked[start] === id[start]) start++;
    let end = 0;
    while (end < asked.length - start && asked.at(-1 - end) === id.at(-1 - end)) end++;
    return start + end;
  };
  const likeness = (id: string): number => Math.max(shared(id), shared(id.slice(-6)));
  return [...ids].sort((one, other) => likeness(other) - likeness(one)).slice(0, 3);
}
