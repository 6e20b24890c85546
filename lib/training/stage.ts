import { writeModelCard } from '../cards';
import type { TensorFlowEngine } from '../engine';
import {
  type PredictedSplit,
  type Run,
  type RunRecord,
  type SplitPredictions,
  type SplitResult,
  startRun,
  writePredictions,
} from '../experiments';
import { sha256, writeAtomic } from '../files';
import { bootstrapIntervals, curvesByClass, type Judging, judgePredictions } from '../metrics';
import {
  applyTrained,
  type Classifier,
  foldAffine,
  type Graph,
  graphOf,
  kerasArchive,
  type ModelCard,
  modelFiles,
  modelMetadata,
  preprocessings,
  toOnnx,
  type WeightsOrigin,
  writeCard,
} from '../models';
import type { OnProgress } from '../progress';
import { Random } from '../random';
import type { Settings, Split, Stage, Task } from '../tasks';
import type { Workspace } from '../workspace';
import { type OpenedExamples, openExamples, type PicturesBySplit, tailOf } from './examples';
import type { ActivationExchange } from './exchange';
import { openFollowers } from './followers';
import { epochMetrics, predictExamples, type TrainingRequest, trainTail } from './trainer';

/** How to follow a training and to stop it, and who else works on the same pictures. */
export interface TrainingWatch {
  readonly onProgress?: OnProgress;
  /** Called when an epoch is in the run's record. */
  readonly onEpoch?: (run: Readonly<RunRecord>) => void;
  /** Called when a phase of the run begins: `frozen layers`, `training` or `evaluation`. */
  readonly onPhase?: (phase: TrainingPhase) => void;
  readonly signal?: AbortSignal;
  /** Other machines' activation stores. */
  readonly exchange?: ActivationExchange;
}

export type TrainingPhase = 'frozen layers' | 'training' | 'evaluation';

/** What all stages of one training share. */
export interface TrainingContext extends TrainingWatch {
  readonly workspace: Workspace;
  readonly task: Task;
  readonly settings: Settings;
  readonly engine: TensorFlowEngine;
  /** Its weights are those of the last stage that ended. */
  readonly classifier: Classifier;
  readonly weights: WeightsOrigin;
  readonly data: RunRecord['data'];
}

/** One stage: what learns, from which pictures, and what it is measured on. */
export interface StageRequest {
  readonly stage: Stage;
  readonly pictures: PicturesBySplit;
  /** The pictures, opened before by `openExamples`, for several stages that train the same layers; the caller closes them. */
  readonly opened?: OpenedExamples;
  /** Stages whose activations are computed in the same pass over the pictures. */
  readonly prepareFor?: readonly Stage[];
  readonly parent?: string;
  /** Id of the run that this one repeats. */
  readonly reproduces?: string;
  /** As in `TrainingRequest`. */
  readonly patience: number | null;
  /** Measures the saved model further before the run ends; what it returns goes into the record's `extra`. */
  readonly examine?: (runId: string) => Promise<Record<string, unknown>>;
  /** What of a sweep the run is; its id is then the sweep's and the trial's, and an earlier record of it is replaced. */
  readonly sweep?: RunRecord['sweep'];
  /**
   * One of many trials, of which most lose: only its record is kept, with the metrics of training and validation. There is no model, there are
   * no predictions, and the test split is not looked at.
   */
  readonly isTrial?: boolean;
}

/**
 * Runs one stage from its record's first line to its saved model: activations, training, model files, metrics of all splits, the predictions
 * that they are of, the model's card. The classifier then has the stage's best weights.
 *
 * @returns the run's record; its status is `interrupted` when `signal` stopped it, and its model is then the best so far
 * @throws NO_PICTURES, TRAINING_DIVERGED, UNREADABLE_PICTURE; the record says `failed` then. The signal's reason, when it stopped the run before there
 *   was anything to save
 */
export async function runStage(context: TrainingContext, request: StageRequest): Promise<Readonly<RunRecord>> {
  const { workspace, task, settings, engine, weights, data } = context;
  const { stage, parent, reproduces, sweep } = request;
  const { stages: _stages, retraining: _retraining, ...shared } = settings;
  const { name, ...hyperParameters } = stage;
  const run = await startRun({
    workspace,
    task: task.name,
    stage: name,
    kind: task.kind,
    config: { ...hyperParameters, ...shared, backbone: context.classifier.design.backbone.name, patience: request.patience },
    seed: settings.seed,
    data,
    weights,
    hardware: { backend: engine.backend },
    ...(parent && { parent }),
    ...(reproduces && { reproduces }),
    ...(sweep && { sweep }),
    onRecord: await openFollowers(workspace, engine),
  });
  try {
    await train(context, request, run);
  } catch (error) {
    if (context.signal?.aborted) await run.interrupt();
    else await run.fail(error);
    throw error;
  }
  await writeModelCard(workspace, task, run.id);
  return run.record;
}

async function train(context: TrainingContext, request: StageRequest, run: Run): Promise<void> {
  const phase = <Result>(name: TrainingPhase, work: () => Promise<Result>): Promise<Result> => {
    context.onPhase?.(name);
    return run.phase(name, work);
  };
  const opened = request.opened ?? (await phase('frozen layers', () => openExamples({ ...context, ...request })));
  try {
    const training = trainingOf(context, request, { run, opened });
    const result = await phase('training', () => trainTail(training));
    applyTrained(context.engine.tf, context.classifier.model, result.tail.nodes);
    const evaluation = await phase('evaluation', () => evaluate({ ...training, tail: result.tail }, request, opened));
    if (evaluation.predictions) await keepFiles(context, run, evaluation.predictions);
    if (result.interrupted) {
      await run.update({ metrics: evaluation.metrics });
      await run.interrupt();
      return;
    }
    const extra = await request.examine?.(run.id);
    await run.finish({ metrics: evaluation.metrics, bestEpoch: result.bestEpoch, ...(extra && { extra }) });
  } finally {
    if (!request.opened) opened.activations.close();
  }
}

