import path from 'node:path';
import { openWorkspace, type Workspace } from '../workspace';
import { ObjectDamaged } from './errors';

/**
 * Where a worker keeps what it brings from a bucket and what it makes for it: a workspace inside that of its machine, whose own data sets, runs and models
 * stay as they are. It may be deleted whenever no worker runs. Activations and weights are the machine's: they are the same for all.
 */
export function deskOf({ root, raw, outputs, activations, weights }: Workspace): Workspace {
  const desk = openWorkspace({ env: { VISIONBOOK_HOME: path.join(outputs, 'bucket'), VISIONBOOK_RAW: raw }, cwd: root });
  return { ...desk, activations, weights };
}

/** The file of a folder that an object names. @throws OBJECT_DAMAGED where it leads out of the folder */
export function fileIn(folder: string, name: string, url: string): string {
  const file = path.resolve(folder, name);
  if (!file.startsWith(`${folder}${path.sep}`)) throw ObjectDamaged(url, `it names a file outside of its folder, "${name}"`);
  return file;
}
