import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { mapOnCores, readDataset } from '../data';
import type { RunRecord } from '../experiments';
import { withLock } from '../lock';
import { metricNames, multiclassMetricNames, type SplitMetricName } from '../metrics';
import type { WeightsIdentity } from '../models';
import { type SettingsOverrides, settingsFor, type Task } from '../tasks';
import { beginTraining, type TrainingWatch } from '../training';
import type { Workspace } from '../workspace';
import { candidatesOf } from './candidates';
import { BadSweep, SweepRunning } from './errors';
import { planSweep, readyTrials, type SweepPlan, settingsOf, sizeOf, type Trial } from './plan';
import { createSweep, readSweeps, type Sweep, type SweepContent } from './record';
import { bestTrial, readTrial, resultOf, TrialRunner } from './runner';
import { checkSpace, type Space } from './space';
import { rankCandidates, resultsOf, type SweepOutcome, type TrialRuns } from './summary';

/** What to sweep. */
export interface SweepOptions extends Space, Pick<TrainingWatch, 'onProgress' | 'signal'> {
  readonly workspace: Workspace;
  readonly task: Task;
  /** Settings that are not swept and differ from the task's. */
  readonly overrides?: SettingsOverrides;
  /** The first of the recipe by default. */
  readonly stage?: string;
  /** Trainings of each candidate; 1 by default. */
  readonly seeds?: number;
  /** Of so many candidates one goes on to more epochs, by successive halving; without it all are trained to the end. */
  readonly halving?: number;
  /** What to rank by, on validation: by default AUC, and accuracy where a picture shows exactly one class. */
  readonly metric?: SplitMetricName;
  /** As in `TrainOptions`. */
  readonly weightsFile?: string;
}

/**
 * Begins a sweep: checks it, and writes down what it is to find out. Asked for the very same again, it gives the sweep that was begun before and is not
 * through. Nothing is trained yet.
 *
 * @throws BAD_SWEEP, BAD_SETTINGS, and what `readDataset` and `beginTraining` throw
 * @example
 * const sweep = await beginSweep({ workspace, task: food, grid: { dropout: [0.1, 0.2] }, ranges: { lr: { low: 1e-4, high: 1e-2 } }, random: 10 });
 * const { ranked, best } = await runSweep(workspace, sweep); // 20 candidates
 */
export async function beginSweep(options: SweepOptions): Promise<Sweep> {
  const { workspace, task, overrides, seeds = 1, halving, weightsFile, onProgress, signal } = options;
  const { metric = task.kind === 'multiclass' ? 'accuracy' : 'auc' } = options;
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task, dataset.card, overrides);
  const { stage = settings.stages[0]!.name } = options;
  const place = settings.stages.findIndex(({ name }) => name === stage);
  if (place === -1) throw BadSweep(`there is no stage "${stage}": it is ${settings.stages.map(({ name }) => name).join(' or ')}`);
  const space = checkSpace(options, task, settings, place);
  const paths = [...space.grid, ...space.ranges].map(({ path: setting }) => setting);
  if (!Number.isInteger(seeds) || seeds < 1) throw BadSweep(`a candidate cannot be trained on ${seeds} seeds`);
  if (halving !== undefined && !(Number.isInteger(halving) && halving >= 2))
    throw BadSweep(`one of ${halving} cannot go on: use 2 or more`);
  if (halving !== undefined && paths.includes(`stages.${stage}.epochs`))
    throw BadSweep('halving decides the epochs, so they cannot be swept at the same time');
  if (metric === 'loss' && paths.includes('negativeWeight'))
    throw BadSweep('losses of different negativeWeight do not compare: choose another --metric');
  const known: readonly SplitMetricName[] = task.kind === 'multiclass' ? multiclassMetricNames : metricNames;
  if (!known.includes(metric)) throw BadSweep(`${task.name} is not measured by "${metric}": use one of ${known.join(', ')}`);

  const file = weightsFile === undefined ? {} : { weightsFile: path.resolve(weightsFile) };
  // Values that are right by themselves may not go together: that is found here, and so are weights that are missing.
  const trained = candidatesOf({ ...space, settings }).map((candidate) => settingsOf({ task: task.name, settings }, candidate));
  const weights: Record<string, WeightsIdentity> = {};
  for (const own of new Map(trained.map((one) => [one.backbone, one])).values()) {
    const watch = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
    const beginning = await beginTraining({ workspace, task, settings: own, dataset, ...file, ...watch });
    beginning.classifier.model.dispose();
    const { source, sha256 } = beginning.weights;
    weights[own.backbone] = { source, sha256 };
  }
  const asked: SweepContent = {
    task: task.name,
    stage,
    settings,
    ...file,
    weights,
    data: { ...dataset.card, fingerprint: dataset.fingerprint },
    ...space,
    seeds,
    ...(halving !== undefined && { halving }),
    metric,
  };
  return (await findUnfinished(workspace, asked)) ?? createSweep(workspace, asked);
}

