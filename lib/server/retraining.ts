import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type RetrainingState, readRetraining, shouldRetrain } from '../corrections';
import type { Task } from '../tasks';
import type { Workspace } from '../workspace';
import { NothingToRetrainOn, RetrainingRuns } from './errors';

/** Starts retrainings, in a process of their own, and tells how they go. The state is in files: a command line's retraining is seen too. */
export interface RetrainingService {
  state(): Promise<RetrainingState>;
  /** Starts one now. @throws RETRAINING_RUNS, NOTHING_TO_RETRAIN_ON */
  trigger(): Promise<RetrainingState>;
  /** Starts one if there are enough corrections, or if one was cut short; called after each correction and when the server starts. */
  startIfDue(): Promise<RetrainingState>;
  /** Calls the listener with the state now, and whenever it changes. @returns what ends that */
  watch(listener: (state: RetrainingState) => void): () => void;
  /** Stops what runs; it goes on at the next start. */
  close(): Promise<void>;
}

interface Log {
  info(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface RetrainingOptions {
  readonly workspace: Workspace;
  readonly task: Task;
  readonly log: Log;
  /** Called when a retraining has ended, before those who watch are told: the server then answers with what was promoted. */
  readonly onEnded: () => Promise<void>;
}

const pollMilliseconds = 500;
/** A step of training takes less; what is killed after it is taken up again all the same. */
const patienceMilliseconds = 10_000;
const linesKept = 20;

export function openRetraining({ workspace, task, log, onEnded }: RetrainingOptions): RetrainingService {
  let child: ChildProcess | undefined;
  let isClosed = false;
  const listeners = new Set<(state: RetrainingState) => void>();
  let timer: NodeJS.Timeout | undefined;
  let last = '';

  const state = (): Promise<RetrainingState> => readRetraining(workspace, task);

  function start(): void {
    if (child || isClosed) return;
    const launcher = path.join(workspace.root, 'lib', 'launch.cjs');
    const started = spawn(process.execPath, [launcher, 'retrain', task.name, '--background'], {
      cwd: workspace.root,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child = started;
    log.info({ pid: started.pid, task: task.name }, 'retraining started');
    const said: string[] = [];
    createInterface({ input: started.stderr }).on('line', (line) => {
      said.push(line);
      if (said.length > linesKept) said.shift();
    });
    started.on('error', (error) => log.error({ err: error }, 'retraining could not be started'));
    started.on('close', (code, signal) => {
      child = undefined;
      if (code === 0 || isClosed) log.info({ task: task.name, code, signal }, 'retraining ended');
      else log.error({ task: task.name, code, signal, said }, 'retraining failed');
      void onEnded()
        .catch((error: unknown) => log.error({ err: error }, 'what was retrained cannot be taken up'))
        .then(tell);
    });
  }

  async function tell(): Promise<void> {
    if (listeners.size === 0) return;
    const now = await state().catch((error: unknown) => log.error({ err: error }, 'the state of the retraining cannot be read'));
    // Our own retraining is over when its process is.
    if (!now || (child && now.status !== 'running') || JSON.stringify(now) === last) return;
    last = JSON.stringify(now);
    for (const listener of listeners) listener(now);
  }

  return {
    state,
    async trigger() {
      const now = await state();
      if (child || now.status === 'running') throw RetrainingRuns();
      if (now.pending === 0) throw NothingToRetrainOn();
      start();
      return { ...now, status: 'running', stage: 'planning' };
    },
    async startIfDue() {
      const now = await state();
      if (child || now.status === 'running' || !shouldRetrain(now)) return now;
      start();
      return { ...now, status: 'running', stage: 'planning' };
    },
    watch(listener) {
      listeners.add(listener);
      timer ??= setInterval(tell, pollMilliseconds);
      void state().then(listener, (error: unknown) => log.error({ err: error }, 'the state of the retraining cannot be read'));
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      listeners.clear();
      if (!child) return;
      const ending = child;
      const ended = new Promise((resolve) => ending.once('close', resolve));
      ending.kill('SIGTERM');
      const impatience = setTimeout(() => ending.kill('SIGKILL'), patienceMilliseconds);
      await ended;
      clearTimeout(impatience);
    },
  };
}