function trainingOf(
  context: TrainingContext,
  { stage, patience, isTrial = false }: StageRequest,
  { run, opened: { activations, examples } }: { readonly run: Run; readonly opened: OpenedExamples },
): TrainingRequest {
  const { task, settings, engine, classifier, signal, onProgress } = context;
  return {
    engine,
    tail: tailOf(classifier, stage),
    activations,
    classes: task.classes.map(({ name }) => name),
    train: examples.train,
    validation: examples.validation,
    stage,
    batchSize: settings.batchSize,
    judging: judgingOf(task, settings),
    ...(settings.plateau && { plateau: settings.plateau }),
    patience,
    random: new Random(settings.seed).fork(stage.name),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    onEpoch: async ({ epoch, seconds, learningRate, train: trained, validation }, best) => {
      const { exactMatch } = validation;
      if (best && !isTrial) await saveModel(context, run, best);
      await run.update({ bestEpoch: best ? epoch : run.record.bestEpoch });
      await run.epoch({
        epoch,
        seconds,
        ...(settings.plateau && { learningRate }),
        train: trained,
        validation: { ...epochMetrics(validation), ...(exactMatch !== undefined && { exactMatch }) },
      });
      context.onEpoch?.(run.record);
    },
  };
}

/** How a task's predictions are judged, and what its training minimises. */
export function judgingOf({ kind }: Pick<Task, 'kind'>, { decision, negativeWeight }: Settings): Judging {
  return kind === 'multiclass' ? { kind } : { kind, threshold: decision.threshold, negativeWeight };
}

/** Saves the whole model with a trained tail in it: ONNX to predict with, Keras to train on, and its card. */
async function saveModel(
  { workspace, task, settings, engine, classifier, weights, data }: TrainingContext,
  run: Run,
  tail: Graph,
): Promise<void> {
  applyTrained(engine.tf, classifier.model, tail.nodes);
  const files = modelFiles(workspace, task.name, run.id);
  const preprocessing = preprocessings[classifier.design.backbone.name];
  const card: ModelCard = {
    schemaVersion: 1,
    runId: run.id,
    task: task.name,
    stage: run.record.stage,
    kind: task.kind,
    classes: task.classes.map(({ name }) => name),
    imageSize: task.imageSize,
    backbone: classifier.design.backbone,
    dropout: settings.dropout,
    ...(settings.hiddenLayers && { hiddenLayers: settings.hiddenLayers }),
    preprocessing: preprocessing.name,
    decision: settings.decision,
    weights,
    data: { name: data.name, isSample: data.isSample },
    createdAt: run.record.updatedAt,
  };
  const keras = await kerasArchive(classifier);
  const graph = foldAffine(graphOf(classifier.model), { acrossTheCut: true });
  const metadata = { ...modelMetadata(card), kerasSha256: sha256(keras) };
  const onnx = toOnnx(graph, { outputs: [{ tensor: graph.output, name: 'probabilities' }], preprocessing, metadata });
  // One right after the other, so that a kill hardly ever leaves them of two epochs.
  await writeAtomic(files.onnx, onnx);
  await writeAtomic(files.keras, keras);
  await writeCard(workspace, card);
}

/** Writes down what the saved model says of each picture, and notes the run's files. */
async function keepFiles(
  { workspace, task }: TrainingContext,
  run: Run,
  predictions: NonNullable<Evaluation['predictions']>,
): Promise<void> {
  const predictionsFile = await writePredictions(workspace, run.id, predictions);
  for (const file of [...Object.values(modelFiles(workspace, task.name, run.id)), predictionsFile]) await run.artifact(file);
}

/** What a stage's model is worth, and the predictions that say so. */
interface Evaluation {
  readonly metrics: Partial<Record<Split, SplitResult>>;
  /** None of a trial. */
  readonly predictions?: Record<PredictedSplit, SplitPredictions>;
}

async function evaluate(
  training: TrainingRequest,
  { pictures: bySplit, isTrial }: StageRequest,
  { examples }: OpenedExamples,
): Promise<Evaluation> {
  const judge = async (split: Split): Promise<SplitResult> =>
    judgePredictions(await predictExamples(training, examples[split]), training.judging);
  if (isTrial) return { metrics: { train: await judge('train'), validation: await judge('validation') } };
  const measure = async (split: PredictedSplit): Promise<{ metrics: SplitResult; predictions: SplitPredictions }> => {
    const predictions = await predictExamples(training, examples[split]);
    const sources = bySplit[split].map((picture) => picture.sources);
    const random = training.random.fork(`bootstrap ${split}`);
    const intervals = bootstrapIntervals(predictions, sources, { ...training.judging, random });
    const pictures = bySplit[split].map(({ filename }) => filename);
    return {
      metrics: { ...judgePredictions(predictions, training.judging), intervals, ...curvesByClass(predictions) },
      predictions: { ...predictions, pictures, sha256: bySplit[split].map((picture) => picture.sha256), sources },
    };
  };
  const train = await judge('train');
  const validation = await measure('validation');
  const test = await measure('test');
  return {
    metrics: { train, validation: validation.metrics, test: test.metrics },
    predictions: { validation: validation.predictions, test: test.predictions },
  };
}
