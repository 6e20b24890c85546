import { rename, stat } from 'node:fs/promises';
import { z } from 'zod';
import { unlessError, VisionbookError } from '../errors';
import { readTextIfPresent, writeJson } from '../files';
import { inTurn } from '../lock';
import type { Workspace } from '../workspace';
import { readModel, reasonOf, type SavedModel } from './card';
import { BadTrial, ModelChanged, NoEarlierVersion, NoModel, NoTrial, UnreadableModel, VersionsBusy } from './errors';

const eventSchema = z.object({
  /** ISO 8601. */
  at: z.string(),
  kind: z.enum(['promoted', 'rejected', 'rolled back', 'trial started', 'trial ended']),
  /** Whose event it is. After `promoted` and `rolled back` this run serves. */
  run: z.string(),
  /** What served before a promotion; what a rollback withdrew. */
  previous: z.string().optional(),
  reason: z.string(),
});

const servedSchema = z.object({
  run: z.string(),
  since: z.string().optional(),
  trial: z.object({ run: z.string(), share: z.number() }).optional(),
  history: z.array(eventSchema).default([]),
});

/** Something that happened to a task's versions. */
export type VersionEvent = Readonly<z.infer<typeof eventSchema>>;

/** Which model serves a task, and how it came to that: what `current.json` holds. */
export interface ServedModel {
  /** The run whose model serves. */
  readonly run: string;
  /** ISO 8601. */
  readonly since: string;
  /** A second model that answers a share of the requests, in (0, 1]. */
  readonly trial?: { readonly run: string; readonly share: number };
  /** Oldest first. */
  readonly history: readonly VersionEvent[];
}

/** Events kept: at a retraining a day, those of three years. */
const eventsKept = 1000;

/**
 * Which model serves a task; undefined when none does yet. The file is replaced whole, so it can be read at any moment.
 *
 * @throws UNREADABLE_MODEL
 */
export async function readServed(workspace: Workspace, task: string): Promise<ServedModel | undefined> {
  const file = workspace.currentModel(task);
  const text = await readTextIfPresent(file);
  if (text === undefined) return undefined;
  try {
    const { run, since, trial, history } = servedSchema.parse(JSON.parse(text));
    // Files of earlier times name only the run.
    return { run, since: since ?? (await stat(file)).mtime.toISOString(), ...(trial && { trial }), history };
  } catch (error) {
    throw UnreadableModel(file, reasonOf(error));
  }
}

/**
 * A run's model, or the one that serves the task.
 *
 * @throws NO_MODEL, UNREADABLE_MODEL
 */
export async function findModel(workspace: Workspace, task: string, runId?: string): Promise<SavedModel> {
  const id = runId ?? (await readServed(workspace, task))?.run;
  if (id === undefined) throw NoModel(task);
  return readModel(workspace, task, id);
}

/**
 * Makes a run's model the one that serves the task, in one step: whoever reads meanwhile finds the old one or the new one. A model that serves
 * already is left as it is. A damaged `current.json` is kept as `current.json.damaged`, and the history begins anew.
 *
 * @param replacing only instead of this run's model
 * @throws NO_MODEL, UNREADABLE_MODEL (of the new model), MODEL_CHANGED when another model than `replacing` serves, VERSIONS_BUSY
 */
export async function promote(
  workspace: Workspace,
  task: string,
  run: string,
  reason: string,
  { replacing }: { readonly replacing?: string } = {},
): Promise<ServedModel> {
  await readModel(workspace, task, run);
  return change(workspace, task, async (at) => {
    const before = await readServed(workspace, task).catch((error) => setAside(workspace, task, error));
    if (before?.run === run) return before;
    if (replacing !== undefined && before?.run !== replacing) throw ModelChanged(task, replacing, before?.run);
    return serve(before, run, { at, kind: 'promoted', run, ...(before && { previous: before.run }), reason });
  });
}

/**
 * Notes that a run's model was found wanting; the one that serves goes on.
 *
 * @throws NO_MODEL when none serves, UNREADABLE_MODEL, VERSIONS_BUSY
 */
export function reject(workspace: Workspace, task: string, run: string, reason: string): Promise<ServedModel> {
  return changeServed(workspace, task, (served, at) => {
    const latest = served.history.at(-1);
    // Told twice, as after a kill, it is one event all the same.
    if (latest?.kind === 'rejected' && latest.run === run) return served;
    return note(served, { at, kind: 'rejected', run, reason });
  });
}

/**
 * Goes back to an earlier version in one step: by default to the one that served before, and done again, to the one before that.
 *
 * @param to any run whose model has served
 * @throws NO_EARLIER_VERSION, NO_MODEL when none serves or the earlier one is gone, UNREADABLE_MODEL, VERSIONS_BUSY
 */
