import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockFile } from './places.mjs';

/**
 * Runs `work` while no other process of this checkout runs its own; the second one waits. The lock file holds the numbers of the processes at
 * work, children too: npm goes on when only its parent is killed, and two of them would spoil each other's files.
 */
export async function oneAtATime(work) {
  await takeLock();
  try {
    await work();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

/** Adds a child to the processes that hold the lock. */
export function recordChild(pid) {
  writeFileSync(lockFile, `${process.pid} ${pid}`);
}

async function takeLock() {
  for (let said = false; ; ) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holders = readHolders();
    if (holders === undefined) continue;
    if (isAbandoned(holders)) {
      discard(holders);
      continue;
    }
    if (!said) console.log(`waiting for another set-up, process ${holders} (if there is none, delete ${lockFile})`);
    said = true;
    await sleep(200);
  }
}

function readHolders() {
  try {
    return readFileSync(lockFile, 'utf8');
  } catch {
    return undefined; // just released
  }
}

function isAbandoned(holders) {
  if (holders === '') return Date.now() - statSync(lockFile).mtimeMs > 5000; // created, not yet written
  return !holders.split(' ').some((pid) => isAlive(Number(pid)));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes an abandoned lock away, unless another process did so first and holds the lock now. */
function discard(holders) {
  const away = `${lockFile}.${process.pid}`;
  try {
    renameSync(lockFile, away);
  } catch {
    return;
  }
  if (readFileSync(away, 'utf8') === holders) rmSync(away);
  else renameSync(away, lockFile);
}
