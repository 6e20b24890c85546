import type { z } from 'zod';
import { defineError } from '../errors';
import { food } from './food';
import { galaxy } from './galaxy';
import { type SettingsOverrides, settingsSchemas, type Task } from './task';

export * from './task';
export { food, galaxy };

/** Every task there is. A new one is a file beside `food.ts` and a line here. */
export const tasks: readonly Task[] = [food, galaxy];

export const UnknownTask = defineError(
  'UNKNOWN_TASK',
  404,
  (name: string) => `there is no task "${name}": use ${tasks.map((task) => task.name).join(' or ')}`,
);
export const BadSettings = defineError('BAD_SETTINGS', 422, (problems: string) => `these settings cannot be used: ${problems}`);

/** @throws UNKNOWN_TASK */
export function findTask(name: string): Task {
  const task = tasks.find((candidate) => candidate.name === name);
  if (!task) throw UnknownTask(name);
  return task;
}

/**
 * A task's settings for the data at hand: its defaults, then the sample's where the data is the sample, then those of the environment variable
 * `VISIONBOOK_SETTINGS` (JSON) and of `MIN_CORRECTIONS` (a number), then `overrides`.
 *
 * @throws BAD_SETTINGS, which names each setting that is unknown or out of range
 */
export function settingsFor<Chosen extends Task>(
  task: Chosen,
  data: { readonly isSample: boolean },
  overrides: SettingsOverrides = {},
  env: Readonly<Record<string, string | undefined>> = process.env,
): Chosen['defaults'] {
  const layers = [task.defaults, data.isSample ? task.sampleDefaults : {}, environmentSettings(env), overrides];
  const merged = layers.reduce<Record<string, unknown>>(mergeSettings, {});
  const parsed = settingsSchemas[task.data.kind].safeParse(merged);
  if (!parsed.success) throw BadSettings(parsed.error.issues.map(describeIssue).join('; '));
  return parsed.data;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')}: ${issue.message}`;
  return issue.keys.map((key) => `there is no setting ${[...issue.path, key].join('.')}`).join('; ');
}

function environmentSettings({
  VISIONBOOK_SETTINGS: text,
  MIN_CORRECTIONS: minimum,
}: Readonly<Record<string, string | undefined>>): object {
  return mergeSettings(parseSettings(text), minimum ? { retraining: { minimum: Number(minimum) } } : {});
}

function parseSettings(text: string | undefined): Record<string, unknown> {
  if (!text) return {};
  try {
    const settings: unknown = JSON.parse(text);
    if (isPlainObject(settings)) return settings;
  } catch {
    // said below
  }
  throw BadSettings('VISIONBOOK_SETTINGS holds no JSON object');
}

function mergeSettings(base: Record<string, unknown>, changes: object): Record<string, unknown> {
  const merged = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    const before = merged[name];
    merged[name] = isPlainObject(before) && isPlainObject(value) ? mergeSettings(before, value) : value;
  }
  return merged;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
