import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { run, SetupError } from './command.mjs';
import { isBorrowed, modules, root, venv, windows } from './places.mjs';

const lost = 'native TensorFlow: training runs on WebAssembly, which is slower';
const home = path.join(modules, '@tensorflow/tfjs-node');
const output = path.join(home, 'lib/napi-v8/tfjs_binding.node');
const mac = process.platform === 'darwin';

/**
 * `@tensorflow/tfjs-node` downloads libtensorflow from a bucket that many networks refuse (tensorflow/tfjs issue 8742). The TensorFlow
 * wheel in `.venv` exports the same C API, so the package's binding is compiled against that library instead, with no node-gyp and no
 * Node headers but those of the npm package `node-api-headers`.
 */
export const binding = {
  name: 'TensorFlow for Node',
  stamp: 'node_modules/@tensorflow/tfjs-node/.visionbook',
  isPossible: () => !isBorrowed(modules) && (windows || tensorflowFolder() !== undefined),
  key: () => `${tensorflowVersion()} ${process.platform}-${process.arch} ${root}`,
  isIntact: () => existsSync(output) && existsSync(path.join(home, 'deps/include')),
  async run() {
    if (windows)
      throw new SetupError('the binding cannot be built on Windows', {
        lost,
        remedy: 'use visionbook inside WSL 2 (learn.microsoft.com/windows/wsl)',
      });
    try {
      linkLibraries(tensorflowFolder());
      await compile();
      await run(process.execPath, ['-e', `require('util').isNullOrUndefined ??= (x) => x == null; require(${JSON.stringify(home)})`]);
    } catch (error) {
      rmSync(output, { force: true });
      throw new SetupError(error.message, {
        lost,
        remedy: 'a C++ compiler (Debian and Ubuntu: apt install g++; macOS: xcode-select --install), then npm run doctor',
      });
    }
  },
};

/** Where the wheel's TensorFlow lies, without starting Python: this is asked before every command. */
function tensorflowFolder() {
  if (windows) return undefined;
  const lib = path.join(venv, 'lib');
  const versions = existsSync(lib) ? readdirSync(lib).filter((name) => name.startsWith('python3')) : [];
  return versions.map((name) => path.join(lib, name, 'site-packages/tensorflow')).find((folder) => existsSync(folder));
}

function tensorflowVersion() {
  const folder = tensorflowFolder();
  if (!folder) return 'no TensorFlow';
  const packages = path.dirname(folder);
  const version = readdirSync(packages).find((name) => /^tensorflow(_cpu)?-.*\.dist-info$/.test(name));
  return `${path.basename(path.dirname(packages))}/${version}`;
}

/** Puts the wheel's libraries and headers where the package looks for those of libtensorflow. */
function linkLibraries(tensorflow) {
  const libraries = path.join(home, 'deps/lib');
  rmSync(path.join(home, 'deps'), { recursive: true, force: true });
  mkdirSync(libraries, { recursive: true });
  symlinkSync(path.join(tensorflow, 'include'), path.join(home, 'deps/include'));
  const link = mac
    ? { cc: 'libtensorflow.dylib', framework: 'libtensorflow_framework.dylib' }
    : { cc: 'libtensorflow.so', framework: 'libtensorflow_framework.so' };
  for (const [part, linked] of Object.entries(link)) {
    const real = path.join(tensorflow, mac ? `libtensorflow_${part}.2.dylib` : `libtensorflow_${part}.so.2`);
    symlinkSync(real, path.join(libraries, path.basename(real)));
    symlinkSync(real, path.join(libraries, linked));
  }
}

async function compile() {
  const libraries = path.join(home, 'deps/lib');
  const include = [path.join(home, 'deps/include'), path.join(modules, 'node-api-headers/include')];
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => path.join(home, 'binding', name));
  const flags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-w', ...(mac ? ['-undefined', 'dynamic_lookup'] : [])];
  const link = ['-L', libraries, '-ltensorflow', '-ltensorflow_framework', `-Wl,-rpath,${libraries}`];
  mkdirSync(path.dirname(output), { recursive: true });
  const compiler = process.env.CXX ?? (mac ? 'clang++' : 'g++');
  await run(compiler, [...flags, ...include.flatMap((folder) => ['-I', folder]), ...sources, '-o', `${output}.tmp`, ...link]);
  renameSync(`${output}.tmp`, output);
}
