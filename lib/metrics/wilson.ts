import type { Interval } from './types';

/** The standard normal's 97.5 % point. */
const z = 1.959964;

/**
 * The 95 % confidence interval of a share by Wilson (1927), "Probable inference, the law of succession, and statistical inference": unlike the textbook's
 * it stays within [0, 1], and says something of few pictures and of shares of 0 and 1.
 *
 * @param of how many; at least 1
 */
export function wilsonInterval(right: number, of: number): Interval {
  const share = right / of;
  const centre = share + z ** 2 / (2 * of);
  const spread = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  const whole = 1 + z ** 2 / of;
  return { low: Math.max(0, (centre - spread) / whole), high: Math.min(1, (centre + spread) / whole) };
}
