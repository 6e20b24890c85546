import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { RunRecord } from './record';

/** This process, as a record names it. */
export function thisProcess(): RunRecord['process'] {
  return { pid: process.pid, host: os.hostname(), identity: readProc(process.pid)?.identity };
}

/**
 * Whether the process still runs; it must be one of this host. Numbers of processes are used again, so where Linux tells when a process
 * started, a later process of the same number is not taken for it. Elsewhere it is, until that process ends too.
 */
export function isAlive({ pid, identity }: RunRecord['process']): boolean {
  const found = readProc(pid);
  if (found) return !found.isZombie && (identity === undefined || identity === found.identity);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not being allowed to signal a process shows that it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** After so long without an update, work on another machine is taken for dead. */
const staleMilliseconds = 10 * 60 * 1000;

/**
 * Whether work goes on whose process and latest update were noted. Of a process on another host nothing is known: there it is dead after
 * 10 minutes without an update.
 */
export function goesOn(process: RunRecord['process'], updatedAt: string, now = new Date()): boolean {
  return process.host === os.hostname() ? isAlive(process) : now.getTime() - Date.parse(updatedAt) < staleMilliseconds;
}

/** What Linux' `/proc` says of a process; undefined without `/proc` or the process. Fields are numbered in proc(5). */
function readProc(pid: number): { readonly isZombie: boolean; readonly identity: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold blanks and brackets itself.
    const fromThird = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { isZombie: fromThird[0] === 'Z', identity: `${boot}/${fromThird[22 - 3]}` };
  } catch {
    return undefined;
  }
}
