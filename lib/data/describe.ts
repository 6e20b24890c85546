import path from 'node:path';
import { datasetCardText } from '../cards';
import { readTextIfPresent, writeAtomic, writeJson } from '../files';
import type { Task } from '../tasks';
import { datasetIn } from '../workspace';
import type { DatasetCard } from './card';
import type { GalaxyCard } from './galaxy/card';
import { formatLabels, type LabelRow } from './labelsCsv';

/** What is said of a data set's pictures. */
interface Description {
  readonly task: Task;
  readonly rows: readonly LabelRow[];
  readonly card: DatasetCard | GalaxyCard;
  /** The folder of the raw data. */
  readonly source: string;
}

/** Writes what stands beside a data set's pictures: their labels, and what it was made of, for programs and for people. */
export async function describeDataset(folder: string, { task, rows, card, source }: Description): Promise<void> {
  const { labelsCsv, datasetCard, datasetCardText: text } = datasetIn(folder);
  const licences = await readTextIfPresent(path.join(source, 'LICENSES.md'));
  await writeAtomic(labelsCsv, formatLabels(task, rows));
  await writeJson(datasetCard, card);
  await writeAtomic(text, datasetCardText({ task, card, ...(licences !== undefined && { licences }) }));
}
