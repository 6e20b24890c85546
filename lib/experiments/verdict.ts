import { type Difference, lowerIsBetter, type SplitMetricName } from '../metrics';

/** Whether a difference between two models is more than chance among the test pictures. */
export interface Verdict {
  readonly metric: SplitMetricName;
  /** Of the second model. */
  readonly outcome: 'better' | 'worse' | 'undecided';
  readonly difference: Difference;
  /** How many pictures it was measured on. */
  readonly pictures: number;
  /** About how many would show the difference that was observed; null where these did, or no number would, as nothing was observed. */
  readonly picturesNeeded: number | null;
}

/**
 * A difference is real where 0 lies outside its confidence interval.
 *
 * Otherwise `picturesNeeded` says how many pictures would have moved 0 outside, had they shown the same difference. The arm of an interval, from the
 * difference `d` to the end on the far side of 0, shrinks with the square root of the number of pictures (Efron and Tibshirani 1993, "An Introduction to
 * the Bootstrap", chapter 6: standard errors go by 1/√n), so from arm `a` at `n` pictures it has shrunk to `d` at `n·(a/d)²`. Two digits of it are given,
 * rounded up: the observed difference is itself uncertain. If it is the true one, so many pictures show it every second time, and twice as many
 * four times out of five: ((1.96 + 0.84) / 1.96)² = 2.04 (Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences").
 *
 * @param difference with its 95 % interval, on so many pictures
 */
export function verdictOf(metric: SplitMetricName, difference: Difference, pictures: number): Verdict {
  const { difference: observed, interval } = difference;
  if (interval.low > 0 || interval.high < 0) {
    const isBetter = interval.low > 0 !== lowerIsBetter.has(metric);
    return { metric, outcome: isBetter ? 'better' : 'worse', difference, pictures, picturesNeeded: null };
  }
  const arm = observed > 0 ? observed - interval.low : interval.high - observed;
  const picturesNeeded = observed === 0 ? null : roundUp(pictures * (arm / observed) ** 2);
  return { metric, outcome: 'undecided', difference, pictures, picturesNeeded };
}

/** To two digits: 4,213 to 4,300. */
function roundUp(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(count)) - 1);
  return Math.ceil(count / unit) * unit;
}
