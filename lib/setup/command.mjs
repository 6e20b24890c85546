import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { recordChild } from './lock.mjs';
import { logFile, root } from './places.mjs';

/**
 * A step that could not be done: what is lost with it, and how to get it. `leaves` is the key for what was done all the same. After a fatal one
 * nothing else can be done.
 */
export class SetupError extends Error {
  constructor(problem, { lost, remedy, leaves = '', isFatal = false }) {
    super(problem);
    this.lost = lost;
    this.remedy = remedy;
    this.leaves = leaves;
    this.isFatal = isFatal;
  }

  describe() {
    const problem = this.message.replaceAll('\n', '\n    ');
    return `  problem:   ${problem}\n  lost:      ${this.lost}\n  to get it: ${this.remedy}`;
  }
}

/**
 * Runs a command in the checkout to its end; what it prints goes to `.setup.log`.
 *
 * @returns {Promise<string>} what it printed
 * @throws {Error} with the last lines of that, when it fails or cannot be started
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('spawn', () => recordChild(child.pid));
    child.on('error', (error) => reject(error.code === 'ENOENT' ? new Error(`there is no ${command}`) : error));
    child.on('close', (code, signal) => {
      const text = Buffer.concat(output).toString().trim();
      writeFileSync(logFile, `${new Date().toISOString()} $ ${command} ${args.join(' ')}\n${text}\n\n`, { flag: 'a' });
      if (code === 0) return resolve(text);
      reject(new Error([`${command} ended with ${code ?? signal}`, ...lastLines(text, 6)].join('\n')));
    });
  });
}

function lastLines(text, count) {
  const lines = text.split('\n').filter((line) => line.trim());
  return lines.slice(-count);
}
