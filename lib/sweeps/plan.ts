import { lowerIsBetter } from '../metrics';
import { changeSettings, findTask, type Settings, type SettingsOverrides, type Stage, setSetting } from '../tasks';
import { type Candidate, candidatesOf } from './candidates';
import type { Sweep } from './record';

/** One training of a sweep. */
export interface Trial {
  /** Unique in the sweep: the candidate's number, and where there are several, the seed's and the epochs, such as `7.s2.e3`. */
  readonly id: string;
  readonly candidate: Candidate;
  /** Of the network: its first weights, the order of pictures, dropout. Views and balancing are those of the sweep's own seed. */
  readonly seed: number;
  /** Place in the plan's rungs. */
  readonly rung: number;
  /** To train for at most. */
  readonly epochs: number;
}

/** Everything that follows from a sweep's record alone. */
export interface SweepPlan {
  readonly sweep: Sweep;
  readonly candidates: readonly Candidate[];
  /** Each rung's trials of every candidate, though not every candidate comes to the later ones. */
  readonly rungs: readonly (readonly Trial[])[];
}

/** What a trial came to. */
export interface TrialResult {
  /** The metric on validation; null of a training that diverged. */
  readonly value: number | null;
}

/** Results by the trials' ids. */
export type TrialResults = ReadonlyMap<string, TrialResult>;

/**
 * Which trials a sweep may have. It is the same everywhere.
 *
 * Without halving there is one rung, in which each candidate is trained for its number of epochs. With it, of so many candidates one goes on to the next
 * rung, for as many times more epochs. A rung trains anew and does not go on where the last one stopped: that costs at most a half more, and a trial needs
 * nothing but the sweep's record, on whichever machine it runs. Its first epochs are the same ones, by the seed.
 */
export function planSweep(sweep: Sweep): SweepPlan {
  const candidates = candidatesOf(sweep);
  const { epochs } = sweptStage(sweep, sweep.settings).stage;
  const { halving = Number.POSITIVE_INFINITY } = sweep;
  const promotions = Math.floor(Math.min(Math.log(epochs), Math.log(candidates.length)) / Math.log(halving) + 1e-9);
  const rungs = Array.from({ length: promotions + 1 }, (_, rung) =>
    candidates.flatMap((candidate) => {
      const own = Number(candidate.values[`stages.${sweep.stage}.epochs`] ?? epochs);
      return trialsOf(sweep, candidate, {
        rung,
        epochs: Math.max(1, Math.round(own / halving ** (promotions - rung))),
        isOnly: promotions === 0,
      });
    }),
  );
  return { sweep, candidates, rungs };
}

function trialsOf(
  { seeds, settings }: Sweep,
  candidate: Candidate,
  { rung, epochs, isOnly }: { readonly rung: number; readonly epochs: number; readonly isOnly: boolean },
): Trial[] {
  return Array.from({ length: seeds }, (_, index) => ({
    id: [candidate.number, ...(seeds > 1 ? [`s${index + 1}`] : []), ...(isOnly ? [] : [`e${epochs}`])].join('.'),
    candidate,
    seed: settings.seed + index,
    rung,
    epochs,
  }));
}

/** The stage that is swept, as settings have it, and its place among the stages. */
export function sweptStage({ stage }: Pick<Sweep, 'stage'>, { stages }: Settings): { readonly stage: Stage; readonly place: number } {
  const place = stages.findIndex(({ name }) => name === stage);
  return { stage: stages[place]!, place };
}

/** The settings of a candidate. */
export function settingsOf(
  { task, settings }: Pick<Sweep, 'task' | 'settings'>,
  { values }: Pick<Candidate, 'values'>,
  seed = settings.seed,
): Settings {
  const changes = Object.entries(values).reduce<object>((all, [path, value]) => setSetting(all, path, value), { seed });
  return changeSettings(findTask(task), settings, changes as SettingsOverrides);
}

/** How much work a sweep is, at most. */
export function sizeOf(plan: SweepPlan): { readonly trials: number; readonly epochs: number } {
  const trials = plan.rungs.flatMap((rung, index) => rung.slice(0, placesIn(plan, index) * plan.sweep.seeds));
  return { trials: trials.length, epochs: trials.reduce((sum, trial) => sum + trial.epochs, 0) };
}

/** How many candidates come to a rung. */
function placesIn({ sweep: { halving = 1 }, candidates }: SweepPlan, rung: number): number {
  return Math.max(1, Math.floor(candidates.length / halving ** rung));
}

/** How candidates come to the next rung. */
export interface Promotion {
  /**
   * Whether a candidate goes on as soon as it is among the best of those that are through, and does not wait for the others, so that no worker of many is
   * ever idle. Some go on that would not have otherwise. Not by default.
   */
  readonly isAsynchronous?: boolean;
}

/**
 * The trials whose turn it is and that have no result, those of the highest rung first: successive halving (Jamieson and Talwalkar 2016, "Non-stochastic best
 * arm identification and hyperparameter optimization", arXiv:1502.07943), or in its asynchronous form ASHA (Li et al. 2020, "A system for massively
 * parallel hyperparameter tuning", arXiv:1810.05934). None is left when the sweep is through. The plan and the results alone decide.
 */
export function readyTrials(plan: SweepPlan, results: TrialResults, { isAsynchronous = false }: Promotion = {}): Trial[] {
  const ready: Trial[] = [];
  let here = new Set(plan.candidates);
  for (const [rung, all] of plan.rungs.entries()) {
    const waiting = all.filter(({ id, candidate }) => here.has(candidate) && !results.has(id));
    ready.unshift(...waiting);
    if (!isAsynchronous && waiting.length > 0) break;
    const through = here.size - new Set(waiting.map(({ candidate }) => candidate)).size;
    const places = isAsynchronous ? Math.floor(through / (plan.sweep.halving ?? 1)) : placesIn(plan, rung + 1);
    const best = rankRung(plan, rung, results).filter(({ candidate }) => here.has(candidate));
    here = new Set(best.slice(0, places).map(({ candidate }) => candidate));
  }
  return ready;
}

/** The candidates that are through a rung and did not diverge, with the mean of the metric over their seeds, the best first. */
export function rankRung(
  { sweep, rungs }: SweepPlan,
  rung: number,
  results: TrialResults,
): { readonly candidate: Candidate; readonly value: number }[] {
  const values = new Map<Candidate, (number | null | undefined)[]>();
  for (const { candidate, id } of rungs[rung]!) values.set(candidate, [...(values.get(candidate) ?? []), results.get(id)?.value]);
  const sign = lowerIsBetter.has(sweep.metric) ? 1 : -1;
  return [...values]
    .filter((entry): entry is [Candidate, number[]] => entry[1].every((value) => typeof value === 'number'))
    .map(([candidate, seeds]) => ({ candidate, value: seeds.reduce((sum, value) => sum + value, 0) / seeds.length }))
    .sort((one, other) => sign * (one.value - other.value));
}

/** The plan in one line: how many candidates, trials and epochs there are. */
export function describePlan(plan: SweepPlan): string {
  const { sweep, candidates, rungs } = plan;
  const { trials, epochs } = sizeOf(plan);
  const seeds = sweep.seeds > 1 ? ` on ${sweep.seeds} seeds` : '';
  const steps = rungs.map((rung, index) => `${placesIn(plan, index)} for ${rung[0]!.epochs}`).join(', then ');
  const halving = rungs.length > 1 ? ` (successive halving: ${steps})` : '';
  return `${candidates.length} candidates${seeds}: ${trials} trials, at most ${epochs} epochs of the ${sweep.stage} stage${halving}`;
}
