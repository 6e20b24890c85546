/**
 * Sets everything up, with nothing but Node: npm packages, a Python virtual environment, TensorFlow for Node and the notebook kernel.
 * What is done already is skipped, so this runs before every command.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { binding } from './setup/binding.mjs';
import { SetupError } from './setup/command.mjs';
import { kernel } from './setup/kernel.mjs';
import { oneAtATime } from './setup/lock.mjs';
import { packages } from './setup/packages.mjs';
import { failuresFile, root } from './setup/places.mjs';
import { pythonEnvironment } from './setup/pythonEnvironment.mjs';

/**
 * In this order, because npm deletes what is in `node_modules`, and the last two build on the first two. A step has
 *
 * - `stamp`: a file that holds `key()` once the step is done; it lies in what the step makes, and goes when that goes
 * - `key()`: what the result depends on; the step is done again when this changes
 * - `isIntact()`: whether the result still looks whole
 * - `isPossible()`: false where an earlier step failed, which has said so, and where the folder is another checkout's
 * - `run(before)`: does it; `before` is the key it was last done for, or '' where nothing usable is left
 */
const steps = [packages, pythonEnvironment, binding, kernel];

/**
 * Does what is left of the set-up, one printed line a step. A step that cannot be done says what is lost, and the next ones go
 * on; it is tried again when its key changes or `again` is set.
 *
 * @param {{again?: boolean}} [options] `again`: retry what failed before
 * @throws {SetupError} when the npm packages cannot be installed: nothing works without them
 */
export async function setUp({ again = false } = {}) {
  const isSettled = (step) => !step.isPossible() || isDone(step) || (!again && hasFailed(step));
  if (steps.every(isSettled)) return;
  await oneAtATime(async () => {
    for (const step of steps) if (!isSettled(step)) await take(step);
  });
}

async function take(step) {
  const stamp = path.join(root, step.stamp);
  const key = step.key();
  const before = step.isIntact() ? readStamp(stamp) : '';
  const start = performance.now();
  process.stdout.write(`setting up: ${step.name} … `);
  rmSync(stamp, { force: true }); // what is broken off must not look done
  try {
    await step.run(before);
    replaceFile(stamp, key);
    noteFailure(step.name, undefined);
    console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    console.log('not possible');
    if (!(error instanceof SetupError) || error.isFatal) throw error;
    const left = error.leaves || before; // an update that failed left what was there
    if (left && step.isIntact()) replaceFile(stamp, left);
    noteFailure(step.name, key);
    console.log(error.describe());
  }
}

function isDone(step) {
  return readStamp(path.join(root, step.stamp)) === step.key() && step.isIntact();
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function hasFailed(step) {
  return readFailures()[step.name] === step.key();
}

function readFailures() {
  try {
    return JSON.parse(readFileSync(failuresFile, 'utf8'));
  } catch {
    return {}; // missing or damaged: then everything is tried
  }
}

function noteFailure(name, key) {
  const failures = { ...readFailures(), [name]: key };
  if (Object.values(failures).some(Boolean)) replaceFile(failuresFile, JSON.stringify(failures));
  else rmSync(failuresFile, { force: true });
}

function replaceFile(file, text) {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setUp({ again: process.argv.includes('--again') });
  } catch (error) {
    console.error(error instanceof SetupError ? error.describe() : error);
    process.exitCode = 1;
  }
}
