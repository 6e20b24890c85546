import { z } from 'zod';
import { readTextIfPresent } from '../files';
import { type CollageTask, isCollageTask, type Split, type Task } from '../tasks';
import { datasetOf, type Workspace } from '../workspace';
import { bySplit, commonFields, count, leftOut } from './cardFields';
import { BadCard } from './errors';
import { type GalaxyCard, galaxyCardSchema } from './galaxy/card';

const cardSchema = z.object({
  ...commonFields,
  settings: z.object({
    seed: count,
    imageSize: count,
    includeProbability: z.number(),
    refillProbability: z.number(),
    collages: bySplit(count),
    negatives: bySplit(count),
    jpegQuality: count,
  }),
  /** Numbers of pictures that were made; their names count up from 1. */
  made: bySplit(z.object({ collages: count, negatives: count })),
  /** Shape [classes, classes]: pictures that show both; on the diagonal, pictures that show the one. */
  coOccurrence: z.array(z.array(count)),
  /** Photographs that were left out. */
  skipped: z.array(leftOut(z.enum(['unreadable', 'tiny', 'duplicate']))),
  /** Seconds a phase. */
  timings: z.object({ audit: z.number(), pictures: z.number() }),
});

/** What a data set of collages was made of: `dataset/dataset.json`. */
export type DatasetCard = z.infer<typeof cardSchema>;

/** What a task's data set was made of, by how its data comes. */
export type CardOf<Chosen extends Task> = Chosen extends CollageTask ? DatasetCard : GalaxyCard;

/**
 * Reads `dataset.json`; undefined where there is none, as for pictures that somebody collected and labelled by hand.
 *
 * @throws BAD_DATASET_CARD
 */
export async function readDatasetCard<Chosen extends Task>(workspace: Workspace, task: Chosen): Promise<CardOf<Chosen> | undefined> {
  const { datasetCard } = datasetOf(workspace, task.name);
  const text = await readTextIfPresent(datasetCard);
  if (text === undefined) return undefined;
  try {
    const schema = isCollageTask(task) ? cardSchema : galaxyCardSchema;
    return schema.parse(JSON.parse(text)) as CardOf<Chosen>;
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw BadCard(datasetCard, task.name, problem);
  }
}

const prefixes: Readonly<Record<Split, string>> = { train: 'train', validation: 'val', test: 'test' };
const madeName = /^(train|val|test)_(none_)?(\d{7})\.jpg$/;

/** Name of a prepared picture, such as `train_0000001.jpg` or `train_none_0000001.jpg`. */
export function pictureName(split: Split, kind: 'collages' | 'negatives', number: number): string {
  return `${prefixes[split]}_${kind === 'negatives' ? 'none_' : ''}${String(number).padStart(7, '0')}.jpg`;
}

/** The split that a picture's name puts it in. Pictures put there by hand, whose names say nothing, are for training. */
export function splitOf(filename: string): Split {
  if (filename.startsWith(`${prefixes.test}_`)) return 'test';
  return filename.startsWith(`${prefixes.validation}_`) ? 'validation' : 'train';
}

/** Whether a picture was made by the preparation that the card describes. Without a card the form of its name decides. */
export function isMade(filename: string, card: DatasetCard | GalaxyCard | undefined): boolean {
  const match = madeName.exec(filename);
  if (!match) return false;
  if (!card) return true;
  const made = card.made[splitOf(filename)];
  const { collages, negatives } = typeof made === 'number' ? { collages: made, negatives: 0 } : made;
  return Number(match[3]) <= (match[2] ? negatives : collages);
}
