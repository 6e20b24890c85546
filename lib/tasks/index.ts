import type { z } from 'zod';
import { defineError } from '../errors';
import { food } from './food';
import { galaxy } from './galaxy';
import { BadSettings, isPlainObject, mergeSettings } from './merge';
import { type Settings, type SettingsOverrides, settingsSchemas, type Task } from './task';

export { BadSettings, setSetting } from './merge';
export * from './task';
export { food, galaxy };

/** Every task there is. A new one is a file beside `food.ts` and a line here. */
export const tasks: readonly Task[] = [food, galaxy];

export const UnknownTask = defineError(
  'UNKNOWN_TASK',
  404,
  (name: string) => `there is no task "${name}": use ${tasks.map((task) => task.name).join(' or ')}`,
);

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
  return checkSettings(task, layers.reduce<Record<string, unknown>>(mergeSettings, {}));
}

/**
 * A task's settings with some of them changed.
 *
 * @throws BAD_SETTINGS, as `settingsFor`
 */
export function changeSettings<Chosen extends Task>(task: Chosen, settings: Settings, changes: SettingsOverrides): Chosen['defaults'] {
  return checkSettings(task, mergeSettings({ ...settings }, changes));
}

function checkSettings(task: Task, settings: Record<string, unknown>): Settings {
  const parsed = settingsSchemas[task.data.kind].safeParse(settings);
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
