import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../files';

/** The most memory that processes held, in MB (10⁶ bytes, resident); null where none was seen, and on systems without `/proc`. */
export interface MemoryPeaks {
  /** The server's own process. */
  readonly server: number | null;
  /** The process with the database that it started. */
  readonly database: number | null;
  /** The process of a retraining. */
  readonly retraining: number | null;
}

type Kind = keyof MemoryPeaks;

/** Watches a server and the processes that it starts. */
export interface MemoryWatch {
  /** So far. */
  peaks(): MemoryPeaks;
}

const every = 250;

/** What the processes that a server starts have in their command line. */
const marks: readonly (readonly [mark: RegExp, kind: Kind])[] = [
  [/pglite/, 'database'],
  [/\bretrain\b/, 'retraining'],
];

/** Follows the memory of a server, by its process number, until the signal ends that. */
export function watchMemory(pid: number, signal: AbortSignal): MemoryWatch {
  const peaks: Record<Kind, number | null> = { server: null, database: null, retraining: null };
  const note = (kind: Kind, megabytes: number | undefined): void => {
    if (megabytes !== undefined) peaks[kind] = Math.max(peaks[kind] ?? 0, megabytes);
  };
  const look = async (): Promise<void> => {
    note('server', await memoryOf(pid, 'VmHWM'));
    for (const child of (await textOf(pid, `task/${pid}/children`)).split(' ').filter(Boolean).map(Number)) {
      const command = (await textOf(child, 'cmdline')).replaceAll('\0', ' ');
      const kind = marks.find(([mark]) => mark.test(command))?.[1];
      if (kind) note(kind, await memoryOf(child, 'VmHWM'));
    }
  };
  void look();
  const timer = setInterval(() => void look(), every);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return { peaks: () => ({ ...peaks }) };
}

/** What a process holds now (`VmRSS` in proc(5)), or the most that it has held so far (`VmHWM`), in MB. */
export async function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number | undefined> {
  const [, kibibytes] = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(await textOf(pid, 'status')) ?? [];
  return kibibytes === undefined ? undefined : (Number(kibibytes) * 1024) / 1e6;
}

/** What `/proc` says of a process; nothing once it has ended. */
async function textOf(pid: number, name: string): Promise<string> {
  try {
    return await readFile(path.join('/proc', String(pid), name), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isMissing(error) || code === 'ESRCH') return '';
    throw error;
  }
}
