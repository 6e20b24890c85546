import { isMet, type Target } from './ratios';

/** A line of a bench's table. */
export interface Measure {
  readonly name: string;
  readonly value: number | null;
  readonly unit: string;
  readonly target: Target;
}

export const atLeast = (limit: number): Target => ({ limit, better: 'higher' });
export const atMost = (limit: number): Target => ({ limit, better: 'lower' });

/** The table of measures beside what is aimed at. */
export function measureTable(measures: readonly Measure[]): Record<string, string>[] {
  return measures.map(({ name, value, unit, target }) => {
    const met = isMet(value, target);
    return {
      measured: name,
      value: value === null ? '–' : `${display(value)} ${unit}`.trim(),
      target: `${target.better === 'higher' ? '≥' : '≤'} ${display(target.limit)} ${unit}`.trim(),
      '': met === undefined ? 'not measured' : met ? 'met' : 'missed',
    };
  });
}

/** Three digits. */
export function display(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
