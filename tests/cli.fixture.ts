import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { afterEach } from 'vitest';
import { type RunRecord, readRuns } from '../lib/experiments';
import { openWorkspace } from '../lib/workspace';
import type { TestHome } from './pipeline.fixture';

/** How a command ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that goes on. */
export interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

const { root } = openWorkspace({ env: {} });
const running = new Set<ChildProcess>();
// A test that failed half-way must not leave its training behind.
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts the command line as `npm run` does. The environment's own settings do not reach it. */
export function startCommand({ env }: Pick<TestHome, 'env'>, args: readonly string[], more: Record<string, string> = {}): Command {
  const own = Object.entries(process.env).filter(([name]) => !/^(VISIONBOOK_|VITEST|NODE_ENV)/.test(name));
  const child = spawn(process.execPath, [path.join(root, 'lib/launch.cjs'), ...args], {
    cwd: root,
    env: { ...Object.fromEntries(own), VISIONBOOK_OFFLINE: '1', ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      running.delete(child);
      resolve({ code, stdout, stderr });
    });
  });
  return { child, ended };
}

/** Runs a command to its end. */
export function runCommand(home: Pick<TestHome, 'env'>, ...args: string[]): Promise<Ended> {
  return startCommand(home, args).ended;
}

/** Waits until a command says something. */
export function says({ child }: Command, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    let said = '';
    child[stream]!.on('data', (text: string) => {
      said += text;
      if (pattern.test(said)) resolve();
    });
  });
}

/** Waits until a command's run, which is none of `known`, meets a condition. */
export async function runThat(
  { workspace }: Pick<TestHome, 'workspace'>,
  { child, ended }: Command,
  known: readonly string[],
  meets: (run: RunRecord) => boolean,
): Promise<RunRecord> {
  while (child.exitCode === null && child.signalCode === null) {
    const { runs } = await readRuns(workspace);
    const found = runs.find((run) => !known.includes(run.id) && meets(run));
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the command ended before its run came so far: ${(await ended).stderr}`);
}
