import { changeSettings, type Settings, type SettingsOverrides, setSetting, type Task } from '../tasks';
import { BadSweep } from './errors';
import type { Grid, Range } from './record';

/** Where a setting's values are drawn from, both ends included. */
export interface Ends {
  readonly low: number;
  readonly high: number;
  /** Draws magnitudes evenly, and not numbers: by default for learning rates. */
  readonly isLog?: boolean;
}

/** What to try, by the name of a setting. `lr`, `epochs` and `layers` are those of the swept stage. */
export interface Space {
  readonly grid?: Readonly<Record<string, readonly unknown[]>>;
  readonly ranges?: Readonly<Record<string, Ends>>;
  /**
   * How many random draws: of the ranges, anew for each combination of the grid; where there are no ranges, of candidates between the ends of each
   * list of the grid, besides the grid itself.
   */
  readonly random?: number;
}

/** Names for settings of the swept stage. */
const aliases: Readonly<Record<string, string>> = {
  lr: 'learningRate',
  learningRate: 'learningRate',
  epochs: 'epochs',
  layers: 'trainableLayers',
  trainableLayers: 'trainableLayers',
};

/** Settings that decide nothing in a training: they made the data set, or are for retraining. */
const without = ['collages', 'negatives', 'includeProbability', 'refillProbability', 'jpegQuality', 'split', 'retraining'];

/** `lr=1e-3,3e-4` as a setting's name and the values to try; each is JSON, or a word. @throws BAD_SWEEP */
export function parseGrid(text: string): { name: string; values: unknown[] } {
  const [name, list] = nameAndRest(text, 'lr=1e-3,3e-4');
  return { name, values: parseList(list) };
}

function parseList(text: string): unknown[] {
  try {
    return JSON.parse(`[${text}]`) as unknown[];
  } catch {
    return text.split(',').map((word) => {
      try {
        return JSON.parse(word) as unknown;
      } catch {
        return word;
      }
    });
  }
}

/** `lr=1e-5..1e-3:log`, or `:linear`, as a setting's name and the ends of its range. @throws BAD_SWEEP */
export function parseRange(text: string): { name: string; ends: Ends } {
  const example = 'lr=1e-5..1e-3:log';
  const [name, rest] = nameAndRest(text, example);
  const [, ends = '', scale] = /^(.*?)(?::(log|linear))?$/.exec(rest) ?? [];
  const [low, high, ...more] = ends.split('..').map((end) => (end.trim() === '' ? Number.NaN : Number(end)));
  if (low === undefined || high === undefined || more.length > 0 || !Number.isFinite(low) || !Number.isFinite(high))
    throw BadSweep(`"${text}" has no two ends: write it as ${example}`);
  return { name, ends: { low, high, ...(scale && { isLog: scale === 'log' }) } };
}

function nameAndRest(text: string, example: string): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1) throw BadSweep(`"${text}" is not written as ${example}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What is tried, checked. */
export interface CheckedSpace {
  readonly grid: readonly Grid[];
  readonly ranges: readonly Range[];
  readonly random: number;
}

/**
 * Checks what is to be tried, and finds the settings' dotted names.
 *
 * @param stage place of the swept stage in `settings.stages`
 * @throws BAD_SWEEP, BAD_SETTINGS where there is no such setting, or a value is out of its range
 */
export function checkSpace({ grid = {}, ranges = {}, random = 0 }: Space, task: Task, settings: Settings, stage: number): CheckedSpace {
  const name = settings.stages[stage]!.name;
  const pathOf = (named: string): string =>
    checkPath(Object.hasOwn(aliases, named) ? `stages.${name}.${aliases[named]}` : named, settings, stage);
  const grids = Object.entries(grid).map(([named, values]) => checkGrid({ name: named, path: pathOf(named), values: [...values] }));
  const checkedRanges = Object.entries(ranges).map(([named, ends]) => checkRange(named, pathOf(named), ends));
  const paths = [...grids, ...checkedRanges].map(({ path }) => path);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw BadSweep(`${twice} is named twice`);
  if (paths.length === 0) throw BadSweep('there is nothing to try: name a setting with --grid lr=1e-3,3e-4 or --range lr=1e-5..1e-3');
  if (!Number.isInteger(random) || random < 0) throw BadSweep(`${random} random draws cannot be made`);
  if (checkedRanges.length > 0 && random === 0) throw BadSweep('say how many values to draw from the ranges with --random');
  for (const { path, values } of grids) for (const value of values) tryValue(task, settings, path, value);
  const drawn = checkedRanges.map((range) => ({ ...range, isWhole: takesWholeNumbersAlone(task, settings, range) }));
  return { grid: grids, ranges: drawn, random };
}

function checkPath(path: string, settings: Settings, stage: number): string {
  const [first = '', second, ...rest] = path.split('.');
  if (without.includes(first)) throw BadSweep(`${first} is no setting of a training, so trials would not differ`);
  if (first === 'seed') throw BadSweep('every candidate is tried on the same seeds: say how many with --seeds');
  if (first !== 'stages') return path;
  if (second === undefined) throw BadSweep('stages cannot be swept whole: name a setting of the stage, such as lr');
  const place = settings.stages.findIndex(({ name }, index) => name === second || String(index) === second);
  if (place > stage) throw BadSweep(`${path} is of a stage after the one that is swept, so trials would not differ`);
  return place === -1 ? path : ['stages', settings.stages[place]!.name, ...rest].join('.');
}

function checkGrid(grid: Grid): Grid {
  const distinct = [...new Map(grid.values.map((value) => [JSON.stringify(value), value])).values()];
  if (distinct.length === 0) throw BadSweep(`${grid.name} has no value to try`);
  return { ...grid, values: distinct };
}

function checkRange(name: string, path: string, { low, high, isLog = isRate(path) }: Ends): Omit<Range, 'isWhole'> {
  if (!(low < high)) throw BadSweep(`the range of ${name} from ${low} to ${high} is empty`);
  if (isLog && low <= 0) throw BadSweep(`the range of ${name} begins at ${low}, but magnitudes are of numbers above 0: write :linear`);
  return { name, path, low, high, isLog };
}

/** Whether a setting is a learning rate, of which magnitudes matter. */
export function isRate(path: string): boolean {
  return path.endsWith('learningRate') || path.endsWith('LearningRate');
}

/** @throws BAD_SETTINGS */
function tryValue(task: Task, settings: Settings, path: string, value: unknown): void {
  changeSettings(task, settings, setSetting({}, path, value) as SettingsOverrides);
}

/** Whether a setting takes both ends of a range, and no fraction between them. @throws BAD_SETTINGS where it does not take an end */
function takesWholeNumbersAlone(task: Task, settings: Settings, { path, low, high }: Omit<Range, 'isWhole'>): boolean {
  for (const end of [low, high]) tryValue(task, settings, path, end);
  if (!Number.isInteger(low)) return false;
  try {
    tryValue(task, settings, path, low + 0.5);
    return false;
  } catch {
    return true;
  }
}
