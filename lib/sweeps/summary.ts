import { isDeepStrictEqual } from 'node:util';
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { flattenConfig, type RunRecord } from '../experiments';
import { findTask, type Settings, settingsFor } from '../tasks';
import type { Workspace } from '../workspace';
import type { Candidate } from './candidates';
import { rankRung, type SweepPlan, settingsOf, type TrialResult, type TrialResults } from './plan';
import { resultOf } from './runner';

/** Runs by the ids of their trials. */
export type TrialRuns = ReadonlyMap<string, Readonly<RunRecord>>;

/** What a candidate came to, in the highest rung that it has results in. */
export interface CandidateResult {
  readonly candidate: Candidate;
  /** Each training had at most so many. */
  readonly epochs: number;
  readonly rung: number;
  /** The metric on validation, a value a seed; null of one that diverged. */
  readonly values: readonly (number | null)[];
  /** Of those that did not diverge. */
  readonly mean: number | null;
  /** Standard deviation from seed to seed (n − 1); null of fewer than two values. */
  readonly deviation: number | null;
  /** Ids of the runs, a run a seed. */
  readonly runs: readonly string[];
}

/** What a sweep has come to. */
export interface SweepOutcome {
  readonly plan: SweepPlan;
  readonly results: TrialResults;
  /** The best first. */
  readonly ranked: readonly CandidateResult[];
  /** The best candidate, trained with everything that a training keeps; undefined as long as the sweep is not through, or where all diverged. */
  readonly best?: Readonly<RunRecord>;
  /** Whether there is nothing left to do. */
  readonly isThrough: boolean;
}

/**
 * Candidates that have results, the best first: those that came to a higher rung before the others, then by the mean of the metric on validation; a candidate
 * that diverged on a seed is behind all of its rung that did not.
 */
export function rankCandidates(plan: SweepPlan, runs: TrialRuns): CandidateResult[] {
  const results = resultsOf(plan, runs);
  const ranked: CandidateResult[] = [];
  const seen = new Set<Candidate>();
  for (const [rung, trials] of [...plan.rungs.entries()].reverse()) {
    const best = rankRung(plan, rung, results).map(({ candidate }) => candidate);
    const others = plan.candidates.filter((candidate) => !best.includes(candidate));
    for (const candidate of [...best, ...others]) {
      if (seen.has(candidate)) continue;
      const own = trials.filter((trial) => trial.candidate === candidate && results.has(trial.id));
      if (own.length === 0) continue;
      seen.add(candidate);
      const values = own.map(({ id }) => results.get(id)!.value);
      const numbers = values.filter((value) => value !== null);
      ranked.push({
        candidate,
        epochs: own[0]!.epochs,
        rung,
        values,
        mean: numbers.length > 0 ? mean(numbers) : null,
        deviation: numbers.length > 1 ? sampleStandardDeviation(numbers) : null,
        runs: own.map(({ id }) => runs.get(id)!.id),
      });
    }
  }
  return ranked;
}

/** What the trials came to that have been run. */
export function resultsOf({ sweep }: SweepPlan, runs: TrialRuns): Map<string, TrialResult> {
  const results = [...runs].map(([trial, run]) => [trial, resultOf(sweep, run)] as const);
  return new Map(results.filter((entry): entry is [string, TrialResult] => entry[1] !== undefined));
}

/** Candidates as rows of a table. */
export function sweepRows({ sweep }: SweepPlan, ranked: readonly CandidateResult[]): Readonly<Record<string, unknown>>[] {
  return ranked.map(({ candidate, epochs, values, mean: value, deviation }) => {
    const failed = values.filter((one) => one === null).length;
    return {
      candidate: candidate.number,
      ...Object.fromEntries([...sweep.grid, ...sweep.ranges].map(({ name, path }) => [name, candidate.values[path]])),
      ...(sweep.halving !== undefined && { epochs }),
      [`validation ${sweep.metric}`]: value,
      ...(sweep.seeds > 1 && { '± sd': deviation, seeds: values.length - failed }),
      ...(ranked.some((one) => one.values.includes(null)) && { diverged: failed }),
    };
  });
}

/** A candidate's settings as they are written behind a command, as far as they are not the task's own: `--set stages.head.learningRate=0.0003`. */
export function settingArguments({ sweep }: SweepPlan, candidate: Candidate): string {
  const usual: Settings = settingsFor(findTask(sweep.task), sweep.data);
  const wanted = settingsOf(sweep, candidate);
  const names = Object.keys({ ...usual, ...wanted }) as (keyof Settings)[];
  return names
    .flatMap((name) => differences(name, usual[name], wanted[name]))
    .map((text) => `--set ${/^[\w.=-]+$/.test(text) ? text : `'${text}'`}`)
    .join(' ');
}

/** What to do with what a sweep found, for the terminal. */
export function describeSweep(workspace: Workspace, { plan, ranked, best, isThrough }: SweepOutcome): string {
  const { id, task } = plan.sweep;
  const record = `the record is    ${workspace.sweep(id, 'json')}, with a figure beside it`;
  if (!isThrough) return `stopped; to go on npm run sweep -- ${task} --resume ${id}\n${record}`;
  if (!best) return `every candidate diverged, so there is no best one: try lower learning rates\n${record}`;
  const settings = settingArguments(plan, ranked[0]!.candidate);
  return `Validation chose it among ${plan.candidates.length} candidates, and so flatters it; the test split was put to it alone.

the best setting ${settings}
to train with it npm run train -- ${task} ${settings}
to let it serve  npm run models -- promote ${best.id} --task ${task}
${record}`;
}

/** Each value of a setting that differs; the whole setting where they are not of the same shape. */
function differences(name: string, usual: unknown, wanted: unknown): string[] {
  if (isDeepStrictEqual(usual, wanted)) return [];
  const [before, after] = [flattenConfig(usual, name), flattenConfig(wanted, name)];
  if (wanted === undefined || [...before.keys()].join() !== [...after.keys()].join()) return [`${name}=${JSON.stringify(wanted ?? null)}`];
  return [...after].filter(([leaf, value]) => value !== before.get(leaf)).map(([leaf, value]) => `${named(leaf, wanted)}=${value}`);
}

/** `stages.0.epochs` as `stages.head.epochs`. */
function named(leaf: string, setting: unknown): string {
  const [first, place, ...rest] = leaf.split('.');
  const entry = Array.isArray(setting) ? (setting[Number(place)] as { readonly name?: string }).name : undefined;
  return entry === undefined ? leaf : [first, entry, ...rest].join('.');
}
