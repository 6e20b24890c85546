import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { describeIssues } from '../errors';
import type { OnProgress } from '../progress';
import { BenchFailed } from './errors';

/** A process of its own, so that no contender pays for another's memory and threads. */
export interface ChildRequest {
  /** What errors and progress call it. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly onProgress?: OnProgress;
  /** Ends the child, and all that it started, when it is aborted. */
  readonly signal?: AbortSignal;
}

const messageSchema = z.union([
  z.object({ progress: z.object({ label: z.string(), done: z.number(), total: z.number(), note: z.string().optional() }) }),
  z.object({ result: z.unknown() }),
]);

/** So much of what a failed child wrote on stderr is shown. */
const linesShown = 15;

/**
 * Runs a child that reports as lines of JSON on stdout: any number of `{"progress": …}`, then one `{"result": …}`. Other lines are noise of libraries.
 *
 * @param schema what the result must look like
 * @throws BENCH_FAILED with the end of the child's stderr; the signal's reason
 */
export async function runJob<Result>(request: ChildRequest, schema: z.ZodType<Result>): Promise<Result> {
  const results: unknown[] = [];
  await runCommand(request, (line) => {
    const message = parseMessage(line);
    if (!message) return;
    if ('result' in message) results.push(message.result);
    else request.onProgress?.({ ...message.progress, label: `${request.what}: ${message.progress.label}` });
  });
  const parsed = schema.safeParse(results.at(-1));
  if (!parsed.success) throw BenchFailed(request.what, `gave no result that can be used (${describeIssues(parsed.error)})`, '');
  return parsed.data;
}

/** What a child says, line by line. */
export interface Listeners {
  readonly onLine?: (line: string) => void;
  /** Of stderr. */
  readonly onErrorLine?: (line: string) => void;
}

/** A command under way. */
export interface StartedCommand {
  readonly pid: number | undefined;
  /** The end of what it said on stderr so far. */
  said(): string;
  /** Asks it to end. */
  terminate(): void;
  /** Ends it, and all that it started, at once. */
  kill(): void;
  /** Resolves when it has ended well. @throws BENCH_FAILED when it cannot be started or ends with another code than 0; the signal's reason */
  readonly ended: Promise<void>;
}

/**
 * Runs a command to its end.
 *
 * @throws BENCH_FAILED when it cannot be started or ends with another code than 0; the signal's reason
 */
export async function runCommand(request: ChildRequest, onLine?: (line: string) => void): Promise<void> {
  await startCommand(request, { ...(onLine && { onLine }) }).ended;
}

/** Starts a command. @throws the signal's reason, when it is aborted already */
export function startCommand(request: ChildRequest, { onLine = () => {}, onErrorLine = () => {} }: Listeners = {}): StartedCommand {
  const { what, command, args, cwd, env, signal } = request;
  signal?.throwIfAborted();
  const options = {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
    detached: hasGroups,
  };
  const child = spawn(command, [...args], options);
  const kill = (): void => killWithChildren(child);
  signal?.addEventListener('abort', kill);
  process.on('exit', kill);
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', onLine);
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(line);
    if (said.length > linesShown) said.shift();
    onErrorLine(line);
  });
  const end = async (): Promise<void> => {
    try {
      const how = await new Promise<string | undefined>((resolve) => {
        child.on('error', (error) => resolve(`could not be started (${error.message})`));
        child.on('close', (code, killedBy) => resolve(code === 0 ? undefined : `ended with ${killedBy ?? `code ${code}`}`));
      });
      signal?.throwIfAborted();
      if (how !== undefined) throw BenchFailed(what, how, said.join('\n'));
    } finally {
      signal?.removeEventListener('abort', kill);
      process.off('exit', kill);
    }
  };
  return { pid: child.pid, said: () => said.join('\n'), terminate: () => child.kill('SIGTERM'), kill, ended: end() };
}

/** Windows has no process groups. */
const hasGroups = process.platform !== 'win32';

function killWithChildren(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (!hasGroups) {
    child.kill('SIGKILL');
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has just ended
  }
}

function parseMessage(line: string): z.infer<typeof messageSchema> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return messageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
