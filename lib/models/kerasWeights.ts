import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { LayersModel, layers } from '@tensorflow/tfjs';
import { unzipSync } from 'fflate';
import type { Dataset, Group, File as HdfFile } from 'h5wasm';
import type { TensorFlowModule } from '../engine';
import { VisionbookError } from '../errors';
import { isMissing } from '../files';
import { type Hdf, loadHdf } from '../hdf';
import { WeightsMismatch, WeightsUnreadable } from './errors';
import { withTrueVariance } from './normalization';

/** One array of a layer. */
export interface WeightArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A layer's arrays in Keras' order, by layer name. */
export type NamedWeights = ReadonlyMap<string, readonly WeightArray[]>;

/**
 * Reads Keras' weights by layer name: legacy `.h5` (weights or a whole model) and `.keras` or `.weights.h5` as Keras ≥ 3.13 writes
 * them, with layer names inside.
 *
 * @throws WEIGHTS_UNREADABLE
 */
export async function readKerasWeights(file: string): Promise<NamedWeights> {
  const hdf = await loadHdf();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'visionbook-'));
  try {
    const weights = await withHdf5(file, folder);
    const opened = new hdf.File(weights, 'r');
    try {
      const named = 'layer_names' in weightRoot(opened).attrs ? readLegacy(weightRoot(opened)) : readKeras3(hdf, opened);
      if (named.size === 0) throw WeightsUnreadable(file, 'it names no layer that has weights');
      return named;
    } finally {
      opened.close();
    }
  } catch (error) {
    if (error instanceof VisionbookError) throw error;
    throw WeightsUnreadable(file, isMissing(error) ? 'there is no such file' : (error as Error).message);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The HDF5 file itself, or the one inside a `.keras` archive, unpacked into `folder`. */
async function withHdf5(file: string, folder: string): Promise<string> {
  if (!file.endsWith('.keras')) {
    const signature = (await readFile(file)).subarray(1, 4).toString();
    if (signature !== 'HDF') throw WeightsUnreadable(file, 'it is no HDF5 file');
    return file;
  }
  const content = unzipSync(await readFile(file), { filter: ({ name }) => name === 'model.weights.h5' })['model.weights.h5'];
  if (!content) throw WeightsUnreadable(file, 'there is no model.weights.h5 in it');
  const unpacked = path.join(folder, 'model.weights.h5');
  await writeFile(unpacked, content);
  return unpacked;
}

function weightRoot(file: HdfFile): Group {
  return (file.get('model_weights') as Group | null) ?? file;
}

function readLegacy(root: Group): NamedWeights {
  const named = new Map<string, WeightArray[]>();
  for (const layer of root.attrs.layer_names!.value as string[]) {
    const group = root.get(layer) as Group;
    const names = (group.attrs.weight_names?.value ?? []) as string[];
    for (const name of names) {
      // A nested backbone is one group whose weights carry their own layers' names: `block_1_expand/kernel:0`.
      const owner = name.includes('/') ? name.split('/').at(-2)! : layer;
      const known = named.get(owner) ?? [];
      named.set(owner, [...known, arrayOf(group.get(name) as Dataset)]);
    }
  }
  return named;
}

function readKeras3(hdf: Hdf, file: HdfFile): NamedWeights {
  const named = new Map<string, WeightArray[]>();
  const visit = (group: Group): void => {
    for (const key of group.keys()) {
      const child = group.get(key);
      if (!(child instanceof hdf.Group)) continue;
      if (key !== 'vars') {
        visit(child);
        continue;
      }
      const owner = child.attrs.name?.value as string | undefined;
      const indices = child.keys().sort((a, b) => Number(a) - Number(b));
      const arrays = indices.map((index) => arrayOf(child.get(index) as Dataset));
      if (owner && arrays.length > 0) named.set(owner, arrays);
    }
  };
  visit(file.get('layers') as Group);
  return named;
}

function arrayOf(dataset: Dataset): WeightArray {
  const value = dataset.value as Float32Array | number | bigint; // scalars come bare, 64-bit integers as bigint
  const values = typeof value === 'object' ? Float32Array.from(value) : Float32Array.of(Number(value));
  return { shape: dataset.shape ?? [], values };
}

/**
 * A layer's arrays by its name, or by Keras' automatic name: `normalization` is called `normalization_1` in the second model of a
 * process. Only a single such layer will do.
 */
function findLayer(weights: NamedWeights, name: string): readonly WeightArray[] | undefined {
  if (weights.has(name)) return weights.get(name);
  const counted = [...weights.keys()].filter((key) => key.startsWith(`${name}_`) && /^\d+$/.test(key.slice(name.length + 1)));
  return counted.length === 1 ? weights.get(counted[0]!) : undefined;
}

/** Arrays as our layer means them; Keras' EfficientNet has two layers where ours has one. */
function adaptNormalization(layer: layers.Layer, arrays: readonly WeightArray[] | undefined): readonly WeightArray[] | undefined {
  return arrays && layer.getClassName() === 'Normalization' ? withTrueVariance(arrays) : arrays;
}

/**
 * Puts weights into a model's layers by name. Layers of the file that the model does not have (a classifier, say) are left out.
 *
 * @param source what the weights are, for the error
 * @throws WEIGHTS_MISMATCH, which names the first layer that is missing or has another shape; the model is then unchanged
 */
export function assignWeights(tf: TensorFlowModule, model: LayersModel, weights: NamedWeights, source: string): void {
  const layers = model.layers.filter((layer) => layer.weights.length > 0);
  const found = new Map(layers.map((layer) => [layer.name, adaptNormalization(layer, findLayer(weights, layer.name))]));
  for (const layer of layers) {
    const given = found.get(layer.name)?.map(({ shape }) => shape.join('×'));
    const wanted = layer.weights.map(({ shape }) => shape.join('×'));
    if (!given) throw WeightsMismatch(source, layer.name, 'is missing there');
    if (given.join() !== wanted.join())
      throw WeightsMismatch(source, layer.name, `has shapes ${given.join(', ')} there and ${wanted.join(', ')} here`);
  }
  tf.tidy(() => {
    for (const layer of layers) layer.setWeights(found.get(layer.name)!.map(({ shape, values }) => tf.tensor(values, [...shape])));
  });
}
