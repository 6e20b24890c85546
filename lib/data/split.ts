import type { Random } from '../random';
import { type CollageSettings, type CollageTask, type Split, splits } from '../tasks';
import type { AuditedPhoto, AuditReport } from './audit';
import { EmptyFolder } from './errors';
import { adviceFor, photoFolders } from './source';

/** A photograph that is left out because a copy of it stands in a later split. */
export interface DroppedCopy {
  readonly file: string;
  readonly reason: 'duplicate';
  readonly detail: string;
}

/** Which photographs each split may use. No photograph, nor a copy of it, is in two splits. */
export interface PhotoPools {
  /** By split, then by class. */
  readonly photos: Readonly<Record<Split, readonly (readonly string[])[]>>;
  /** By split, capped by the settings. */
  readonly negatives: Readonly<Record<Split, readonly string[]>>;
  readonly dropped: readonly DroppedCopy[];
}

/**
 * Keeps the source's own splits, holds out a part of the training negatives for validation, and drops what would stand in two splits.
 * Of copies in different splits the latest of train, validation and test keeps its own: a test picture taken out would change what
 * results are compared on, a training picture is one of many.
 *
 * @throws EMPTY_FOLDER when nothing is left of a folder that the settings need
 */
export function splitPhotos(report: AuditReport, task: CollageTask, settings: CollageSettings, random: Random): PhotoPools {
  const heldOut = heldOutNegatives(report, settings, random.fork('validation negatives'));
  const placed = report.photos.map((photo) => ({
    ...photo,
    split: heldOut.has(photo.file) ? ('validation' as const) : photo.folder.split,
  }));

  const latest = new Map<number, (typeof placed)[number]>();
  for (const photo of placed) {
    const before = latest.get(photo.group);
    if (!before || splits.indexOf(photo.split) > splits.indexOf(before.split)) latest.set(photo.group, photo);
  }
  const keeps = (photo: (typeof placed)[number]): boolean => latest.get(photo.group)!.split === photo.split;
  const kept = placed.filter(keeps);
  const files = (split: Split, classIndex: number | null): string[] =>
    kept.filter((photo) => photo.split === split && photo.folder.classIndex === classIndex).map(({ file }) => file);

  const pools: PhotoPools = {
    photos: bySplit((split) => task.classes.map((_, classIndex) => files(split, classIndex))),
    negatives: bySplit((split) => random.fork(`${split} negatives`).shuffle(files(split, null)).slice(0, settings.negatives[split])),
    dropped: placed
      .filter((photo) => !keeps(photo))
      .map((photo) => {
        const other = latest.get(photo.group)!;
        return { file: photo.file, reason: 'duplicate', detail: `a copy of ${other.file}, which is in ${other.split}` };
      }),
  };
  requirePhotos(pools, report, task, settings);
  return pools;
}

/** Validation's share of the negatives in the training folder, drawn by groups of copies, so that none is torn apart. */
function heldOutNegatives(report: AuditReport, settings: CollageSettings, random: Random): Set<string> {
  const { train, validation } = settings.negatives;
  const negatives = report.photos.filter(({ folder }) => folder.classIndex === null && folder.split === 'train');
  if (validation === 0 || negatives.length < 2) return new Set();
  const wanted = Math.max(1, Math.round((negatives.length * validation) / (train + validation)));

  const groups = new Map<number, AuditedPhoto[]>();
  for (const photo of negatives) groups.set(photo.group, [...(groups.get(photo.group) ?? []), photo]);
  const heldOut = new Set<string>();
  for (const group of random.shuffle([...groups.values()])) {
    if (heldOut.size + group.length <= wanted) for (const { file } of group) heldOut.add(file);
  }
  return heldOut;
}

function requirePhotos(pools: PhotoPools, report: AuditReport, task: CollageTask, settings: CollageSettings): void {
  for (const { folder, split, classIndex } of photoFolders(task)) {
    const needed = classIndex === null ? settings.negatives[split] : settings.collages[split];
    const available = classIndex === null ? pools.negatives[split] : pools.photos[split][classIndex]!;
    if (needed > 0 && available.length === 0) throw emptyFolder(folder, report, task);
  }
  if (settings.negatives.validation > 0 && pools.negatives.validation.length === 0)
    throw emptyFolder(task.data.negatives.train, report, task);
}

function emptyFolder(folder: string, report: AuditReport, task: CollageTask): Error {
  const { pictures, usable } = report.folders.find((counted) => counted.folder.folder === folder)!;
  const why =
    pictures === 0
      ? 'it is missing or empty'
      : usable === 0
        ? `all of its ${pictures} pictures are unreadable or too small`
        : `${pictures} pictures are too few, or have copies in another split`;
  return EmptyFolder(`${report.source.folder}/${folder}`, why, adviceFor(task, report.source));
}

/** One value for each split. */
export function bySplit<Value>(value: (split: Split) => Value): Record<Split, Value> {
  return { train: value('train'), validation: value('validation'), test: value('test') };
}
