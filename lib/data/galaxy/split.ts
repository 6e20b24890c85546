import type { Random } from '../../random';
import type { Split } from '../../tasks';
import { TooFewGalaxies } from './errors';

/** Pictures to split. */
export interface Splittable {
  /** Class number of each picture. */
  readonly labels: ArrayLike<number>;
  /** The same number for pictures that must not be torn apart, each that of the group's first picture. */
  readonly groups: readonly number[];
  /** Where whoever made the data has held pictures out for validation: 1 for those. */
  readonly heldOut?: ArrayLike<number>;
}

/** Shares of validation and test; the rest is for training. */
export interface SplitShares {
  readonly validation: number;
  readonly test: number;
}

/**
 * Splits each class by the same shares, whole groups at a time, so that no picture and its copy are in two splits. A group goes with the
 * class of its first picture. Where pictures were held out for validation already, they and their copies stay there, and only test is split off
 * the others.
 *
 * @param classes names, in the order of the labels' numbers
 * @throws TOO_FEW_PICTURES when a class that there is would be missing from a split
 */
export function splitStratified(
  { labels, groups, heldOut }: Splittable,
  classes: readonly string[],
  shares: SplitShares,
  random: Random,
): Split[] {
  const split = new Array<Split>(labels.length).fill('train');
  const members = new Map<number, number[]>();
  groups.forEach((group, index) => {
    const known = members.get(group);
    if (known) known.push(index);
    else members.set(group, [index]);
  });
  classes.forEach((name, classIndex) => {
    const own = [...members.values()].filter(([first]) => labels[first!] === classIndex);
    const pictures = own.reduce((sum, { length }) => sum + length, 0);
    if (pictures === 0) return;
    const kept = heldOut ? own.filter((group) => group.some((index) => heldOut[index])) : [];
    for (const index of kept.flat()) split[index] = 'validation';
    let left = own.filter((group) => !kept.includes(group));
    // Large groups do not fit into small shares, and stay in training.
    const fill = (into: Split, wanted: number): void => {
      let taken = 0;
      left = left.filter((group) => {
        if (taken + group.length > wanted) return true;
        taken += group.length;
        for (const index of group) split[index] = into;
        return false;
      });
      if (taken === 0) throw TooFewGalaxies(name, own.length, into);
    };
    left = random.fork(name).shuffle(left);
    fill('test', Math.max(1, Math.round(pictures * shares.test)));
    if (!heldOut) fill('validation', Math.max(1, Math.round(pictures * shares.validation)));
    if (left.length === 0) throw TooFewGalaxies(name, own.length, 'training');
  });
  return split;
}
