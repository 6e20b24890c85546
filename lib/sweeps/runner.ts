import path from 'node:path';
import { type Dataset, readDataset } from '../data';
import { loadTensorFlow } from '../engine';
import { VisionbookError } from '../errors';
import { type RunRecord, readRunIfPresent, sweepRunId } from '../experiments';
import { sha256 } from '../files';
import { withLock } from '../lock';
import { findModel, loadClassifier } from '../models';
import { findTask, type Settings, type Task } from '../tasks';
import {
  beginTraining,
  describeData,
  type OpenedExamples,
  openExamples,
  runStage,
  type StageRequest,
  type TrainingBeginning,
  type TrainingContext,
  TrainingDiverged,
  type TrainingWatch,
  trainingPictures,
} from '../training';
import type { Workspace } from '../workspace';
import type { Candidate } from './candidates';
import { SweepOutdated, SweepRunning, TrialNotFound } from './errors';
import { planSweep, type SweepPlan, settingsOf, sweptStage, type Trial, type TrialResult } from './plan';
import type { Sweep } from './record';

/** What the trial of the best candidate, with everything that a training keeps, is called. */
export const bestTrial = 'best';

/**
 * Runs one trial of a sweep, by nothing but the sweep's record: on any machine that has the same data set and weights. The trial's run record is its
 * result, and is replaced whole; run again, a trial that has one is not trained again, and one that was cut short begins anew.
 *
 * @param trial its id, as `planSweep` gives it
 * @returns the record; its status is `interrupted` when the signal stopped it, and `failed` when the training diverged
 * @throws TRIAL_NOT_FOUND, SWEEP_OUTDATED, and what `readDataset`, `beginTraining` and `runStage` throw, but for TRAINING_DIVERGED
 */
export async function runTrial(workspace: Workspace, sweep: Sweep, trial: string, watch: TrainingWatch = {}): Promise<Readonly<RunRecord>> {
  const runner = await TrialRunner.open(workspace, planSweep(sweep));
  try {
    return await runner.run(trial, watch);
  } finally {
    runner.close();
  }
}

/** What a run came to as a trial; undefined of one that has to be run again. */
export function resultOf({ metric }: Pick<Sweep, 'metric'>, run: Readonly<RunRecord> | undefined): TrialResult | undefined {
  if (run?.status === 'finished') return { value: run.metrics.validation?.[metric] ?? null };
  return run?.status === 'failed' && run.error?.startsWith(diverged) ? { value: null } : undefined;
}

/** What the error of a record begins with. */
const diverged = `${TrainingDiverged('', 0).code}:`;

/** The run of a trial, if it has begun. @throws RUN_UNREADABLE */
export function readTrial(workspace: Workspace, { id }: Pick<Sweep, 'id'>, trial: string): Promise<RunRecord | undefined> {
  return readRunIfPresent(workspace, sweepRunId({ id, trial }));
}

/** What a training with these settings begins with. */
function startOf(
  { weights, weightsFile }: Sweep,
  settings: Settings,
): Pick<TrainingBeginning, 'settings' | 'weightsFile' | 'exactWeights'> {
  const exactWeights = weights[settings.backbone];
  return { settings, ...(weightsFile !== undefined && { weightsFile }), ...(exactWeights && { exactWeights }) };
}

/** What trainings of a sweep begin with, once for each backbone. */
export function startsOf(sweep: Sweep): ReturnType<typeof startOf>[] {
  return Object.keys(sweep.weights).map((backbone) => startOf(sweep, { ...sweep.settings, backbone } as Settings));
}

/** One training of a sweep: a trial, the best candidate's, or what trials start from. */
interface Training {
  readonly trial: string;
  readonly settings: Settings;
  readonly epochs: number;
  readonly isTrial: boolean;
}

/**
 * Does work that makes runs of these ids while no other machine makes them, the last of them last: for machines that share no folder. Those that were made
 * elsewhere are here when the work begins.
 */
export type MakeRunsOnce = <Result>(ids: readonly string[], work: () => Promise<Result>, signal?: AbortSignal) => Promise<Result>;

/**
 * Runs trials one after another, and opens only once what they share: the data set, and the activations of the last trial that trained the same layers. Call
 * `close` when done.
 */
export class TrialRunner {
  private readonly task: Task;
  private shared: { readonly key: string; readonly opened: OpenedExamples } | undefined;

  private constructor(
    private readonly workspace: Workspace,
    private readonly plan: SweepPlan,
    private readonly dataset: Dataset,
    private readonly makeOnce: MakeRunsOnce,
  ) {
    this.task = findTask(plan.sweep.task);
  }

  /** @throws SWEEP_OUTDATED where the data set is another one, and what `readDataset` throws */
  static async open(workspace: Workspace, plan: SweepPlan, makeOnce: MakeRunsOnce = (_ids, work) => work()): Promise<TrialRunner> {
    const { sweep } = plan;
    const dataset = await readDataset(workspace, findTask(sweep.task));
    if (dataset.fingerprint !== sweep.data.fingerprint) throw SweepOutdated(sweep.id);
    return new TrialRunner(workspace, plan, dataset, makeOnce);
  }

