import { Random } from '../../random';
import type { CollageTask, Split } from '../../tasks';
import { photoFolders } from '../source';
import type { Artwork, Drawing } from './artwork';
import { NoDrawings } from './errors';

/** How many pictures the sample has. */
export interface SampleCounts {
  /** Of each class. */
  readonly photos: Readonly<Record<Split, number>>;
  /** Of no class; validation takes its share of `train`. */
  readonly negatives: { readonly train: number; readonly test: number };
}

export const sampleCounts: SampleCounts = {
  photos: { train: 240, validation: 60, test: 70 },
  negatives: { train: 520, test: 130 },
};

/** A picture to be made: what it shows, and the stream of chance that decides the rest. */
export interface PlannedPicture {
  /** Relative to the sample's folder. */
  readonly file: string;
  readonly split: Split;
  readonly drawings: readonly Drawing[];
  readonly random: Random;
}

/**
 * Decides what each picture of the sample shows. Every drawing of a class has its turn before any comes again.
 *
 * @throws NO_DRAWINGS
 */
export function planSample(task: CollageTask, artwork: Artwork, counts: SampleCounts, seed: number): PlannedPicture[] {
  const root = new Random(seed).fork('sample');
  return sampleFolders(task, counts).flatMap(({ folder, split, count, subject }) => {
    const drawings = artwork.drawings(split, subject);
    if (!drawings.length) throw NoDrawings(subject ?? folder);
    const random = root.fork(folder);
    return deal(drawings, count, random).map((drawing, number) => {
      const file = `${folder}/${String(number + 1).padStart(4, '0')}-${drawing.family}-${drawing.name}.jpg`;
      return { file, split, drawings: withCompanions(drawing, drawings, random.fork(`${number}/things`)), random: random.fork(number) };
    });
  });
}

interface SampleFolder {
  readonly folder: string;
  readonly split: Split;
  readonly count: number;
  /** The class folder whose drawings it shows; none for things that are no food. */
  readonly subject?: string;
}

/** The folders of the sample: those that the task's raw data has. */
export function sampleFolders(task: CollageTask, counts: SampleCounts): SampleFolder[] {
  return photoFolders(task).map(({ folder, split, classIndex }) => {
    if (classIndex === null) return { folder, split, count: split === 'train' ? counts.negatives.train : counts.negatives.test };
    return { folder, split, count: counts.photos[split], subject: task.classes[classIndex]?.folder };
  });
}

function deal(drawings: readonly Drawing[], count: number, random: Random): Drawing[] {
  const dealt: Drawing[] = [];
  while (dealt.length < count) dealt.push(...random.shuffle(drawings));
  return dealt.slice(0, count);
}

/** Up to three more things of the same class by the same artist: often the same again, as in a bowl of apples. */
function withCompanions(drawing: Drawing, drawings: readonly Drawing[], random: Random): Drawing[] {
  const more = random.pick([0, 0, 0, 0, 0, 0, 1, 1, 2, 3]);
  const kin = random.chance(0.5) ? [drawing] : drawings.filter(({ family }) => family === drawing.family);
  return [drawing, ...Array.from({ length: more }, () => random.pick(kin))];
}
