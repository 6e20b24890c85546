import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isBorrowed, python, root, venv } from './places.mjs';

const folder = path.join(venv, 'share/jupyter/kernels/tslab');

/** The notebook kernel, known to the Jupyter of `.venv` alone. It is our launcher that runs (`lib/kernel.cjs` says why). */
export const kernel = {
  name: 'notebook kernel',
  stamp: '.venv/.visionbook-kernel',
  isPossible: () => !isBorrowed(venv) && existsSync(python),
  key: () => JSON.stringify(kernelSpec()),
  isIntact: () => existsSync(path.join(folder, 'kernel.json')),
  async run() {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'kernel.json'), JSON.stringify(kernelSpec(), null, 2));
  },
};

function kernelSpec() {
  return {
    argv: [process.execPath, path.join(root, 'lib/kernel.cjs'), '{connection_file}'],
    display_name: 'TypeScript (visionbook)',
    language: 'typescript',
    interrupt_mode: 'signal',
  };
}
