import { lstatSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const windows = process.platform === 'win32';
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const modules = path.join(root, 'node_modules');
export const venv = path.join(root, '.venv');
export const venvBin = path.join(venv, windows ? 'Scripts' : 'bin');
export const python = path.join(venvBin, windows ? 'python.exe' : 'python');
export const logFile = path.join(root, '.setup.log');
export const lockFile = path.join(root, '.setup.lock');
export const failuresFile = path.join(root, '.setup.failed.json');

/** Whether a folder is a link, as in a git worktree: what it leads to belongs to another checkout, whose set-up looks after it. */
export function isBorrowed(folder) {
  return lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
