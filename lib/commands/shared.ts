import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Command, InvalidArgumentError } from 'commander';
import type { Bucket } from '../bucket';
import type { Queue } from '../jobs';
import type { OnProgress } from '../progress';
import { showProgress } from '../report/progress';
import { setSetting, type Task } from '../tasks';
import type { Workspace } from '../workspace';

/** What shells say of Ctrl-C. */
export const interruptedCode = 130;

/** What commands load when they need it. */
interface Rooms {
  readonly analysis: typeof import('../analysis');
  readonly bench: typeof import('../bench');
  readonly bucket: typeof import('../bucket');
  readonly calibration: typeof import('../calibration');
  readonly cards: typeof import('../cards');
  readonly corrections: typeof import('../corrections');
  readonly data: typeof import('../data');
  readonly doctor: typeof import('../doctor');
  readonly experiments: typeof import('../experiments');
  readonly jobs: typeof import('../jobs');
  readonly mlflow: typeof import('../mlflow');
  readonly models: typeof import('../models');
  readonly notebooks: typeof import('../notebooks');
  readonly prediction: typeof import('../prediction');
  readonly provenance: typeof import('../provenance');
  readonly report: typeof import('../report');
  readonly server: typeof import('../server');
  readonly sweeps: typeof import('../sweeps');
  readonly training: typeof import('../training');
}

const requireFile = createRequire(__filename);

/**
 * Loads a room when a command needs it: `predict` must not wait for TensorFlow. It is `require` and not `import()`, because tsx would then have to
 * look through every ES module that is loaded, which takes a second and 600 MB for the HDF5 library alone.
 *
 * @param room a folder or file of `lib`
 */
export function load<Room extends keyof Rooms>(room: Room): Rooms[Room] {
  return requireFile(`../${room}`);
}

/** Adds `--data`, which raw data to read. */
export function withData(command: Command): Command {
  return command.option('--data <choice>', 'auto, food11 or galaxy10, sample, or a folder', process.env.VISIONBOOK_DATA ?? 'auto');
}

/** Adds `--weights`, a file of the backbone's weights. */
export function withWeights(command: Command): Command {
  return command.option('--weights <file>', "the backbone's weights: .h5, .weights.h5 or .keras", process.env.VISIONBOOK_WEIGHTS);
}

/** Adds `--set`, which changes settings. */
export function withSettings(command: Command): Command {
  return command.option('--set <name=value>', 'change a setting, such as collages.train=500; may be repeated', collectSetting);
}

/** Adds `--jobs`, which leaves the work to workers. */
export function withJobs(command: Command): Command {
  return command.option('--jobs', 'leave it to the workers, and wait for them; Ctrl-C ends only the waiting');
}

/** Adds `--task`, for commands that do not take the task as their argument. */
export function withTask(command: Command): Command {
  return command.option('--task <task>', 'which task', 'food');
}

/** Adds `collages.train=500` to overrides as `{ collages: { train: 500 } }`. */
function collectSetting(text: string, overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (!name || value === undefined) throw new InvalidArgumentError('write name=value, such as batchSize=16.');
  return setSetting(overrides, name, parseValue(value));
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Reads a whole number, 0 or more, from the command line. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('write a whole number.');
  return value;
}

/** Runs long work with a progress bar. */
export async function withProgress<Result>(work: (onProgress: OnProgress) => Promise<Result>): Promise<Result> {
  const progress = showProgress();
  try {
    return await work(progress.onProgress);
  } finally {
    progress.stop();
  }
}

/** The run that `--model` names: in full, or by the beginning or end of its id. */
export async function runOfModel(workspace: Workspace, task: Task, name: string): Promise<string> {
  if (existsSync(workspace.model(task.name, name))) return name;
  const { readRun } = load('experiments');
  return (await readRun(workspace, name)).id;
}

/** Opens the queue of jobs for some work. */
export async function withQueue<Result>(workspace: Workspace, work: (queue: Queue) => Promise<Result>): Promise<Result> {
  const { openQueue } = load('jobs');
  const queue = await openQueue({ workspace, log: terminalLog });
  try {
    return await work(queue);
  } finally {
    await queue.close();
  }
}

/** Opens the bucket that workers have instead of a shared folder; undefined where VISIONBOOK_BUCKET is not set. */
export async function bucketIfAny(): Promise<Bucket | undefined> {
  return process.env.VISIONBOOK_BUCKET ? load('bucket').openBucket() : undefined;
}

/** Messages a line each, with their details behind. */
export const terminalLog = { info: logLine(console.log), warn: logLine(console.error), error: logLine(console.error) };

function logLine(print: (line: string) => void): (details: object, message: string) => void {
  return (details, message) => {
    const behind = Object.entries(details).map(([name, value]) => `${name}: ${value}`);
    print([message, ...behind].join(' · '));
  };
}

/** What Ctrl-C leaves behind when the work is with workers. */
export const leftToWorkers = { keeps: 'the workers go on' };

/** Says how to go on with a batch that is no longer waited for. */
export function leaveToWorkers(batch: string): void {
  console.error(`the workers go on with ${batch}
to see how far    npm run jobs -- ls
to take it back   npm run jobs -- cancel ${batch.slice(-6)}${
    process.env.VISIONBOOK_BUCKET ? `\nto bring it home  npm run jobs -- fetch ${batch.slice(-6)}` : ''
  }`);
  process.exitCode = interruptedCode;
}
