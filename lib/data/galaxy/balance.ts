import { Random } from '../../random';

/** How often each training picture is used, and what became of each class. */
export interface Balance {
  /** Positions among the pictures given, in order; one that stands n times is used n times. */
  readonly used: Int32Array;
  readonly classes: readonly BalancedClass[];
}

export interface BalancedClass {
  /** Pictures there are. */
  readonly pictures: number;
  /** Of them, how many are left out. */
  readonly leftOut: number;
  /** Uses beyond the first of a picture. */
  readonly repeats: number;
}

/**
 * Balances training pictures: of a class with more than `perClass` pictures some are left out at random, of one with fewer each is used
 * several times, no picture more than once more often than another. Validation and test are never balanced: what is measured on them
 * must be what is in the sky.
 *
 * Repeats are uses, not copies of files: with augmentation each use is another view.
 *
 * @param labels class number of each training picture
 * @param perClass pictures wanted of each class; null uses each picture once
 */
export function balanceClasses(labels: ArrayLike<number>, classes: number, perClass: number | null, seed: number): Balance {
  const random = new Random(seed).fork('balance');
  const uses = new Int32Array(labels.length);
  const balanced = Array.from({ length: classes }, (_, classIndex): BalancedClass => {
    const own: number[] = [];
    for (let index = 0; index < labels.length; index++) if (labels[index] === classIndex) own.push(index);
    const wanted = own.length === 0 ? 0 : (perClass ?? own.length);
    const rounds = own.length === 0 ? 0 : Math.floor(wanted / own.length);
    for (const index of own) uses[index] = rounds;
    for (const index of random
      .fork(classIndex)
      .shuffle(own)
      .slice(0, wanted - rounds * own.length))
      uses[index]!++;
    return { pictures: own.length, leftOut: Math.max(0, own.length - wanted), repeats: Math.max(0, wanted - own.length) };
  });
  const used = Int32Array.from({ length: uses.reduce((sum, count) => sum + count, 0) });
  let place = 0;
  uses.forEach((count, index) => {
    used.fill(index, place, place + count);
    place += count;
  });
  return { used, classes: balanced };
}