  /** As `runTrial`. */
  run(id: string, watch: TrainingWatch): Promise<Readonly<RunRecord>> {
    const { sweep, rungs } = this.plan;
    const trial = rungs.flat().find((one): one is Trial => one.id === id);
    if (!trial) throw TrialNotFound(sweep.id, id);
    const { candidate, seed, epochs } = trial;
    return this.train({ trial: id, settings: settingsOf(sweep, candidate, seed), epochs, isTrial: true }, watch);
  }

  /** Trains a candidate as `npm run train` would with its settings: with a model, predictions, and the test split. @throws as `runTrial` */
  runBest(candidate: Candidate, watch: TrainingWatch): Promise<Readonly<RunRecord>> {
    const { sweep } = this.plan;
    const settings = settingsOf(sweep, candidate);
    return this.train({ trial: bestTrial, settings, epochs: sweptStage(sweep, settings).stage.epochs, isTrial: false }, watch);
  }

  close(): void {
    this.shared?.opened.activations.close();
    this.shared = undefined;
  }

  private async train({ trial, settings, epochs, isTrial }: Training, watch: TrainingWatch): Promise<Readonly<RunRecord>> {
    const { workspace, plan, dataset, task } = this;
    const { sweep } = plan;
    const earlier = await readTrial(workspace, sweep, trial);
    if (earlier && resultOf(sweep, earlier)) return earlier;
    const { stage, place } = sweptStage(sweep, settings);
    const { context, start } = await this.begin(settings, place, watch);
    try {
      const pictures = trainingPictures(dataset, task, { ...settings, seed: sweep.settings.seed });
      const request: StageRequest = {
        stage: { ...stage, epochs },
        pictures,
        patience: settings.patience,
        sweep: { id: sweep.id, trial },
        isTrial,
        ...(start !== undefined && { parent: start }),
      };
      const opened = await this.share(context, request, start);
      return await runStage(context, { ...request, opened });
    } catch (error) {
      if (!(error instanceof VisionbookError) || !diverged.startsWith(error.code)) throw error;
      return (await readTrial(workspace, sweep, trial))!;
    } finally {
      context.classifier.model.dispose();
    }
  }

  /** A classifier that is ready for the swept stage, and the run that it is of, where stages come before. */
  private async begin(
    settings: Settings,
    place: number,
    watch: TrainingWatch,
  ): Promise<{ readonly context: TrainingContext; readonly start?: string }> {
    const { workspace, plan, dataset, task } = this;
    const anew = (): Promise<TrainingContext> => beginTraining({ workspace, task, dataset, ...startOf(plan.sweep, settings), ...watch });
    if (place === 0) return { context: await anew() };
    const before = settings.stages.slice(0, place);
    const key = sha256(JSON.stringify({ ...settings, stages: before })).slice(0, 8);
    const trialOf = (index: number): string => `start.${key}.${before[index]!.name}`;
    const starts = before.map((_, index) => sweepRunId({ id: plan.sweep.id, trial: trialOf(index) }));
    const start = starts.at(-1)!;
    // Trials that need the same start may begin at once, in several processes.
    const begun = (): Promise<{ context: TrainingContext; start: string }> =>
      withLock(workspace.experiment(start), {
        lockFile: path.join(path.dirname(workspace.sweep(plan.sweep.id, 'json')), `${trialOf(place - 1)}.lock`),
        retries: { forever: true, minTimeout: 100, maxTimeout: 2000 },
        busy: () => SweepRunning(plan.sweep.id),
        work: async () => {
          const trained = await readRunIfPresent(workspace, start);
          if (trained?.status === 'finished') {
            const engine = await loadTensorFlow();
            const classifier = await loadClassifier(engine.tf, await findModel(workspace, task.name, start));
            return {
              context: { workspace, task, settings, engine, classifier, weights: trained.weights, data: describeData(dataset), ...watch },
              start,
            };
          }
          const context = await anew();
          try {
            const pictures = trainingPictures(dataset, task, { ...settings, seed: plan.sweep.settings.seed });
            let parent: string | undefined;
            for (const [index, stage] of before.entries()) {
              const request = { stage, pictures, patience: settings.patience, sweep: { id: plan.sweep.id, trial: trialOf(index) } };
              const run = await runStage(context, { ...request, ...(parent !== undefined && { parent }) });
              watch.signal?.throwIfAborted();
              parent = run.id;
            }
            return { context, start };
          } catch (error) {
            context.classifier.model.dispose();
            throw error;
          }
        },
      });
    return this.makeOnce(starts, begun, watch.signal);
  }

  /** The pictures' activations; views and balancing are the same for all seeds, or each would need activations of its own. */
  private async share(context: TrainingContext, request: StageRequest, start: string | undefined): Promise<OpenedExamples> {
    const settings = { ...context.settings, seed: this.plan.sweep.settings.seed };
    const { augmentation } = settings;
    const key = JSON.stringify({
      start,
      backbone: context.classifier.design.backbone,
      layers: request.stage.trainableLayers,
      augmentation,
      perClass: 'perClass' in settings && settings.perClass,
    });
    if (this.shared?.key === key) return this.shared.opened;
    this.close();
    const opened = await openExamples({ ...context, ...request, settings });
    this.shared = { key, opened };
    return opened;
  }
}