export function rollback(
  workspace: Workspace,
  task: string,
  { to, reason = 'rolled back by hand' }: { readonly to?: string; readonly reason?: string } = {},
): Promise<ServedModel> {
  return changeServed(workspace, task, async (served, at) => {
    const target = to ?? (await latestBefore(workspace, task, served));
    if (target === undefined) throw NoEarlierVersion(task, `${served.run} is the only version that has served`);
    if (target === served.run) throw NoEarlierVersion(task, `${target} serves already`);
    if (!hasServed(served, target)) throw NoEarlierVersion(task, `${target} has never served, but npm run models -- promote makes it`);
    await readModel(workspace, task, target);
    return serve(served, target, { at, kind: 'rolled back', run: target, previous: served.run, reason });
  });
}

/**
 * Lets a second model answer a share of the requests, instead of the one that did so far, if any.
 *
 * @param share in (0, 1]
 * @throws BAD_TRIAL, NO_MODEL, UNREADABLE_MODEL, VERSIONS_BUSY
 */
export function startTrial(workspace: Workspace, task: string, run: string, share: number): Promise<ServedModel> {
  return changeServed(workspace, task, async (served, at) => {
    if (!(share > 0 && share <= 1)) throw BadTrial(`a share of ${share} is not in (0, 1]`);
    if (run === served.run) throw BadTrial(`${run} serves already`);
    const [{ card }, { card: current }] = await Promise.all([readModel(workspace, task, run), readModel(workspace, task, served.run)]);
    if (card.classes.join() !== current.classes.join())
      throw BadTrial(`${run} knows the classes ${card.classes.join(', ')}, but ${served.run} ${current.classes.join(', ')}`);
    const reason = `answers ${Math.round(share * 1000) / 10} % of the requests`;
    return {
      ...note(endedTrial(served, at, `${run} is tried instead`), { at, kind: 'trial started', run, reason }),
      trial: { run, share },
    };
  });
}

/** Ends the trial. @throws NO_TRIAL, NO_MODEL, UNREADABLE_MODEL, VERSIONS_BUSY */
export function endTrial(workspace: Workspace, task: string): Promise<ServedModel> {
  return changeServed(workspace, task, (served, at) => {
    if (!served.trial) throw NoTrial(task);
    return endedTrial(served, at, 'ended by hand');
  });
}

/** Whether a run's model serves, or has served as far as is remembered. */
export function hasServed({ run, history }: ServedModel, wanted: string): boolean {
  return run === wanted || history.some((event) => event.previous === wanted || (event.kind === 'promoted' && event.run === wanted));
}

/** The version that the one that serves came after, passing over those whose models were deleted. */
async function latestBefore(workspace: Workspace, task: string, served: ServedModel): Promise<string | undefined> {
  const servedBefore: string[] = [];
  for (const { kind, run, previous } of served.history) {
    if (kind === 'promoted') {
      if (previous !== undefined && servedBefore.at(-1) !== previous) servedBefore.push(previous);
      servedBefore.push(run);
    } else if (kind === 'rolled back') {
      const place = servedBefore.lastIndexOf(run);
      servedBefore.splice(place === -1 ? servedBefore.length : place, servedBefore.length, run);
    }
  }
  for (const run of servedBefore.slice(0, -1).reverse()) {
    if (run === served.run) continue;
    if (await unlessError(['NO_MODEL'], readModel(workspace, task, run))) return run;
  }
  return undefined;
}

function serve(before: ServedModel | undefined, run: string, event: VersionEvent): ServedModel {
  const served = before ?? { run, since: event.at, history: [] };
  const settled = served.trial?.run === run ? endedTrial(served, event.at, 'it serves from now on') : served;
  return { ...note(settled, event), run, since: event.at };
}

function endedTrial({ trial, ...served }: ServedModel, at: string, reason: string): ServedModel {
  return trial ? note(served, { at, kind: 'trial ended', run: trial.run, reason }) : served;
}

function note(served: ServedModel, event: VersionEvent): ServedModel {
  return { ...served, history: [...served.history, event].slice(-eventsKept) };
}

async function setAside(workspace: Workspace, task: string, error: unknown): Promise<undefined> {
  if (!(error instanceof VisionbookError)) throw error;
  const file = workspace.currentModel(task);
  await rename(file, `${file}.damaged`);
  return undefined;
}

type Changed = ServedModel | Promise<ServedModel>;

function changeServed(workspace: Workspace, task: string, changed: (served: ServedModel, at: string) => Changed): Promise<ServedModel> {
  return change(workspace, task, async (at) => {
    const served = await readServed(workspace, task);
    if (!served) throw NoModel(task);
    return changed(served, at);
  });
}

/** Reads, changes and writes `current.json` while nobody else does. */
function change(workspace: Workspace, task: string, changed: (at: string) => Promise<ServedModel>): Promise<ServedModel> {
  const file = workspace.currentModel(task);
  return inTurn(file, {
    busy: () => VersionsBusy(file),
    work: async (held) => {
      const next = await changed(new Date().toISOString());
      held.check();
      await writeJson(file, next);
      return next;
    },
  });
}
