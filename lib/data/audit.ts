import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { VisionbookError } from '../errors';
import type { OnProgress } from '../progress';
import { type CollageTask, type Split, splits } from '../tasks';
import { mapOnCores } from './cores';
import { groupAlike, type Likeness } from './duplicates';
import { likenessOf } from './likeness';
import { listPictures } from './pictures';
import { type DataSource, type PhotoFolder, photoFolders } from './source';

/** A picture whose shorter side is below this shows nothing to learn from. */
const smallestSide = 16;

/** A photograph that can be used. */
export interface AuditedPhoto {
  /** Relative to the source's folder, with `/`. */
  readonly file: string;
  readonly folder: PhotoFolder;
  readonly sha256: string;
  /** The same number for all pictures that are copies of each other, exact or near. */
  readonly group: number;
}

/** A file that is left out, and why. */
export interface UnusablePhoto {
  readonly file: string;
  readonly reason: 'unreadable' | 'tiny';
  readonly detail: string;
}

/** Pictures that are copies of each other: byte for byte, or in another size, quality or trim. */
export interface DuplicateGroup {
  readonly kind: 'exact' | 'near';
  readonly files: readonly string[];
  /** The splits whose folders they stand in; more than one is a leak. */
  readonly splits: readonly Split[];
  /** Whether all of them stand for the same class; otherwise a folder is wrong about one. */
  readonly oneClass: boolean;
}

/** What lies in a source's folders. */
export interface AuditReport {
  readonly source: DataSource;
  readonly folders: readonly { readonly folder: PhotoFolder; readonly pictures: number; readonly usable: number }[];
  readonly photos: readonly AuditedPhoto[];
  readonly unusable: readonly UnusablePhoto[];
  readonly duplicates: readonly DuplicateGroup[];
}

interface FoundPhoto {
  readonly file: string;
  readonly folder: PhotoFolder;
}
type UsablePhoto = FoundPhoto & Likeness;

/**
 * Decodes every photograph of a source and compares each with each: which cannot be used, and which are copies of others. A missing
 * folder counts as empty.
 */
export async function auditPhotos(
  source: DataSource,
  task: CollageTask,
  { onProgress }: { readonly onProgress?: OnProgress } = {},
): Promise<AuditReport> {
  const folders = photoFolders(task);
  const names = await Promise.all(folders.map(({ folder }) => listPictures(path.join(source.folder, folder))));
  const found = folders.flatMap((folder, index) => names[index]!.map((name) => ({ file: `${folder.folder}/${name}`, folder })));

  let done = 0;
  const inspected = await mapOnCores(found, async (photo) => {
    const result = await inspect(source, photo);
    onProgress?.({ label: 'Checking photographs', done: ++done, total: found.length });
    return result;
  });
  const usable = inspected.filter((photo): photo is UsablePhoto => 'hash' in photo);
  const groups = groupAlike(usable);
  return {
    source,
    folders: folders.map((folder, index) => ({
      folder,
      pictures: names[index]!.length,
      usable: usable.filter((photo) => photo.folder === folder).length,
    })),
    photos: usable.map(({ file, folder, sha256 }, index) => ({ file, folder, sha256, group: groups[index]! })),
    unusable: inspected.filter((photo): photo is UnusablePhoto => 'reason' in photo),
    duplicates: duplicateGroups(usable, groups),
  };
}

async function inspect(source: DataSource, { file, folder }: FoundPhoto): Promise<UsablePhoto | UnusablePhoto> {
  try {
    const content = await readFile(path.join(source.folder, file));
    const { width, height, ...likeness } = await likenessOf(content, file);
    if (Math.min(width, height) < smallestSide) {
      return { file, reason: 'tiny', detail: `${width}x${height} pixels; the shorter side must have at least ${smallestSide}` };
    }
    return { file, folder, ...likeness };
  } catch (error) {
    if (error instanceof VisionbookError || (error as NodeJS.ErrnoException).code) {
      return { file, reason: 'unreadable', detail: (error as Error).message };
    }
    throw error;
  }
}

function duplicateGroups(photos: readonly UsablePhoto[], groups: readonly number[]): DuplicateGroup[] {
  const members = new Map<number, UsablePhoto[]>();
  photos.forEach((photo, index) => {
    const group = groups[index]!;
    members.set(group, [...(members.get(group) ?? []), photo]);
  });
  return [...members.values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      kind: group.every(({ sha256 }) => sha256 === group[0]!.sha256) ? 'exact' : 'near',
      files: group.map(({ file }) => file),
      splits: splits.filter((split) => group.some(({ folder }) => folder.split === split)),
      oneClass: group.every(({ folder }) => folder.classIndex === group[0]!.folder.classIndex),
    }));
}

/** The report as lines for a terminal. */
export function describeAudit(report: AuditReport): string {
  const width = Math.max(...report.folders.map(({ folder }) => folder.folder.length));
  const leaks = report.duplicates.filter((group) => group.splits.length > 1);
  const within = report.duplicates.filter((group) => group.splits.length === 1);
  const conflicts = report.duplicates.filter((group) => !group.oneClass);
  const listed = (group: DuplicateGroup): string => `  ${group.kind}: ${group.files.join('  =  ')}`;
  return [
    report.source.name === report.source.folder ? report.source.name : `${report.source.name}: ${report.source.folder}`,
    `${'folder'.padEnd(width)}  pictures  usable`,
    ...report.folders.map(({ folder, pictures, usable }) => {
      const remark = pictures === 0 ? '  (missing or empty)' : '';
      return `${folder.folder.padEnd(width)}  ${String(pictures).padStart(8)}  ${String(usable).padStart(6)}${remark}`;
    }),
    '',
    `Unreadable or too small, left out: ${report.unusable.length}`,
    ...report.unusable.map(({ file, detail }) => (detail.startsWith(file) ? `  ${detail}` : `  ${file}: ${detail}`)),
    `In two splits, kept in the later one only: ${leaks.length} groups`,
    ...leaks.map(listed),
    `Copies within one split: ${within.length} groups`,
    `Copies that stand for different classes: ${conflicts.length} groups`,
    ...conflicts.map(listed),
  ].join('\n');
}
