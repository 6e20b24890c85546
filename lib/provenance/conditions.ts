import { type Dataset, readDataset } from '../data';
import { loadTensorFlow } from '../engine';
import { VisionbookError } from '../errors';
import { describeHardware, type RunRecord, readGit, readVersions } from '../experiments';
import { listWeights, type WeightsSource } from '../models';
import { splits, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import { changedFiles } from './code';

/**
 * What a difference means for running a run again: nothing; that its numbers may come out otherwise; or that what would run is another experiment, so
 * that comparing the two says nothing.
 */
export type Effect = 'none' | 'expected' | 'prevents';

/** One thing that a run's numbers depend on: as its record has it, and as it is now. */
export interface Condition {
  readonly what: string;
  readonly recorded: string;
  readonly now: string;
  readonly effect: Effect;
  /** Why it prevents the run, and what to do. */
  readonly reason?: string;
}

/** What is there now. */
export interface Present {
  /** Or why there is none that can be used. */
  readonly dataset: Dataset | VisionbookError;
  readonly weights: readonly WeightsSource[];
  readonly versions: RunRecord['versions'];
  readonly hardware: RunRecord['hardware'];
  readonly git: RunRecord['git'];
  readonly root: string;
}

/**
 * Looks at what a run of a task would find now.
 *
 * @param weightsFile a file of weights that the user names
 */
export async function lookAround(workspace: Workspace, task: Task, weightsFile?: string): Promise<Present> {
  const { root } = workspace;
  const [dataset, weights, versions, git, { backend }] = await Promise.all([
    readDataset(workspace, task).catch((error: unknown) => {
      if (error instanceof VisionbookError) return error;
      throw error;
    }),
    listWeights(workspace, weightsFile),
    readVersions(root),
    readGit(root),
    loadTensorFlow(),
  ]);
  return { dataset, weights, versions, hardware: describeHardware(backend), git, root };
}

/** Whether the data set is the one that a run was made on. */
export function dataCondition({ data, task }: RunRecord, { dataset }: Present): Condition {
  const what = 'data set';
  const recorded = describeData(data);
  const remedy = `npm run prepare -- ${task} --data '${data.name}' brings it back from the same raw data and settings`;
  if (dataset instanceof VisionbookError) {
    const reason = `its data set ${recorded} is gone (${dataset.message}): ${remedy}`;
    return { what, recorded, now: 'none that can be used', effect: 'prevents', reason };
  }
  const now = describeData({ ...dataset.card, fingerprint: dataset.fingerprint, counts: dataset.counts });
  if (dataset.fingerprint === data.fingerprint) return { what, recorded, now: 'the same', effect: 'none' };
  return { what, recorded, now, effect: 'prevents', reason: `its data set was ${recorded}, and is now ${now}: ${remedy}` };
}

function describeData({ name, fingerprint, counts }: RunRecord['data']): string {
  return `${name} ${short(fingerprint)} (${splits.map((split) => counts[split] ?? 0).join(' + ')} pictures)`;
}

/** Whether the backbone's weights are still here. */
export function weightsCondition({ weights }: RunRecord, present: Present): Condition {
  const recorded = `${weights.source} ${short(weights.sha256)}`;
  const found = recordedWeights(weights, present);
  if (found) return { what: 'weights', recorded, now: 'the same', effect: 'none' };
  const reason = `its weights, ${weights.source} with the SHA-256 ${weights.sha256}, are not here: name their file with --weights`;
  return { what: 'weights', recorded, now: 'not here', effect: 'prevents', reason };
}

/** Where the weights of a record are. */
export function recordedWeights({ sha256 }: RunRecord['weights'], { weights }: Present): WeightsSource | undefined {
  return weights.find((source) => source.sha256 === sha256);
}

/** What may change numbers without making another experiment of them: code, versions, the machine. */
export async function surroundings(run: RunRecord, present: Present): Promise<Condition[]> {
  return [await codeCondition(run, present), ...versionConditions(run, present), ...machineConditions(run, present)];
}

async function codeCondition({ git: before }: RunRecord, { git: now, root }: Present): Promise<Condition> {
  const condition = { what: 'code', recorded: describeCommit(before), now: describeCommit(now) };
  if (!before || !now) return { ...condition, effect: 'expected' };
  const changed = before.commit === now.commit ? [] : await changedFiles(root, before.commit, now.commit);
  const told =
    changed === undefined
      ? ', and git does not know the commit of the record'
      : before.commit === now.commit
        ? ''
        : `, ${changed.length} files of the library differ`;
  const isSame = changed?.length === 0 && !before.dirty && !now.dirty;
  return { ...condition, now: `${condition.now}${told}`, effect: isSame ? 'none' : 'expected' };
}

function describeCommit(git: RunRecord['git']): string {
  return git ? `${short(git.commit)}${git.dirty ? ' and uncommitted changes' : ''}` : 'not under git';
}

function versionConditions({ versions: before }: RunRecord, { versions: now }: Present): Condition[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const differing = names.filter((name) => before[name] !== now[name]);
  if (differing.length === 0) return [{ what: 'versions', recorded: `${names.length} packages`, now: 'the same', effect: 'none' }];
  return differing.map((name) => ({ what: name, recorded: before[name] ?? 'none', now: now[name] ?? 'none', effect: 'expected' }));
}

const partsOfMachine = { cpu: 'processor', cores: 'cores', platform: 'platform', backend: 'backend' } as const;

function machineConditions({ hardware: before }: RunRecord, { hardware: now }: Present): Condition[] {
  const differing = (Object.keys(partsOfMachine) as (keyof typeof partsOfMachine)[]).filter((part) => before[part] !== now[part]);
  if (differing.length === 0)
    return [{ what: 'machine', recorded: `${before.cpu}, ${before.cores} cores`, now: 'the same', effect: 'none' }];
  return differing.map((part) => ({
    what: partsOfMachine[part],
    recorded: String(before[part]),
    now: String(now[part]),
    effect: 'expected',
  }));
}

/** Enough of a hash to tell it from others. */
export function short(hash: string): string {
  return hash.slice(0, 12);
}
