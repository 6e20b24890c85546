import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import { describeIssues } from '../errors';
import { isMissing, readTextIfPresent, writeJson } from '../files';
import { type SplitMetricName, splitMetricNames } from '../metrics';
import type { WeightsIdentity } from '../models';
import type { Settings } from '../tasks';
import type { Workspace } from '../workspace';
import { SweepNotFound, SweepUnreadable } from './errors';

const grid = z.object({
  /** As the user calls it, such as `lr`. */
  name: z.string(),
  /** The setting, by its dotted name. */
  path: z.string(),
  values: z.array(z.unknown()).min(1),
});

const range = z.object({
  name: z.string(),
  path: z.string(),
  low: z.number(),
  high: z.number(),
  /** Whether every magnitude is as likely as any other, and not every number. */
  isLog: z.boolean(),
  isWhole: z.boolean(),
});

const sweepSchema = z.object({
  schemaVersion: z.literal(1),
  id: z.string(),
  /** ISO 8601. */
  createdAt: z.string(),
  task: z.string(),
  /** The stage that is tried out; those before it are trained as settings say. */
  stage: z.string(),
  /** All settings that are not swept, as they were when the sweep began. */
  settings: z.record(z.string(), z.unknown()),
  /** The backbone's weights, where the user named a file. */
  weightsFile: z.string().optional(),
  /** The weights that trainings begin with, by the backbone that settings ask for. Earlier versions wrote the SHA-256 of those of `settings` alone. */
  weights: z.union([z.record(z.string(), z.object({ source: z.string(), sha256: z.string() })), z.string()]),
  data: z.object({ name: z.string(), isSample: z.boolean(), fingerprint: z.string() }),
  grid: z.array(grid),
  ranges: z.array(range),
  /** Random draws, for each combination of the grid where there are ranges. */
  random: z.number().int().min(0),
  /** Trainings of each candidate, on seeds that follow that of the settings. */
  seeds: z.number().int().min(1),
  /** Successive halving: of so many candidates one goes on. */
  halving: z.number().int().min(2).optional(),
  /** What candidates are ranked by, on validation. */
  metric: z.enum(splitMetricNames as [SplitMetricName, ...SplitMetricName[]]),
});

/** What a sweep is to find out: everything that decides which trials there are. It is written once, and does not change. */
export interface Sweep extends Readonly<Omit<z.infer<typeof sweepSchema>, 'settings' | 'weights' | 'grid' | 'ranges'>> {
  readonly settings: Settings;
  readonly weights: Readonly<Record<string, WeightsIdentity>>;
  readonly grid: readonly Grid[];
  readonly ranges: readonly Range[];
}

/** What a sweep is, but for when it began. */
export type SweepContent = Omit<Sweep, 'schemaVersion' | 'id' | 'createdAt'>;

/** A setting and the values to try. */
export type Grid = Readonly<z.infer<typeof grid>>;
/** A setting and where its values are drawn from, both ends included. */
export type Range = Readonly<z.infer<typeof range>>;

/** Writes a new sweep down, under an id of its own. @throws the file system's error */
export async function createSweep(workspace: Workspace, content: SweepContent, now = new Date()): Promise<Sweep> {
  const time = now.toISOString().replace(/\.\d+|[-:]/g, '');
  const letters = randomInt(36 ** 6)
    .toString(36)
    .padStart(6, '0');
  const sweep: Sweep = {
    schemaVersion: 1,
    id: `${time}-${content.task}-${content.stage}-${letters}`,
    createdAt: now.toISOString(),
    ...content,
  };
  await writeJson(workspace.sweep(sweep.id, 'json'), sweep);
  return sweep;
}

/**
 * A sweep, by its id or the end of it.
 *
 * @throws SWEEP_NOT_FOUND, also where several ids end so; SWEEP_UNREADABLE
 */
export async function readSweep(workspace: Workspace, id: string): Promise<Sweep> {
  const known = await listSweeps(workspace);
  const found = known.includes(id) ? [id] : known.filter((other) => id !== '' && other.endsWith(id));
  if (found.length !== 1) throw SweepNotFound(id, found.length > 1 ? found : known);
  return readRecord(workspace.sweep(found[0]!, 'json'));
}

/** All sweeps, the oldest first; those that cannot be read are left out. */
export async function readSweeps(workspace: Workspace): Promise<Sweep[]> {
  const ids = await listSweeps(workspace);
  const sweeps = await Promise.all(ids.map((id) => readRecord(workspace.sweep(id, 'json')).catch(() => undefined)));
  return sweeps.filter((sweep) => sweep !== undefined);
}

async function listSweeps({ sweeps }: Workspace): Promise<string[]> {
  try {
    const entries = await readdir(sweeps, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function readRecord(file: string): Promise<Sweep> {
  try {
    const text = await readTextIfPresent(file);
    if (text === undefined) throw new Error('there is no such file');
    const { weights, ...sweep } = sweepSchema.parse(JSON.parse(text));
    const { backbone } = sweep.settings as unknown as Settings;
    const named = typeof weights === 'string' ? { [backbone]: { source: `of the sweep ${sweep.id}`, sha256: weights } } : weights;
    return { ...sweep, weights: named } as unknown as Sweep;
  } catch (error) {
    throw SweepUnreadable(file, error instanceof z.ZodError ? describeIssues(error) : (error as Error).message);
  }
}
