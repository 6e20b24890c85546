import { type Cell, differingParameters, type RunRecord } from '../experiments';

/** A setting that is not the same in all runs of a group. */
export interface VaryingParameter {
  /** As `config` has it, dotted; or `stage`, or `weights`. */
  readonly name: string;
  /** In the order of the runs, null where a run has none. */
  readonly values: readonly Cell[];
}

/** What people change most often, the first first. */
const wellKnown = ['learningRate', 'trainableLayers', 'dropout', 'batchSize', 'negativeWeight', 'epochs'];

/**
 * What runs differ in, for tables and figures that have room for some of it: the stage and the weights where they differ, then the parameters that most
 * runs have and that people change most often.
 */
export function varyingParameters(runs: readonly RunRecord[], { atMost }: { readonly atMost: number }): VaryingParameter[] {
  const facts: readonly VaryingParameter[] = [
    { name: 'stage', values: runs.map((run) => run.stage) },
    { name: 'weights', values: runs.map((run) => run.weights.source) },
  ];
  const parameters = differingParameters(runs).sort(
    (one, other) =>
      runsWith(other) - runsWith(one) || familiarity(one) - familiarity(other) || one.parameter.localeCompare(other.parameter),
  );
  return [
    ...facts.filter(({ values }) => new Set(values).size > 1),
    ...parameters.map(({ parameter, values }) => ({ name: parameter, values })),
  ].slice(0, atMost);
}

function runsWith({ values }: { readonly values: readonly Cell[] }): number {
  return values.filter((value) => value !== null).length;
}

function familiarity({ parameter }: { readonly parameter: string }): number {
  const place = wellKnown.indexOf(parameter);
  return place < 0 ? wellKnown.length : place;
}

/** As it was set: a learning rate of 0.00001 is not rounded away; of numbers that were drawn at random six digits will do. */
export function parameterText(value: Cell): string {
  if (value === null) return '–';
  return String(typeof value === 'number' ? Number(value.toPrecision(6)) : value);
}
