import type { RunRecord } from '../experiments';
import type { Split, TaskKind } from '../tasks';

/** Fewer test pictures of a class than this make its numbers move by whole per cents with a single picture or two. */
export const fewPictures = 30;

/** What splits are called in a sentence. */
export const splitNames: Readonly<Record<Split, string>> = { train: 'training', validation: 'validation', test: 'test' };

/** `1 picture`, `12 pictures`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** 2026-03-01T10:00:00.000Z as `2026-03-01 10:00 UTC`. */
export function timeInWords(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`;
}

/** How many of its task's classes a picture may show. */
export const kindInWords: Readonly<Record<TaskKind, string>> = {
  multilabel: 'several at once, one, or none',
  multiclass: 'exactly one',
};

/** A file's size: `13.43 MB`, `0.9 kB`. */
export function sizeInWords(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

/** The checkout's commit in words; a change that no commit has is told. */
export function codeInWords(git: RunRecord['git']): string {
  if (!git) return 'unknown: not under git';
  return `commit ${git.commit.slice(0, 12)}${git.dirty ? ', with changes that no commit has' : ''}`;
}

/** Pictures by split as the sizes that the Hugging Face Hub knows. */
export function sizeCategory(pictures: number): string {
  const bounds = [1e3, 1e4, 1e5, 1e6];
  const names = ['n<1K', '1K<n<10K', '10K<n<100K', '100K<n<1M', 'n>1M'];
  const first = bounds.findIndex((bound) => pictures < bound);
  return names[first === -1 ? bounds.length : first]!;
}
