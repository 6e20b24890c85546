import { defineError } from '../errors';

export const BadSettings = defineError('BAD_SETTINGS', 422, (problems: string) => `these settings cannot be used: ${problems}`);

/**
 * Settings with changes at any depth. Entries of a list are changed by their name or place, as in `{ stages: { head: { epochs: 3 } } }`; a list in
 * their stead replaces it whole.
 *
 * @throws BAD_SETTINGS where a list has no such entry
 */
export function mergeSettings(base: Record<string, unknown>, changes: object): Record<string, unknown> {
  const merged = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    const before = merged[name];
    merged[name] = Array.isArray(before) && isPlainObject(value) ? mergeList(name, before, value) : mergeValue(before, value);
  }
  return merged;
}

function mergeList(name: string, list: readonly unknown[], changes: Record<string, unknown>): unknown[] {
  const merged = [...list];
  for (const [key, value] of Object.entries(changes)) {
    const place = merged.findIndex((entry, index) => (isPlainObject(entry) && entry.name === key) || String(index) === key);
    if (place === -1) throw BadSettings(`there is no setting ${name}.${key}`);
    merged[place] = mergeValue(merged[place], value);
  }
  return merged;
}

function mergeValue(before: unknown, value: unknown): unknown {
  return isPlainObject(before) && isPlainObject(value) ? mergeSettings(before, value) : value;
}

/**
 * Overrides with one more setting, by its dotted name: `collages.train` becomes `{ collages: { train: value } }`. It is checked only when the overrides
 * are used.
 */
export function setSetting(overrides: object, name: string, value: unknown): Record<string, unknown> {
  const nested = name.split('.').reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
  return mergeSettings({ ...overrides }, nested as object);
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
