import { type Correction, fingerprintOfCorrections, readLearnt, readPending } from '../corrections';
import { VisionbookError } from '../errors';
import { type RunRecord, readRun } from '../experiments';
import { sha256File } from '../files';
import { modelFiles } from '../models';
import { findTask, type Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type Condition, dataCondition, lookAround, type Present, short, surroundings, weightsCondition } from './conditions';

/** What to reproduce. */
export interface CheckOptions {
  readonly workspace: Workspace;
  readonly run: RunRecord;
  /** The backbone's weights, where the run began from a file that somebody named. */
  readonly weightsFile?: string;
}

/** Whether a run can be run again, and what has changed since. */
export interface ReproductionCheck {
  readonly run: RunRecord;
  readonly task: Task;
  /** The runs to repeat, in order: the run and, where they are needed, those that it continues. */
  readonly lineage: readonly RunRecord[];
  /** What the retrainings among them learn, by run. */
  readonly corrections: ReadonlyMap<string, readonly Correction[]>;
  readonly conditions: readonly Condition[];
  /** Why it cannot be run again; empty where it can. */
  readonly obstacles: readonly string[];
  /** Whether nothing differs that its numbers depend on, so that they should come out the same to the last bit. */
  readonly isExact: boolean;
  readonly present: Present;
}

/**
 * Holds what a run's record says of data, weights, code, versions and the machine against what is there now. Nothing is trained and nothing is written.
 *
 * @throws UNKNOWN_TASK
 */
export async function checkReproduction({ workspace, run, weightsFile }: CheckOptions): Promise<ReproductionCheck> {
  const task = findTask(run.task);
  const present = await lookAround(workspace, task, weightsFile);
  const { lineage, base, problems } = await traceBack(workspace, run);
  const conditions: Condition[] = base ? [base] : [];
  const corrections = new Map<string, readonly Correction[]>();
  for (const [index, member] of lineage.entries()) {
    conditions.push(dataCondition(member, present));
    if (index === 0 && !base) conditions.push(weightsCondition(member, present));
    if (isRetraining(member)) {
      const found = await findCorrections(workspace, task, member);
      conditions.push(found.condition);
      corrections.set(member.id, found.corrections);
    }
    conditions.push(...(await surroundings(member, present)));
  }
  const distinct = [...new Map(conditions.map((condition) => [JSON.stringify(condition), condition])).values()];
  return {
    run,
    task,
    lineage,
    corrections,
    conditions: distinct,
    obstacles: [...problems, ...distinct.flatMap(({ reason }) => reason ?? [])],
    isExact: distinct.every(({ effect }) => effect === 'none'),
    present,
  };
}

export function isRetraining({ stage }: RunRecord): boolean {
  return stage === 'retrain';
}

interface Lineage {
  readonly lineage: readonly RunRecord[];
  /** The saved model that the first of them starts from, where that is not the backbone's weights. */
  readonly base?: Condition;
  readonly problems: readonly string[];
}

/** Stages start from the network that the stage before left in memory, so those are run too; a retraining starts from a file, and that is enough where it is whole. */
async function traceBack(workspace: Workspace, run: RunRecord): Promise<Lineage> {
  const problems = problemsOf(run);
  if (run.parent === undefined) return { lineage: [run], problems };
  const parent = await readRun(workspace, run.parent).catch((error: unknown) => {
    if (error instanceof VisionbookError) return error;
    throw error;
  });
  if (isRetraining(run) && !(parent instanceof VisionbookError) && (await hasItsModel(workspace, parent))) {
    const base: Condition = { what: 'model to start from', recorded: parent.id, now: 'the same', effect: 'none' };
    return { lineage: [run], base, problems };
  }
  if (parent instanceof VisionbookError) {
    const reason = `it continues ${run.parent}, and nothing is known of that any more: ${parent.message}`;
    return { lineage: [run], problems: [...problems, reason] };
  }
  const earlier = await traceBack(workspace, parent);
  return { ...earlier, lineage: [...earlier.lineage, run], problems: [...earlier.problems, ...problems] };
}

function problemsOf({ id, status, metrics, sweep }: RunRecord): string[] {
  if (status === 'running') return [`${id} goes on: wait for its end`];
  if (sweep && !metrics.test) return [`${id} is a trial of the sweep ${sweep.id}, which kept its record alone: run the sweep again`];
  if (!metrics.test) return [`${id} is ${status}, and its model was never measured: there is nothing to compare with`];
  return [];
}

/** Whether a run's Keras model is as it was when the run ended. */
async function hasItsModel(workspace: Workspace, { task, id, artifacts }: RunRecord): Promise<boolean> {
  const recorded = artifacts.find(({ path }) => path.endsWith('/model.keras'))?.sha256;
  return recorded !== undefined && recorded === (await sha256File(modelFiles(workspace, task, id).keras).catch(() => undefined));
}

/** Finds what a retraining learnt: in the history, or among what is pending where it was rejected. */
async function findCorrections(
  workspace: Workspace,
  task: Task,
  { id, extra }: RunRecord,
): Promise<{ condition: Condition; corrections: readonly Correction[] }> {
  const { corrections: count, correctionsFingerprint: recorded } = extra ?? {};
  const condition = {
    what: 'corrections',
    recorded: `${count ?? 'some'}${typeof recorded === 'string' ? ` ${short(recorded)}` : ''}`,
  };
  const prevented = (now: string, reason: string): { condition: Condition; corrections: readonly Correction[] } => ({
    condition: { ...condition, now, effect: 'prevents', reason },
    corrections: [],
  });
  const learnt = await readLearnt(workspace, task, id);
  if (learnt) {
    const { corrections, lost } = learnt;
    if (lost.length > 0)
      return prevented(
        `${lost.length} pictures are gone`,
        `${lost.length} of the pictures that ${id} learnt are gone or changed, such as ${lost[0]}`,
      );
    if (typeof recorded === 'string' && fingerprintOfCorrections(corrections) !== recorded)
      return prevented('others', `${workspace.correctionHistory} has other corrections for ${id} than it learnt: it was edited`);
    return { condition: { ...condition, now: 'the same, from the history', effect: 'none' }, corrections };
  }
  const pending = await readPending(workspace, task).catch(() => []);
  if (typeof recorded === 'string' && fingerprintOfCorrections(pending) === recorded)
    return { condition: { ...condition, now: 'the same, still pending', effect: 'none' }, corrections: pending };
  return prevented(
    'not known',
    `what ${id} learnt is not known any more: only corrections of a promoted model go to ${workspace.correctionHistory}, and those that are pending now are ${typeof recorded === 'string' ? 'others' : 'perhaps others'}`,
  );
}
