/**
 * The smallest of some numbers that at least this share of them does not exceed (nearest rank).
 *
 * @param share in (0, 1]
 * @throws RangeError when there are none
 */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('there is no percentile of nothing');
  const sorted = [...values].sort((one, other) => one - other);
  // A product such as 0.55 × 100 may come out a little too high.
  return sorted[Math.ceil(share * sorted.length - 1e-9) - 1]!;
}

/** `over` / `under`; null where either was not measured. */
export function ratio(over: number | null, under: number | null): number | null {
  return over === null || under === null ? null : over / under;
}

/** What is aimed at, and which way is better. */
export interface Target {
  readonly limit: number;
  readonly better: 'higher' | 'lower';
}

/** Whether a target is met; undefined where nothing was measured. */
export function isMet(value: number | null, { limit, better }: Target): boolean | undefined {
  if (value === null) return undefined;
  return better === 'higher' ? value >= limit : value <= limit;
}
