import { existsSync } from 'node:fs';
import path from 'node:path';
import { sha256File } from '../files';
import type { Workspace } from '../workspace';
import { type OfficialBackbone, type OfficialWeights, officialWeights } from './officialWeights';
import { embeddedOrigin } from './weights';
import { cachedWeights } from './weightsCache';

/** One place that a backbone's weights may come from. */
export interface WeightsSource {
  /** Such as `mobilenet_v2 1.0`; a file that the user names is taken for whatever backbone is trained. */
  readonly backbone: string;
  readonly kind: 'named' | 'downloaded' | 'embedded';
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
 * Which weights there are, for each backbone in the order in which training looks for them.
 *
 * @param named the file that `VISIONBOOK_WEIGHTS` names
 */
export async function listWeights({ weights: folder, root }: Workspace, named?: string): Promise<WeightsSource[]> {
  const perBackbone = backbones.map(async (backbone): Promise<WeightsSource[]> => {
    const name = backbone.name === 'mobilenet_v2' ? `${backbone.name} ${backbone.alpha.toFixed(1)}` : backbone.name;
    const sources = [{ backbone: name, ...(await downloaded(folder, officialWeights(backbone, imageSize)!)) }];
    if (backbone.name !== 'mobilenet_v2') return sources;
    const { source, sha256 } = embeddedOrigin(root);
    return [...sources, { backbone: name, kind: 'embedded', found: source, sha256 }];
  });
  return [...(named ? [await namedFile(named)] : []), ...(await Promise.all(perBackbone)).flat()];
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

async function downloaded(folder: string, official: OfficialWeights): Promise<Omit<WeightsSource, 'backbone'>> {
  const stored = await cachedWeights(folder, official);
  if (stored) return { kind: 'downloaded', found: stored.file, sha256: stored.sha256 };
  const isDamaged = existsSync(path.join(folder, official.file));
  return { kind: 'downloaded', found: `${isDamaged ? 'damaged' : 'none yet'}: npm run weights -- fetch` };
}
