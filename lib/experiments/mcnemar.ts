import { gammaln } from 'simple-statistics';

/** How two models differ in the pictures that they get wholly right, by McNemar's test. */
export interface McNemar {
  /** Pictures that only the one model gets wholly right. */
  readonly onlyBefore: number;
  readonly onlyAfter: number;
  readonly method: 'exact' | 'mid-p';
  /** Two-sided, in (0, 1]: how likely the two counts would be at least this far apart if both models were equally good. */
  readonly pValue: number;
}

/** So many pictures that only one model gets right are few. */
const few = 25;

/**
 * McNemar's test (1947, "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika 12, 153–157) on
 * the pictures that only one of two models gets wholly right: if both are equally good, each is as likely to be the one's as the other's.
 *
 * Of fewer than 25 such pictures it is the exact binomial test, which errs on the safe side; of more, its mid-p form, which counts only half of what is as
 * likely as the outcome, and keeps to its level without the exact test's loss of power (Fagerland, Lydersen and Laake 2013, "The McNemar test for
 * binary matched-pairs data", BMC Medical Research Methodology 13:91).
 *
 * The test takes pictures for independent. Collages that share photographs are not, so its p-value is then somewhat too small: where it and the
 * bootstrap over photographs (`bootstrapDifferences`) disagree, the bootstrap is right.
 *
 * @param before 1 for each picture that the one model gets wholly right, as `rightPictures` gives it, and `after` for the other
 */
export function mcnemar(before: Uint8Array, after: Uint8Array): McNemar {
  const onlyBefore = before.reduce((sum, right, picture) => sum + (right === 1 && after[picture] === 0 ? 1 : 0), 0);
  const onlyAfter = before.reduce((sum, right, picture) => sum + (right === 0 && after[picture] === 1 ? 1 : 0), 0);
  const method = onlyBefore + onlyAfter < few ? 'exact' : 'mid-p';
  return { onlyBefore, onlyAfter, method, pValue: binomialTest(onlyBefore, onlyAfter, method) };
}

/** Two-sided, of as many heads as tails; both tails are equally likely. */
function binomialTest(heads: number, tails: number, method: McNemar['method']): number {
  const [fewer, tosses] = [Math.min(heads, tails), heads + tails];
  let tail = 0;
  for (let count = 0; count <= fewer; count++) tail += probabilityOf(count, tosses);
  if (method === 'exact') return Math.min(1, 2 * tail);
  return heads === tails ? 1 - probabilityOf(fewer, tosses) / 2 : 2 * tail - probabilityOf(fewer, tosses);
}

/** Of so many heads in so many tosses of a fair coin. */
function probabilityOf(heads: number, tosses: number): number {
  return Math.exp(gammaln(tosses + 1) - gammaln(heads + 1) - gammaln(tosses - heads + 1) - tosses * Math.LN2);
}

/**
 * P-values of several tests at once, each raised so much that the chance of any false alarm among them stays what it would be for one (Holm 1979, "A
 * simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2), 65–70).
 *
 * @returns in the order of the p-values
 */
export function holm(pValues: readonly number[]): number[] {
  const ascending = pValues.map((_, test) => test).sort((one, other) => pValues[one]! - pValues[other]!);
  const adjusted = new Array<number>(pValues.length);
  let highest = 0;
  ascending.forEach((test, rank) => {
    highest = Math.min(1, Math.max(highest, (pValues.length - rank) * pValues[test]!));
    adjusted[test] = highest;
  });
  return adjusted;
}
