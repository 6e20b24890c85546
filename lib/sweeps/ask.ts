import type { SplitMetricName } from '../metrics';
import type { SettingsOverrides, Task } from '../tasks';
import type { Workspace } from '../workspace';
import { BadSweep } from './errors';
import { readSweep, type Sweep } from './record';
import { parseGrid, parseRange } from './space';
import { beginSweep, type SweepOptions } from './sweep';

/** A sweep as the command line asks for it. */
export interface AskedSweep
  extends Pick<SweepOptions, 'workspace' | 'task' | 'random' | 'seeds' | 'stage' | 'halving' | 'onProgress' | 'signal'> {
  /** Such as `lr=1e-3,3e-4`. */
  readonly grid?: readonly string[];
  /** Such as `lr=1e-5..1e-3:log`. */
  readonly range?: readonly string[];
  readonly metric?: string;
  readonly set?: SettingsOverrides;
  readonly weights?: string;
}

/** Begins a sweep, or finds the one that the same command began before. @throws as `beginSweep` */
export function askSweep({ grid = [], range = [], metric, set, weights, ...options }: AskedSweep): Promise<Sweep> {
  const grids = grid.map(parseGrid);
  const ranges = range.map(parseRange);
  const names = [...grids, ...ranges].map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw BadSweep(`${twice} is named twice`);
  return beginSweep({
    ...options,
    grid: Object.fromEntries(grids.map(({ name, values }) => [name, values])),
    ranges: Object.fromEntries(ranges.map(({ name, ends }) => [name, ends])),
    ...(metric !== undefined && { metric: metric as SplitMetricName }), // checked there
    ...(set && { overrides: set }),
    ...(weights !== undefined && { weightsFile: weights }),
  });
}

/** A sweep to go on with. @throws as `readSweep`, and BAD_SWEEP where it is of another task */
export async function resumeSweep(workspace: Workspace, { name }: Pick<Task, 'name'>, id: string): Promise<Sweep> {
  const sweep = await readSweep(workspace, id);
  if (sweep.task !== name) throw BadSweep(`${sweep.id} is of the task ${sweep.task}, and not of ${name}`);
  return sweep;
}
