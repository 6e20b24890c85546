import { existsSync } from 'node:fs';
import path from 'node:path';
import { type RunRecord, readRunIfPresent, runRecordSchema } from '../experiments';
import { readTextIfPresent, sha256, writeAtomic } from '../files';
import { pathFromHome, type Workspace } from '../workspace';
import type { Bucket } from './bucket';
import { readPresent, transferAll } from './contents';
import { fileIn } from './desk';
import { ObjectDamaged } from './errors';
import type { Exchange } from './exchange';
import { sendFile } from './files';

/**
 * Sends a run that has ended: the files that its record names, then the record, so that it is whole or not there. Of a run that two machines came to the end
 * of, as may happen after one of them was cut off, the first counts.
 *
 * @throws what a bucket throws, the file system's errors
 */
export async function sendRun(bucket: Bucket, workspace: Workspace, { id, artifacts }: Readonly<RunRecord>): Promise<void> {
  const record = workspace.runRecord(id);
  if ((await bucket.tagOf(pathFromHome(workspace, record))) !== undefined) return;
  await transferAll(artifacts, (artifact) => sendFile(bucket, workspace, path.join(workspace.home, artifact.path)));
  await sendFile(bucket, workspace, record, 'absent');
}

/** Whether the files that a run made come with its record. */
export interface Bringing {
  readonly withFiles?: boolean;
}

/**
 * Brings the runs whose ids begin so, as far as they are not here; what is here of one that was cut short is replaced.
 *
 * @returns ids of those that came
 * @throws OBJECT_DAMAGED, what a bucket throws, the file system's errors
 */
export async function bringRuns(
  bucket: Bucket,
  workspace: Workspace,
  beginning: string,
  { withFiles = false }: Bringing = {},
): Promise<string[]> {
  const listed = await bucket.list(pathFromHome(workspace, workspace.experiment(beginning)));
  const ids = listed.flatMap(({ key }) => (path.posix.basename(key) === 'run.json' ? [path.posix.basename(path.posix.dirname(key))] : []));
  const came = await transferAll(ids, async (id) => {
    if (await isHere(workspace, id, withFiles)) return [];
    await bringRun(bucket, workspace, id, withFiles);
    return [id];
  });
  return came.flat();
}

async function isHere(workspace: Workspace, id: string, withFiles: boolean): Promise<boolean> {
  const text = (await readTextIfPresent(workspace.runRecord(id))) ?? '{}';
  const { status, artifacts = [] } = parsed(text);
  return status === 'finished' && (!withFiles || artifacts.every((artifact) => existsSync(path.join(workspace.home, artifact.path))));
}

/** Unchecked, since there may be a thousand: whoever uses a record checks it. One that is damaged is brought anew. */
function parsed(text: string): Partial<RunRecord> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

async function bringRun(bucket: Bucket, workspace: Workspace, id: string, withFiles: boolean): Promise<void> {
  const key = pathFromHome(workspace, workspace.runRecord(id));
  const content = await readPresent(bucket, key);
  if (withFiles) {
    const { artifacts } = runRecordSchema.parse(JSON.parse(content.toString()));
    await transferAll(artifacts, async (artifact) => {
      const file = fileIn(workspace.home, artifact.path, `${bucket.url}/${key}`);
      const made = await readPresent(bucket, artifact.path);
      if (sha256(made) !== artifact.sha256) throw ObjectDamaged(`${bucket.url}/${artifact.path}`, `its SHA-256 is not that of ${key}`);
      await writeAtomic(file, made);
    });
  }
  await writeAtomic(workspace.runRecord(id), content);
}

/**
 * Does work that makes runs, while no other machine makes them: those that are there are brought before, and those that came of it are sent.
 *
 * @param ids of which the last is made last
 * @throws the signal's reason, and as `bringRuns`
 */
export async function makeRunsOnce<Result>(
  { bucket, claims, desk }: Exchange,
  ids: readonly string[],
  work: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const last = ids.at(-1)!;
  const areHere = async (): Promise<boolean> => (await readRunIfPresent(desk, last))?.status === 'finished';
  const bring = async (): Promise<void> => {
    if (!(await areHere())) for (const id of ids) await bringRuns(bucket, desk, id, { withFiles: true });
  };
  await bring();
  if (await areHere()) return work();
  return claims.whenFree(
    `runs/${last}`,
    async () => {
      await bring();
      const result = await work();
      for (const id of ids) await sendRun(bucket, desk, (await readRunIfPresent(desk, id))!);
      return result;
    },
    signal,
  );
}
