import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run, SetupError } from './command.mjs';
import { isBorrowed, logFile, modules, root, windows } from './places.mjs';

/** The npm packages of package-lock.json. Their install scripts do not run (`.npmrc`): none that is needed has one. */
export const packages = {
  name: 'npm packages',
  stamp: 'node_modules/.visionbook',
  isPossible: () => !isBorrowed(modules),
  key: () => `${hashOf('package-lock.json')} ${process.platform}-${process.arch} node${process.versions.modules}`,
  isIntact: () => installed().every(({ folder, files }) => files.every((file) => existsSync(path.join(root, folder, file)))),
  async run() {
    try {
      await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { shell: windows });
    } catch (error) {
      throw new SetupError(error.message, {
        lost: 'everything: nothing works without the npm packages',
        remedy: `mend what npm complains of (${logFile} has all of it), then run the same command again`,
        isFatal: true,
      });
    }
  },
};

export function hashOf(file) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, file)))
    .digest('hex')
    .slice(0, 16);
}

/** What npm says it installed, which leaves out packages for other platforms: each has its manifest and its commands. */
function installed() {
  const list = path.join(modules, '.package-lock.json');
  if (!existsSync(list)) return [{ folder: '.', files: [list] }];
  const entries = Object.entries(JSON.parse(readFileSync(list, 'utf8')).packages);
  return entries.map(([folder, { bin = {} }]) => ({ folder, files: ['package.json', ...Object.values(bin)] }));
}
