import { correlation, type PerceptualHash } from './perceptualHash';

/** Of 64 bits. A copy in other quality or size differs in 2, one cropped by 3 % in 6 to 10, unrelated photographs in about 32. */
const nearDistance = 12;
/** Grey thumbnails of a copy correlate above this; it clears pictures that only share a layout, such as a packet on white. */
const nearCorrelation = 0.9;

/** What two pictures are compared by. */
export interface Likeness {
  readonly sha256: string;
  readonly hash: PerceptualHash;
  /** Grey thumbnail, shape [32, 32]. */
  readonly grey: Float32Array;
}

/**
 * Gives every picture the index of the first picture of its group: like pictures share a group, and so do those with a chain of likes
 * between them. Alike are pictures with the same bytes, and copies in another size, quality or trim.
 *
 * Every pair's hashes are compared: at some nanoseconds a pair, 12,000 pictures take about half a second.
 */
export function groupAlike(pictures: readonly Likeness[]): number[] {
  const groups = new Groups(pictures.length);
  const firstWith = new Map<string, number>();
  pictures.forEach(({ sha256 }, index) => {
    const first = firstWith.get(sha256);
    if (first === undefined) firstWith.set(sha256, index);
    else groups.join(first, index);
  });
  // Flat arrays: following an object's fields for each pair takes ten times as long.
  const low = Int32Array.from(pictures, ({ hash }) => hash[0]);
  const high = Int32Array.from(pictures, ({ hash }) => hash[1]);
  for (let later = 1; later < pictures.length; later++) {
    for (let earlier = 0; earlier < later; earlier++) {
      const distance = countBits(low[earlier]! ^ low[later]!) + countBits(high[earlier]! ^ high[later]!);
      if (distance > nearDistance || correlation(pictures[earlier]!.grey, pictures[later]!.grey) < nearCorrelation) continue;
      groups.join(earlier, later);
    }
  }
  return pictures.map((_, index) => groups.first(index));
}

/** Set bits of a 32-bit number (Warren, "Hacker's Delight", 5-1). */
export function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Disjoint sets of indices (Galler and Fischer, 1964), each known by its smallest. */
export class Groups {
  private readonly parent: Int32Array;

  constructor(size: number) {
    this.parent = Int32Array.from({ length: size }, (_, index) => index);
  }

  first(index: number): number {
    let root = index;
    while (this.parent[root] !== root) root = this.parent[root]!;
    this.parent[index] = root;
    return root;
  }

  join(a: number, b: number): void {
    const [first, second] = [this.first(a), this.first(b)];
    this.parent[Math.max(first, second)] = Math.min(first, second);
  }
}