/** The sweep that asks the very same and is not through; the newest of several. */
async function findUnfinished(workspace: Workspace, asked: SweepContent): Promise<Sweep | undefined> {
  const content = JSON.parse(JSON.stringify(asked)) as unknown;
  for (const sweep of (await readSweeps(workspace)).reverse()) {
    const { schemaVersion: _version, id: _id, createdAt: _createdAt, ...own } = sweep;
    if (isDeepStrictEqual(own, content) && !(await readOutcome(workspace, sweep)).isThrough) return sweep;
  }
  return undefined;
}

/** What a sweep has come to, from the records of its runs. @throws RUN_UNREADABLE */
export async function readOutcome(workspace: Workspace, sweep: Sweep): Promise<SweepOutcome> {
  const plan = planSweep(sweep);
  return outcomeOf(plan, await readTrials(workspace, plan), await readTrial(workspace, sweep, bestTrial));
}

async function readTrials(workspace: Workspace, { sweep, rungs }: SweepPlan): Promise<Map<string, Readonly<RunRecord>>> {
  const runs = await mapOnCores(rungs.flat(), async ({ id }) => [id, await readTrial(workspace, sweep, id)] as const);
  return new Map(runs.filter((entry): entry is [string, RunRecord] => entry[1] !== undefined));
}

function outcomeOf(plan: SweepPlan, runs: TrialRuns, latest: Readonly<RunRecord> | undefined): SweepOutcome {
  const ranked = rankCandidates(plan, runs);
  const results = resultsOf(plan, runs);
  const isTried = readyTrials(plan, results).length === 0;
  const best = isTried && latest?.status === 'finished' ? latest : undefined;
  return { plan, results, ranked, ...(best && { best }), isThrough: isTried && (best !== undefined || (ranked[0]?.mean ?? null) === null) };
}

/**
 * Runs what is left of a sweep, trial by trial, and then trains the best candidate once more as `npm run train` would: only that one is put to the test
 * split, and it does not become the current model. Stopped by the signal or killed at any moment, it goes on from the last trial that was through.
 *
 * A training that diverges is a trial that failed, and the sweep goes on; every other error ends it, since the next trial would meet it too.
 *
 * @throws SWEEP_RUNNING while another process runs the sweep, SWEEP_OUTDATED, and what `runTrial` throws
 */
export async function runSweep(workspace: Workspace, sweep: Sweep, watch: SweepWatch = {}): Promise<SweepOutcome> {
  const folder = path.dirname(workspace.sweep(sweep.id, 'json'));
  const busy = (): Error => SweepRunning(sweep.id);
  return withLock(folder, {
    lockFile: path.join(folder, '.lock'),
    busy,
    work: async (held) => {
      const plan = planSweep(sweep);
      const runner = await TrialRunner.open(workspace, plan);
      try {
        const runs = await readTrials(workspace, plan);
        const stopped = await runTrials(
          plan,
          runs,
          (trial) => {
            held.check();
            return runner.run(trial.id, watchTrial(plan, runs, trial, watch));
          },
          watch.signal,
        );
        const first = rankCandidates(plan, runs)[0];
        const best =
          stopped || first?.mean === null || !first
            ? undefined
            : await unlessStopped(() => runner.runBest(first.candidate, watch), watch.signal);
        return outcomeOf(plan, runs, best);
      } finally {
        runner.close();
      }
    },
  });
}

/** How to follow a sweep, and to stop it. */
export type SweepWatch = Pick<TrainingWatch, 'onProgress' | 'signal'>;

/** Runs trials until none is left. @returns whether the signal stopped it before */
async function runTrials(
  plan: SweepPlan,
  runs: Map<string, Readonly<RunRecord>>,
  run: (trial: Trial) => Promise<Readonly<RunRecord>>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (;;) {
    const [next] = readyTrials(plan, resultsOf(plan, runs));
    if (!next) return false;
    const record = await unlessStopped(() => run(next), signal);
    if (record) runs.set(next.id, record);
    if (!resultOf(plan.sweep, record)) return true;
  }
}

/** What work gives, or undefined where the signal stopped it. */
async function unlessStopped<Result>(work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result | undefined> {
  if (signal?.aborted) return undefined;
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

/** Shows the sweep's epochs in place of a trial's batches. */
function watchTrial(plan: SweepPlan, runs: TrialRuns, trial: Trial, { onProgress, signal }: SweepWatch): TrainingWatch {
  if (!onProgress) return { ...(signal && { signal }) };
  const { trials, epochs } = sizeOf(plan);
  const through = plan.rungs.flat().filter(({ id }) => resultOf(plan.sweep, runs.get(id)));
  const before = through.reduce((sum, one) => sum + one.epochs, 0);
  const best = rankCandidates(plan, runs)[0]?.mean ?? null;
  const note = [
    `trial ${through.length + 1} of ${trials}`,
    ...(best === null ? [] : [`best ${plan.sweep.metric} ${best.toFixed(4)}`]),
  ].join(' · ');
  return {
    ...(signal && { signal }),
    onProgress: (progress) => {
      const share = progress.label === plan.sweep.stage ? progress.done / progress.total : undefined;
      onProgress(
        share === undefined ? progress : { label: 'epochs', done: Math.floor(before + share * trial.epochs), total: epochs, note },
      );
    },
  };
}
