import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What numbers depend on: the library and the versions of its packages. Documentation, notebooks and tests do not change them. */
const whatCounts = ['lib', 'package-lock.json', 'requirements.txt'];

/** Files of the library that differ between two commits; undefined where git does not know one of them. */
export async function changedFiles(root: string, from: string, to: string): Promise<string[] | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['diff', '--name-only', from, to, '--', ...whatCounts], {
      cwd: root,
      timeout: 10_000,
      maxBuffer: 2 ** 26,
    });
    return stdout.split('\n').filter((line) => line !== '');
  } catch {
    return undefined;
  }
}
