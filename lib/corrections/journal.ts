import { z } from 'zod';
import { describeIssues } from '../errors';
import { goesOn, processSchema, thisProcess } from '../experiments';
import { readTextIfPresent, writeJson } from '../files';
import { inTurn } from '../lock';
import type { Workspace } from '../workspace';
import { BadJournal, CorrectionsBusy, RetrainingRunning } from './errors';
import { gateSchema } from './gate';

/** What a retraining does, in order. */
export const retrainingStages = ['planning', 'frozen layers', 'training', 'evaluation', 'gate', 'promotion', 'archiving'] as const;
export type RetrainingStage = (typeof retrainingStages)[number];

const attemptSchema = z.object({
  /** ISO 8601. */
  startedAt: z.string(),
  updatedAt: z.string(),
  /** What works on it; absent when it was stopped, and is to be taken up again. */
  process: processSchema.optional(),
  /** What it learns; `image` as a row of pending.csv names it. */
  corrections: z.array(z.object({ image: z.string(), timestamp: z.string(), labels: z.array(z.number().int()) })),
  stage: z.enum(retrainingStages),
  /** In [0, 1]. */
  progress: z.number(),
  epoch: z.number().int().optional(),
  epochs: z.number().int().optional(),
  etaSeconds: z.number().optional(),
  /** From here on nothing is computed again: the model is there, and judged. */
  judged: z.object({ run: z.string(), base: z.string(), gate: gateSchema }).optional(),
});

const lastSchema = z.object({
  at: z.string(),
  run: z.string().optional(),
  verdict: z.enum(['promoted', 'rejected', 'failed']),
  reason: z.string(),
  gate: gateSchema.optional(),
});

const journalSchema = z.object({
  schemaVersion: z.literal(1),
  /** A retraining that goes on, or was cut short. */
  attempt: attemptSchema.optional(),
  /** How the latest one ended. */
  last: lastSchema.optional(),
  /** Names of the corrections that were learnt to no avail, as `nameOf` gives them. */
  tried: z.array(z.string()).default([]),
});

/** A retraining under way. */
export type Attempt = Readonly<z.infer<typeof attemptSchema>>;
/** A model that was retrained, what it came from, and the verdict on it. */
export type Judged = NonNullable<Attempt['judged']>;
/** How a retraining ended. */
export type RetrainingEnd = Readonly<z.infer<typeof lastSchema>>;
/** What `corrections/retraining.json` holds. */
export type Journal = Readonly<z.infer<typeof journalSchema>>;

/** The journal as it stands; it is replaced whole, so it can be read at any moment. @throws BAD_JOURNAL */
export async function readJournal({ retrainingJournal: file }: Workspace): Promise<Journal> {
  const text = await readTextIfPresent(file);
  if (text === undefined) return { schemaVersion: 1, tried: [] };
  try {
    return journalSchema.parse(JSON.parse(text));
  } catch (error) {
    throw BadJournal(file, error instanceof z.ZodError ? describeIssues(error) : (error as Error).message);
  }
}

/** Whether a process works on it. */
export function isUnderWay(attempt: Attempt): boolean {
  return attempt.process !== undefined && goesOn(attempt.process, attempt.updatedAt);
}

/**
 * Makes this process the one that retrains: with an attempt that was cut short after its model was judged, or else with what `begin` makes.
 *
 * @throws RETRAINING_RUNNING, BAD_JOURNAL, CORRECTIONS_BUSY, and whatever `begin` throws; an attempt that was cut short earlier is then given up
 */
export function claimAttempt(workspace: Workspace, begin: () => Promise<Pick<Attempt, 'corrections'>>): Promise<Attempt> {
  const file = workspace.retrainingJournal;
  return inTurn(file, {
    busy: () => CorrectionsBusy(file),
    work: async () => {
      const journal = await readJournal(workspace);
      const { attempt: found, ...ended } = journal;
      if (found && isUnderWay(found)) throw RetrainingRunning(found.startedAt, found.process!.pid);
      const now = new Date().toISOString();
      const fresh = async (): Promise<Attempt> => ({ ...(await begin()), startedAt: now, updatedAt: now, stage: 'planning', progress: 0 });
      let attempt: Attempt;
      try {
        attempt = { ...(found?.judged ? found : await fresh()), updatedAt: now, process: thisProcess() };
      } catch (error) {
        if (found) await writeJson(file, ended);
        throw error;
      }
      await writeJson(file, { ...journal, attempt });
      return attempt;
    },
  });
}

/** Writes an attempt that this process has claimed. */
export async function writeAttempt(workspace: Workspace, attempt: Attempt): Promise<void> {
  await writeJson(workspace.retrainingJournal, { ...(await readJournal(workspace)), attempt });
}

/** Ends the attempt that this process has claimed. @param tried names of the corrections that were learnt to no avail */
export async function endAttempt(workspace: Workspace, last: RetrainingEnd, tried: readonly string[]): Promise<void> {
  await writeJson(workspace.retrainingJournal, { schemaVersion: 1, last, tried });
}
