import path from 'node:path';
import { datasetCardText } from '../cards';
import { readTextIfPresent, writeAtomic, writeJson } from '../files';
import type { Task } from '../tasks';
import { type DatasetPlaces, datasetIn } from '../workspace';
import { hashRows } from './added';
import { type DatasetCard, isMade } from './card';
import { countCollages, countGalaxies } from './counts';
import type { GalaxyCard } from './galaxy/card';
import { formatLabels, type LabelRow } from './labelsCsv';

/** What is said of a data set's pictures. */
interface Description {
  readonly task: Task;
  readonly rows: readonly LabelRow[];
  readonly card: DatasetCard | GalaxyCard;
}

/** Writes what stands beside a data set's pictures: their labels, and what it was made of, for programs and for people. */
export async function describeDataset(folder: string, { task, rows, card }: Description): Promise<void> {
  await writeAtomic(datasetIn(folder).labelsCsv, formatLabels(task, rows));
  await writeCards(folder, task, card);
}

/** What the folder of the raw data says of its licences, for a card. */
export async function licencesOf(source: string): Promise<Pick<DatasetCard, 'licences'>> {
  const licences = await readTextIfPresent(path.join(source, 'LICENSES.md'));
  return licences === undefined ? {} : { licences };
}

/** Writes `dataset.json` and `CARD.md` anew, for rows whose pictures are all there, where the labels are others than those that the card tells of. */
export async function renewCards({ dataset, datasetImages }: DatasetPlaces, { task, rows, card }: Description): Promise<void> {
  const hashed = await hashRows(rows, datasetImages);
  const counted = 'balance' in card ? countGalaxies(hashed, card.classes, card.settings) : countCollages(hashed, card.classes);
  if (counted.fingerprint === card.fingerprint) return;
  const added = rows.filter(({ filename }) => !isMade(filename, card)).length;
  await writeCards(dataset, task, { ...card, ...counted, added } as typeof card);
}

async function writeCards(folder: string, task: Task, card: DatasetCard | GalaxyCard): Promise<void> {
  const { datasetCard, datasetCardText: text } = datasetIn(folder);
  await writeJson(datasetCard, card);
  await writeAtomic(text, datasetCardText({ task, card }));
}
