import { retrain } from '../corrections';
import type { RunRecord } from '../experiments';
import { type Settings, type SettingsOverrides, type Stage, settingsFor, settingsSchemas } from '../tasks';
import { beginTraining, runStage, type TrainingWatch, trainingPictures } from '../training';
import { type CheckOptions, checkReproduction, isRetraining, type ReproductionCheck } from './check';
import { recordedWeights } from './conditions';
import { CannotReproduce } from './errors';
import { matchRuns, type RunMatch } from './matches';

export interface ReproduceOptions extends CheckOptions, Pick<TrainingWatch, 'onProgress' | 'signal'> {
  /** Called with what is going to run, before it does. */
  readonly onCheck?: (check: ReproductionCheck) => void;
}

/** A run and its repetition. */
export interface ReproducedRun {
  readonly run: RunRecord;
  readonly again: Readonly<RunRecord>;
  /** Absent where the repetition was interrupted. */
  readonly match?: RunMatch;
}

export interface Reproduction {
  readonly check: ReproductionCheck;
  readonly runs: readonly ReproducedRun[];
  /**
   * Whether all came out as it should: identical where nothing that numbers depend on has changed, and close where something has. Absent where it was
   * interrupted.
   */
  readonly isAsExpected?: boolean;
}

/**
 * Runs a run again as its record says: its stage, those before it, its data, seed, weights and corrections. Each repetition is a run of its own that names the
 * one it repeats; its model never comes to serve by itself.
 *
 * @throws CANNOT_REPRODUCE, which says why comparing would be meaningless; what `runStage` and `retrain` throw; the signal's reason, when it stopped the
 *   work before anything was learnt
 */
export async function reproduceRun(options: ReproduceOptions): Promise<Reproduction> {
  const check = await checkReproduction(options);
  if (check.obstacles.length > 0) throw CannotReproduce(check.run.id, check.obstacles);
  options.onCheck?.(check);
  const again: Readonly<RunRecord>[] = [];
  try {
    for await (const repeated of repeatAll(check, options)) {
      again.push(repeated);
      if (options.signal?.aborted) break;
    }
  } catch (error) {
    // Stopped before this one learnt anything: those before it count.
    if (!options.signal?.aborted || again.length === 0) throw error;
  }
  const runs = again.map((repeated, index): ReproducedRun => {
    const run = check.lineage[index]!;
    return { run, again: repeated, ...(repeated.status === 'finished' && { match: matchRuns(run, repeated) }) };
  });
  if (again.length < check.lineage.length || runs.some(({ match }) => !match)) return { check, runs };
  const isAsExpected = runs.every(({ match }) => match?.outcome === 'identical' || (match?.outcome === 'close' && !check.isExact));
  return { check, runs, isAsExpected };
}

/** Repeats a lineage, one run after the other. */
async function* repeatAll(check: ReproductionCheck, options: ReproduceOptions): AsyncGenerator<Readonly<RunRecord>> {
  const stages = check.lineage.filter((run) => !isRetraining(run));
  let latest: string | undefined;
  for await (const repeated of repeatStages(stages, check, options)) {
    latest = repeated.id;
    yield repeated;
  }
  for (const run of check.lineage.filter(isRetraining)) {
    const repeated = await repeatRetraining(run, latest ?? run.parent!, check, options);
    latest = repeated.id;
    yield repeated;
  }
}

async function* repeatStages(
  runs: readonly RunRecord[],
  { task, present }: ReproductionCheck,
  { workspace, onProgress, signal }: ReproduceOptions,
): AsyncGenerator<Readonly<RunRecord>> {
  if (runs.length === 0) return;
  const dataset = present.dataset as Exclude<typeof present.dataset, Error>;
  const settings = settingsFor(task, dataset.card, { ...recordedSettings(runs[0]!), stages: runs.map(stageOf) }, {});
  const { kind, found } = recordedWeights(runs[0]!.weights, present)!;
  const isFile = kind === 'named' || kind === 'downloaded';
  const watch = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const context = await beginTraining({
    workspace,
    task,
    settings,
    dataset,
    ...watch,
    ...(isFile ? { weightsFile: found } : { official: false }),
  });
  try {
    const pictures = trainingPictures(dataset, task, settings);
    let parent: string | undefined;
    for (const [index, run] of runs.entries()) {
      const patience = run.config.patience as number | null;
      const request = { stage: settings.stages[index]!, pictures, prepareFor: settings.stages, patience, reproduces: run.id };
      const repeated = await runStage(context, { ...request, ...(parent && { parent }) });
      parent = repeated.id;
      yield repeated;
    }
  } finally {
    context.classifier.model.dispose();
  }
}

async function repeatRetraining(
  run: RunRecord,
  base: string,
  { task, corrections }: ReproductionCheck,
  { workspace, onProgress, signal }: ReproduceOptions,
): Promise<Readonly<RunRecord>> {
  // What only retrainings have stands in `extra`, beside what they came to.
  const retraining = settingsSchemas.collages.shape.retraining.strip().parse(run.extra) as Settings['retraining'];
  const { patience: _, ...overrides } = recordedSettings(run);
  const watch = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
  const learnt = { corrections: corrections.get(run.id)!, base, reproduces: run.id };
  return (await retrain({ workspace, task, overrides: { ...overrides, retraining }, ...learnt, ...watch })).run;
}

/** Settings that need not be there; where a record has none, there were none, whatever the task says by now. */
const absent = { plateau: undefined, augmentation: undefined, hiddenLayers: undefined };

/** The settings of a run, without its stage's own numbers. */
function recordedSettings({ config: { trainableLayers: _, learningRate: __, epochs: ___, ...settings } }: RunRecord): SettingsOverrides {
  return { ...absent, ...settings } as SettingsOverrides;
}

/** A run's stage; of one that was interrupted, as far as it came. */
function stageOf({ stage, status, epochs, config }: RunRecord): Stage {
  const { trainableLayers, learningRate } = config as unknown as Stage;
  return {
    name: stage as Stage['name'],
    trainableLayers,
    learningRate,
    epochs: status === 'finished' ? (config.epochs as number) : epochs.length,
  };
}
