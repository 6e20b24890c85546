import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { readDatasetCard } from '../data/card';
import { unlessError } from '../errors';
import { readRun } from '../experiments';
import { sha256File, writeAtomic } from '../files';
import { findModel, readServed } from '../models';
import { readExports } from '../prediction/exportReport';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type ModelFile, modelCardText } from './modelCard';

/** The card's name, and the files beside it that a model consists of; a file that is being written has another ending. */
const cardName = 'CARD.md';
const modelEndings = new Set(['.onnx', '.keras', '.json']);

/**
 * Writes `CARD.md` beside a run's model from what is known now, whole or not at all: to be called whenever what it tells has changed. A run without a model
 * gets none.
 *
 * @throws UNREADABLE_MODEL of `card.json`, the file system's error
 */
export async function writeModelCard(workspace: Workspace, task: Task, runId: string): Promise<void> {
  const model = await unlessError(['NO_MODEL'], findModel(workspace, task.name, runId));
  if (!model) return;
  const folder = workspace.model(task.name, runId);
  // What is missing or damaged is left out: the card is there for people, and says less then.
  const [run, served, dataset, files] = await Promise.all([
    unlessError(['RUN_NOT_FOUND', 'RUN_UNREADABLE'], readRun(workspace, runId)),
    unlessError(['UNREADABLE_MODEL'], readServed(workspace, task.name)),
    unlessError(['BAD_DATASET_CARD'], readDatasetCard(workspace, task)),
    listFiles(folder),
  ]);
  const exported = run && (await readExports(workspace, [run])).exports.get(runId);
  const text = modelCardText({
    task,
    card: model.card,
    files,
    ...(run && { run }),
    ...(exported && { exported }),
    ...(served && { served }),
    ...(dataset && { dataset }),
  });
  await writeAtomic(path.join(folder, cardName), text);
}

/** Writes anew the cards of the models that the latest change of what serves was about. @throws as `writeModelCard` */
export async function renewModelCards(workspace: Workspace, task: Task): Promise<void> {
  const served = await readServed(workspace, task.name);
  const latest = served?.history.filter(({ at }) => at === served.history.at(-1)?.at) ?? [];
  const concerned = new Set(latest.flatMap(({ run, previous }) => [run, ...(previous ? [previous] : [])]));
  for (const run of concerned) await writeModelCard(workspace, task, run);
}

async function listFiles(folder: string): Promise<ModelFile[]> {
  const names = (await readdir(folder)).filter((name) => modelEndings.has(path.extname(name))).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return { name, bytes: (await stat(file)).size, sha256: await sha256File(file) };
    }),
  );
}
