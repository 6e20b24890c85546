import { loadTensorFlow } from '../engine';
import { differingParameters, flattenRun, type RunRecord } from '../experiments';
import { groupRuns, type RankOptions, rankRuns } from './groups';
import { runLabel } from './labels';
import type { Row } from './rows';

type FlatRow = ReturnType<typeof flattenRun>;

/** The part of danfojs' DataFrame that this room promises. */
export interface Frame {
  readonly columns: string[];
  readonly shape: number[];
  print(): void;
  toString(): string;
}

export interface RunsTable {
  /** Undefined where danfojs cannot be loaded, because it needs the native TensorFlow. */
  readonly frame: Frame | undefined;
  readonly rows: readonly FlatRow[];
}

/**
 * Every run in one table, as rows and as a danfojs DataFrame: best first within one task and data set. Real data stands
 * before the sample, and the two are never ranked together.
 */
export async function runsTable(
  runs: readonly RunRecord[],
  { metric = 'auc', split = 'validation' }: Partial<RankOptions> = {},
): Promise<RunsTable> {
  const rows = groupRuns(runs).flatMap((group) => rankRuns(group.runs, { metric, split }).map(flattenRun));
  return { rows, frame: rows.length > 0 ? await toFrame(rows) : undefined };
}

interface Danfo {
  readonly DataFrame: new (rows: object[]) => Frame;
}

async function toFrame(rows: readonly FlatRow[]): Promise<Frame | undefined> {
  const danfo = await loadDanfo().catch(() => undefined);
  return danfo && new danfo.DataFrame([...rows]);
}

async function loadDanfo(): Promise<Danfo> {
  await loadTensorFlow(); // which makes tfjs-node, that danfojs loads, fit for the Node at hand
  return (await import('danfojs-node')) as unknown as Danfo;
}

/** The parameters that are not the same in all runs, for `displayTable`: a row a parameter, a column a run. */
export function parameterRows(runs: readonly RunRecord[]): Row[] {
  return differingParameters(runs).map(({ parameter, values }) => ({
    parameter,
    ...Object.fromEntries(runs.map((run, index) => [runLabel(run), values[index] === null ? null : String(values[index])])),
  }));
}
