import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { isMissing, sha256 } from '../files';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type Correction, pictureOf } from './pending';

/** What a promoted retraining learnt, as far as it is still there. */
export interface LearntCorrections {
  readonly corrections: readonly Correction[];
  /** Pictures that are gone or have changed since. */
  readonly lost: readonly string[];
}

/**
 * The corrections that a run learnt, in the order in which it learnt them, from `corrections/history`; undefined where that does not name the run, as only
 * what a promoted model learnt goes there.
 *
 * @throws the file system's error
 */
export async function readLearnt(workspace: Workspace, task: Task, runId: string): Promise<LearntCorrections | undefined> {
  const names = await readdir(workspace.correctionHistory).catch((error) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const name of names) {
    const text = await readFile(path.join(workspace.correctionHistory, name), 'utf8');
    if (!text.includes(runId)) continue;
    const rows = parse(text, { columns: true, skip_empty_lines: true }) as unknown as Record<string, string>[];
    const learnt = rows.filter(({ run }) => run === runId);
    if (learnt.length > 0) return openPictures(learnt, workspace, task);
  }
  return undefined;
}

async function openPictures(rows: readonly Record<string, string>[], workspace: Workspace, task: Task): Promise<LearntCorrections> {
  const corrections: Correction[] = [];
  const lost: string[] = [];
  for (const row of rows) {
    const file = pictureOf(workspace, row);
    const content = await readFile(file).catch(() => undefined);
    const hash = content && sha256(content);
    // A picture that came through the server is named by its content.
    if (hash === undefined || (/^[\da-f]{64}$/.test(path.parse(file).name) && path.parse(file).name !== hash)) lost.push(file);
    else
      corrections.push({ path: file, sha256: hash, labels: task.classes.map(({ name }) => Number(row[name])), timestamp: row.timestamp! });
  }
  return { corrections, lost };
}

/** SHA-256 over the pictures and labels of corrections in their order, which tells whether a retraining would learn the same. */
export function fingerprintOfCorrections(corrections: readonly Correction[]): string {
  return sha256(corrections.map((correction) => `${correction.sha256}\t${correction.labels.join('')}\n`).join(''));
}
