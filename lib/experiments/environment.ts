import { execFile } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { readTextIfPresent } from '../files';
import type { RunRecord } from './record';

const packages = { 'onnxruntime-node': 'onnxruntime-node', tfjs: '@tensorflow/tfjs', sharp: 'sharp' };

/** Versions of Node, of visionbook and of the packages that numbers depend on; one that is not installed is left out. */
export async function readVersions(root: string): Promise<RunRecord['versions']> {
  const manifests = {
    visionbook: path.join(root, 'package.json'),
    ...Object.fromEntries(
      Object.entries(packages).map(([name, folder]) => [name, path.join(root, 'node_modules', folder, 'package.json')]),
    ),
  };
  const versions: Record<string, string> = { node: process.versions.node };
  for (const [name, manifest] of Object.entries(manifests)) {
    const text = await readTextIfPresent(manifest);
    if (text !== undefined) versions[name] = String(JSON.parse(text).version);
  }
  return versions;
}

/** The machine; `backend` is what computes gradients, such as `tensorflow` or `wasm`. */
export function describeHardware(backend: string): RunRecord['hardware'] {
  return {
    cpu: os.cpus()[0]?.model.trim() || 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
    platform: `${os.platform()} ${os.arch()}`,
    backend,
  };
}

/** The checkout's commit, and whether anything differs from it; null where `root` is not under git, or git is not installed. */
export async function readGit(root: string): Promise<RunRecord['git']> {
  const git = async (...words: string[]): Promise<string> =>
    (await promisify(execFile)('git', words, { cwd: root, timeout: 10_000, maxBuffer: 2 ** 26 })).stdout.trim();
  try {
    // An unpacked archive may lie inside someone else's repository, whose commit would say nothing.
    await git('ls-files', '--error-unmatch', 'package.json');
    const [commit, changes] = await Promise.all([git('rev-parse', 'HEAD'), git('status', '--porcelain', '--', '.')]);
    return { commit, dirty: changes !== '' };
  } catch {
    return null;
  }
}

/** The most memory that this process has held so far, in MiB. */
export function peakMemoryMiB(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}
