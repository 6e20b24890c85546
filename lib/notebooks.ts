import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { defineError } from './errors';
import type { Workspace } from './workspace';

export const NotebookFailed = defineError(
  'NOTEBOOK_FAILED',
  500,
  (notebook: string, saved: string, reason: string) => `${notebook} stopped with an error; ${saved} has what it got to:\n${reason}`,
);
export const NoJupyter = defineError(
  'NO_JUPYTER',
  503,
  (folder: string) => `there is no Jupyter in ${folder}: run npm run doctor, which says what is missing`,
);

/** All notebooks, relative to the notebooks' folder, in the order in which they build on each other. */
export const notebooks = [
  'food/1-prepare.ipynb',
  'food/2-train.ipynb',
  'food/3-predict.ipynb',
  'food/4-retrain.ipynb',
  'food/5-errors.ipynb',
  'galaxy/1-prepare.ipynb',
  'galaxy/2-train.ipynb',
  'galaxy/3-optimise.ipynb',
  'galaxy/4-predict.ipynb',
  'report.ipynb',
] as const;

/** The notebooks of a task, in order. */
export function notebooksOf(task: string): string[] {
  return notebooks.filter((name) => name.startsWith(`${task}/`));
}

/** How to execute notebooks. */
export interface ExecuteOptions {
  readonly workspace: Workspace;
  /** Some of `notebooks`; all by default. */
  readonly names?: readonly string[];
  /** Where the executed notebooks go; in place by default. */
  readonly target?: string;
  /** Added to the environment of the kernels. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with every line of news. */
  readonly onLine?: (line: string) => void;
}

/** Whether notebooks can be executed here: the set-up may have found no Python. */
export function hasJupyter(workspace: Workspace): boolean {
  const kernel = path.join(path.dirname(workspace.venvBin), 'share/jupyter/kernels/tslab/kernel.json');
  return existsSync(command(workspace, 'jupyter')) && existsSync(kernel);
}

function command({ venvBin }: Workspace, name: string): string {
  return path.join(venvBin, process.platform === 'win32' ? `${name}.exe` : name);
}

/**
 * Executes notebooks one after the other, each in a kernel of its own, and saves them with their outputs.
 *
 * @throws NO_JUPYTER, NOTEBOOK_FAILED; a notebook in place is then untouched
 */
export async function executeNotebooks({
  workspace,
  names = notebooks,
  target = workspace.notebooks,
  env = {},
  onLine = () => {},
}: ExecuteOptions): Promise<void> {
  if (!hasJupyter(workspace)) throw NoJupyter(workspace.venvBin);
  const python = command(workspace, 'python');
  for (const name of names) {
    const source = path.join(workspace.notebooks, name);
    const executed = path.join(target, name);
    const partial = `${executed}.part`;
    await mkdir(path.dirname(executed), { recursive: true });
    onLine(name);
    const args = [path.join(workspace.root, 'lib/run_notebook.py'), source, partial, path.dirname(source)];
    const { code, errors } = await run(python, args, { ...process.env, ...env, JUPYTER_PREFER_ENV_PATH: '1' }, onLine);
    if (code !== 0) throw NotebookFailed(name, partial, errors);
    await rename(partial, executed);
  }
}

function run(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
): Promise<{ code: number | null; errors: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let pending = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (pending + chunk.toString()).split('\n');
      pending = lines.pop()!;
      for (const line of lines) onLine(line);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-8000);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, errors }));
  });
}

/** Opens JupyterLab on the notebooks and waits until it ends; gives its exit code. @throws NO_JUPYTER */
export async function openLab(workspace: Workspace, args: readonly string[] = []): Promise<number> {
  if (!hasJupyter(workspace)) throw NoJupyter(workspace.venvBin);
  const child = spawn(command(workspace, 'jupyter'), ['lab', `--notebook-dir=${workspace.notebooks}`, ...args], { stdio: 'inherit' });
  const ignore = (): void => {}; // Ctrl-C is for JupyterLab, which asks before it stops
  process.on('SIGINT', ignore);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGINT', ignore);
      resolve(code ?? 0);
    });
  });
}
