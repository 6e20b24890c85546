import os from 'node:os';
import { z } from 'zod';
import { describeHardware, readGit, readVersions } from '../experiments';
import { threadCount } from '../threads';
import type { Workspace } from '../workspace';

/** What every bench's record says of where and when it was measured. */
export const conditionsShape = {
  startedAt: z.string(),
  finishedAt: z.string(),
  quick: z.boolean(),
  threads: z.number().int(),
  hardware: z.object({ cpu: z.string(), cores: z.number().int(), memoryGiB: z.number(), platform: z.string(), backend: z.string() }),
  /** Of the last minute before the bench began: on an idle machine close to 0. */
  loadAverage: z.number(),
  versions: z.record(z.string(), z.string()),
  git: z.object({ commit: z.string(), dirty: z.boolean() }).nullable(),
};

const conditionsSchema = z.object(conditionsShape);
type Conditions = z.infer<typeof conditionsSchema>;

/** When a bench began, and how busy the machine was then. */
export interface Beginning {
  readonly startedAt: Date;
  readonly loadAverage: number;
  readonly threads: number;
}

/** To be called before anything is measured. @throws BAD_THREADS */
export function beginBench(): Beginning {
  const [loadAverage] = os.loadavg() as [number, number, number];
  return { startedAt: new Date(), loadAverage, threads: threadCount() };
}

/**
 * What the machine was, to be called when everything is measured.
 *
 * @param backend what computes
 */
export async function describeConditions(
  { root }: Workspace,
  { startedAt, loadAverage, threads }: Beginning,
  { quick, backend }: { readonly quick: boolean; readonly backend: string },
): Promise<Conditions> {
  const finishedAt = new Date().toISOString();
  const [versions, git] = await Promise.all([readVersions(root), readGit(root)]);
  const hardware = describeHardware(backend);
  return { startedAt: startedAt.toISOString(), finishedAt, quick, threads, hardware, loadAverage, versions, git };
}

/** A note where other programs may have slowed the bench down. */
export function busyNote({ loadAverage, threads }: Pick<Beginning, 'loadAverage' | 'threads'>): string[] {
  // A quiet desktop is at a few tenths.
  if (loadAverage <= threads / 2) return [];
  return [`the machine was busy when the bench began: its load average was ${loadAverage.toFixed(1)} on ${threads} threads`];
}
