import { existsSync } from 'node:fs';
import path from 'node:path';
import { VisionbookError } from '../errors';
import { sha256File } from '../files';
import type { Workspace } from '../workspace';
import type { BackboneName } from './backbones';
import { findLite0, lite0Package } from './lite0Weights';
import { type OfficialBackbone, type OfficialWeights, officialWeights } from './officialWeights';
import { embeddedOrigin, lite0Name } from './weights';
import { cachedWeights } from './weightsCache';

/** One place that a backbone's weights may come from. */
export interface WeightsSource {
  /** Such as `mobilenet_v2 1.0`; a file that the user names is taken for whatever backbone is trained. */
  readonly backbone: string;
  readonly kind: 'named' | 'downloaded' | 'package' | 'stand-in';
  /** What is there, or why nothing is. */
  readonly found: string;
  /** SHA-256 of what is there. */
  readonly sha256?: string;
}

/** The backbones that have official weights, as they are used here. */
const backbones: readonly Required<OfficialBackbone>[] = [
  { name: 'mobilenet_v2', alpha: 1 },
  { name: 'efficientnet_b0', alpha: 1 },
];
const imageSize = 224;

/** The official weights that `npm run weights -- fetch` downloads: of one backbone, or of all. */
export function weightsToFetch(name?: string): OfficialWeights[] {
  return backbones.filter((backbone) => !name || backbone.name === name).map((backbone) => officialWeights(backbone, imageSize)!);
}

/**
 * Which weights there are, in the order in which `findWeights` looks for them.
 *
 * @param named the file that `VISIONBOOK_WEIGHTS` names
 */
export async function listWeights(workspace: Workspace, named?: string): Promise<WeightsSource[]> {
  return [
    ...(named ? [await namedFile(named)] : []),
    ...(await Promise.all(backbones.map((backbone) => downloaded(workspace.weights, backbone)))),
    await packaged(workspace),
    standIn(workspace),
  ];
}

/** What `findWeights` takes of these without a download, for a task with this backbone of its own. */
export function firstUsable(sources: readonly WeightsSource[], own: BackboneName): WeightsSource | undefined {
  return sources.find(({ kind, sha256, backbone }) => sha256 && (kind === 'named' || kind === 'package' || backbone.startsWith(own)));
}

async function namedFile(file: string): Promise<WeightsSource> {
  const isThere = existsSync(file);
  return {
    backbone: 'any',
    kind: 'named',
    found: isThere ? file : `${file}, which VISIONBOOK_WEIGHTS names, is not there`,
    ...(isThere && { sha256: await sha256File(file) }),
  };
}

async function downloaded(folder: string, backbone: Required<OfficialBackbone>): Promise<WeightsSource> {
  const official = officialWeights(backbone, imageSize)!;
  const source = { backbone: titleOf(backbone), kind: 'downloaded' } as const;
  const stored = await cachedWeights(folder, official);
  if (stored) return { ...source, found: stored.file, sha256: stored.sha256 };
  const isDamaged = existsSync(path.join(folder, official.file));
  return { ...source, found: `${isDamaged ? 'damaged' : 'none yet'}: npm run weights -- fetch` };
}

function titleOf({ name, alpha }: Required<OfficialBackbone>): string {
  return name === 'mobilenet_v2' ? `${name} ${alpha.toFixed(1)}` : name;
}

async function packaged(workspace: Workspace): Promise<WeightsSource> {
  const source = { backbone: 'efficientnet_lite0', kind: 'package' } as const;
  try {
    const index = await findLite0(workspace);
    if (!index) return { ...source, found: `none: npm run doctor installs the Python package ${lite0Package}` };
    return { ...source, found: lite0Name, sha256: await sha256File(index.file) };
  } catch (error) {
    if (!(error instanceof VisionbookError)) throw error;
    return { ...source, found: error.message };
  }
}

function standIn({ root }: Workspace): WeightsSource {
  const { source, sha256 } = embeddedOrigin(root);
  return { backbone: titleOf(backbones[0]!), kind: 'stand-in', found: source, sha256 };
}
