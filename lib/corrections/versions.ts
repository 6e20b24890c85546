import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { VisionbookError } from '../errors';
import { type RunRecord, readRuns, type SplitResult } from '../experiments';
import { isMissing } from '../files';
import { findModel, type ModelCard, readServed, type ServedModel } from '../models';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type GateResult, gateSchema } from './gate';

/** What a version is to the task: the newest of what happened to it. `candidate`: nothing yet. */
export type VersionState = 'serving' | 'trial' | 'rejected' | 'rolled back' | 'earlier' | 'candidate';

/** A model that a task could be served by, with what is known of it. */
export interface Version {
  readonly run: string;
  readonly stage: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly state: VersionState;
  /** Why it is in that state. */
  readonly reason?: string;
  readonly data: ModelCard['data'];
  readonly weights: ModelCard['weights'];
  readonly backbone: string;
  /** The run that it was made from. */
  readonly parent?: string;
  /** Absent where the run's record is gone, or has none. */
  readonly metrics?: { readonly validation?: SplitResult; readonly test?: SplitResult };
  /** How a retrained model was judged. */
  readonly gate?: GateResult;
  /** In words: `3,600 pictures of sample`, `12 corrections × 25 and 200 pictures of sample`. */
  readonly trainedOn: string;
}

/**
 * Every model of a task, newest first. A folder without a card, of a training that goes on or was cut short, is none, nor is one whose card cannot
 * be read.
 *
 * @throws UNREADABLE_MODEL when `current.json` cannot be read
 */
export async function listVersions(workspace: Workspace, task: Task): Promise<Version[]> {
  const folder = path.dirname(workspace.currentModel(task.name));
  const [served, { runs }, entries] = await Promise.all([readServed(workspace, task.name), readRuns(workspace), listFolders(folder)]);
  const cards = await Promise.all(entries.map((run) => readCard(workspace, task, run)));
  const records = new Map(runs.map((run) => [run.id, run]));
  return cards
    .flatMap((card) => (card ? [describeVersion(card, records.get(card.runId), served)] : []))
    .sort((one, other) => Date.parse(other.createdAt) - Date.parse(one.createdAt) || (one.run < other.run ? 1 : -1));
}

async function listFolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readCard(workspace: Workspace, task: Task, run: string): Promise<ModelCard | undefined> {
  try {
    return (await findModel(workspace, task.name, run)).card;
  } catch (error) {
    if (error instanceof VisionbookError) return undefined;
    throw error;
  }
}

function describeVersion(card: ModelCard, record: RunRecord | undefined, served: ServedModel | undefined): Version {
  const gate = gateSchema.safeParse(record?.extra?.gate);
  const { validation, test } = record?.metrics ?? {};
  return {
    run: card.runId,
    stage: card.stage,
    createdAt: card.createdAt,
    ...stateOf(card.runId, served),
    data: card.data,
    weights: card.weights,
    backbone: card.backbone.name,
    ...(record?.parent !== undefined && { parent: record.parent }),
    ...((validation || test) && { metrics: { ...(validation && { validation }), ...(test && { test }) } }),
    ...(gate.success && { gate: gate.data }),
    trainedOn: describeTraining(card, record),
  };
}

function stateOf(run: string, served: ServedModel | undefined): Pick<Version, 'state' | 'reason'> {
  if (!served) return { state: 'candidate' };
  const events = [...served.history].reverse();
  const latest = events.find((event) => event.run === run || event.previous === run);
  const reasonOf = (reason: string | undefined): Pick<Version, 'reason'> => (reason === undefined ? {} : { reason });
  if (served.run === run) {
    const began = events.find((event) => event.run === run && (event.kind === 'promoted' || event.kind === 'rolled back'));
    return { state: 'serving', ...reasonOf(began?.reason) };
  }
  if (served.trial?.run === run) return { state: 'trial', ...reasonOf(latest?.reason) };
  const verdict = events.find(({ kind, run: of, previous }) => !kind.startsWith('trial') && (of === run || previous === run));
  if (!verdict) return { state: 'candidate' };
  if (verdict.kind === 'rejected') return { state: 'rejected', reason: verdict.reason };
  if (verdict.kind === 'rolled back' && verdict.previous === run) return { state: 'rolled back', reason: verdict.reason };
  return { state: 'earlier' };
}

function describeTraining(card: ModelCard, record: RunRecord | undefined): string {
  const { corrections, boost, originals } = record?.extra ?? {};
  if (typeof corrections === 'number' && typeof boost === 'number' && typeof originals === 'number')
    return `${inWords(corrections, 'correction')} × ${boost} and ${inWords(originals, 'picture')} of ${card.data.name}`;
  const pictures = record?.data.counts.train;
  return pictures === undefined ? card.data.name : `${inWords(pictures, 'picture')} of ${card.data.name}`;
}

function inWords(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
