import type { Random } from '../random';
import type { Embedding } from './embedding';
import type { JudgedPicture } from './judged';
import { labelsInWords } from './words';

/** Pictures that a model sees as much the same. */
export interface Neighbourhood {
  /** Indices of its pictures, the most typical first. */
  readonly members: readonly number[];
  readonly wrong: number;
}

/** Rounds in which centres hardly move any more. */
const rounds = 25;

/**
 * Divides pictures by where they are in an embedding, with k-means (Lloyd 1982) from k-means++'s start (Arthur and Vassilvitskii 2007), and puts the
 * neighbourhood with the most mistakes first.
 *
 * @param pictures in the embedding's order
 * @param atMost how many neighbourhoods
 */
export function findNeighbourhoods(
  pictures: readonly Pick<JudgedPicture, 'isRight'>[],
  embedding: Embedding,
  { random, atMost = 12 }: { readonly random: Random; readonly atMost?: number },
): Neighbourhood[] {
  const { count, width, rows } = embedding;
  const row = (index: number): Float32Array => rows.subarray(index * width, (index + 1) * width);
  const centres = firstCentres(embedding, Math.min(atMost, count), random);
  let nearest: Nearest[] = [];
  for (let round = 0; round < rounds; round++) {
    nearest = Array.from({ length: count }, (_, index) => nearestOf(row(index), centres));
    for (const [index, centre] of centres.entries()) {
      const members = nearest.flatMap((found, picture) => (found.centre === index ? [picture] : []));
      if (members.length === 0) continue;
      centre.fill(0);
      for (const member of members) {
        row(member).forEach((value, position) => {
          centre[position]! += value / members.length;
        });
      }
    }
  }
  return centres
    .map((_, index): Neighbourhood => {
      const members = nearest.flatMap((found, picture) => (found.centre === index ? [picture] : []));
      members.sort((one, other) => nearest[one]!.distance - nearest[other]!.distance);
      return { members, wrong: members.filter((member) => !pictures[member]!.isRight).length };
    })
    .filter(({ members }) => members.length > 0)
    .sort((one, other) => other.wrong - one.wrong || one.members.length - other.members.length);
}

interface Nearest {
  readonly centre: number;
  /** Squared. */
  readonly distance: number;
}

function nearestOf(values: Float32Array, centres: readonly Float32Array[]): Nearest {
  return centres.reduce<Nearest>(
    (best, centre, index) => {
      const distance = squaredDistance(values, centre);
      return distance < best.distance ? { centre: index, distance } : best;
    },
    { centre: 0, distance: Number.POSITIVE_INFINITY },
  );
}

function squaredDistance(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += (one[index]! - other[index]!) ** 2;
  return sum;
}

/** Each further centre is drawn with a probability that grows with its squared distance from those before. */
function firstCentres({ count, width, rows }: Embedding, wanted: number, random: Random): Float32Array[] {
  const row = (index: number): Float32Array => rows.slice(index * width, (index + 1) * width);
  const centres: Float32Array[] = [];
  const distances = new Float64Array(count).fill(1);
  while (centres.length < wanted) {
    const centre = row(drawIndex(distances, random));
    centres.push(centre);
    for (let index = 0; index < count; index++) {
      const distance = squaredDistance(rows.subarray(index * width, (index + 1) * width), centre);
      distances[index] = centres.length === 1 ? distance : Math.min(distances[index]!, distance);
    }
  }
  return centres;
}

/** An index, each with a probability in proportion to its weight; the first where all weights are 0. */
function drawIndex(weights: Float64Array, random: Random): number {
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  const drawn = weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return Math.max(0, drawn);
}

/** Neighbourhoods for `displayTable`: how many pictures, how many of them are wrong, and what they mostly show. */
export function neighbourhoodRows(
  neighbourhoods: readonly Neighbourhood[],
  pictures: readonly JudgedPicture[],
  classes: readonly string[],
): { neighbourhood: number; pictures: number; wrong: number; 'mostly shows': string }[] {
  return neighbourhoods.map(({ members, wrong }, index) => ({
    neighbourhood: index + 1,
    pictures: members.length,
    wrong,
    'mostly shows': commonest(members.map((member) => labelsInWords(classes, pictures[member]!.labels))),
  }));
}

/** The two most frequent of some words, with their shares. */
function commonest(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .slice(0, 2)
    .map(([word, count]) => `${word} ${Math.round((100 * count) / words.length)} %`)
    .join(' · ');
}
