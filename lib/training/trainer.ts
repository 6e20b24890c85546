import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { TensorFlowEngine } from '../engine';
import type { EpochRecord } from '../experiments';
import { type Judging, judgePredictions, type Predictions, type SplitMetrics } from '../metrics';
import type { Graph } from '../models';
import type { OnProgress } from '../progress';
import type { Random } from '../random';
import type { Plateau } from '../tasks';
import type { Activations } from './activations';
import { TrainingDiverged } from './errors';
import { adam, type Optimizer } from './optimizer';
import { reduceOnPlateau } from './plateau';
import { Tail } from './tail';

/** Pictures to learn from or to measure on. A picture may stand in it more than once. */
export interface Examples {
  /** Rows in the activations. */
  readonly rows: readonly number[];
  /** Shape [rows, classes], 0 or 1. */
  readonly labels: Uint8Array;
}

/** Pictures to learn from. */
export interface TrainingExamples extends Examples {
  /** For each example the rows of its views, one of which is drawn in every epoch; without it there is only `rows`. */
  readonly views?: readonly (readonly number[])[];
}

/** What running a tail takes. */
export interface TailContext {
  readonly engine: TensorFlowEngine;
  /** The trainable part, from `cutGraph`. */
  readonly tail: Graph;
  readonly activations: Activations;
  readonly classes: readonly string[];
  readonly batchSize: number;
}

/** What a stage of training is given. */
export interface TrainingRequest extends TailContext {
  readonly train: TrainingExamples;
  readonly validation: Examples;
  readonly stage: { readonly name: string; readonly learningRate: number; readonly epochs: number };
  /** Decides the loss and the metrics. */
  readonly judging: Judging;
  /** Lowers the learning rate; without it the stage's stays. */
  readonly plateau?: Plateau;
  /**
   * Epochs without a lower validation loss before training stops; the weights of the lowest one are kept. Null trains all epochs and keeps the
   * last weights.
   */
  readonly patience: number | null;
  readonly random: Random;
  /** Stops after the batch at hand; the best weights so far are kept. Before the first epoch ends there are none, and the signal's reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Called after each epoch; `best` is the tail whose weights are the best so far, or undefined when this epoch was no better. */
  readonly onEpoch?: (epoch: EpochResult, best: Graph | undefined) => Promise<void>;
}

export interface EpochResult {
  readonly epoch: number;
  readonly seconds: number;
  /** That the epoch was trained with. */
  readonly learningRate: number;
  readonly train: EpochRecord['train'];
  readonly validation: SplitMetrics;
}

export interface TrainingResult {
  /** The tail with the best weights. */
  readonly tail: Graph;
  /** The epoch they are of. */
  readonly bestEpoch: number;
  readonly interrupted: boolean;
}

/**
 * Trains the tail of a model with Adam, epoch by epoch, and stops early: on weighted binary cross-entropy, or where a picture has exactly one class, on
 * sparse categorical cross-entropy. All that is frozen has been computed before: a step reads its activations and goes forward and back
 * through the tail.
 *
 * @throws TRAINING_DIVERGED
 */
export async function trainTail(request: TrainingRequest): Promise<TrainingResult> {
  const { engine, tail: graph, train, validation, stage, batchSize, random, patience, plateau, judging } = request;
  const tail = new Tail(engine, graph);
  const optimizer = adam(engine, tail.variables, stage.learningRate);
  const nextRate = plateau && reduceOnPlateau(plateau, stage.learningRate);
  let best = graph;
  let bestEpoch = 0;
  let lowestLoss = Number.POSITIVE_INFINITY;
  let seenPictures = 0;
  let validationNews: string[] = [];
  try {
    for (let epoch = 1; epoch <= stage.epochs; epoch++) {
      const start = performance.now();
      const order = random.shuffle([...train.rows.keys()]);
      const rows = train.views ? train.views.map((views) => random.pick(views)) : train.rows;
      const seen = emptyPredictions(request.classes, train);
      let lossSum = 0;
      for (let first = 0; first < order.length; first += batchSize) {
        if (request.signal?.aborted) {
          if (bestEpoch === 0) request.signal.throwIfAborted(); // there is nothing worth keeping
          return { tail: best, bestEpoch, interrupted: true };
        }
        const members = order.slice(first, first + batchSize);
        const { loss, probabilities } = await step(request, tail, optimizer, { rows, members });
        if (!Number.isFinite(loss)) throw TrainingDiverged(stage.name, epoch);
        lossSum += loss * members.length;
        for (const [position, member] of members.entries())
          copyRow(probabilities, position, seen.probabilities, member, request.classes.length);
        seenPictures += members.length;
        const news = [`epoch ${epoch}/${stage.epochs}`, `loss ${(lossSum / (first + members.length)).toFixed(4)}`, ...validationNews];
        request.onProgress?.({ label: stage.name, done: seenPictures, total: stage.epochs * order.length, note: news.join(' · ') });
      }
      const trained = judgePredictions(seen, judging);
      const validated = judgePredictions(await predictTail(request, tail, validation), judging);
      validationNews = [`validation loss ${validated.loss.toFixed(4)}`, newsOf(validated)];
      const isBest = patience === null || validated.loss < lowestLoss;
      if (isBest) {
        best = tail.trained();
        bestEpoch = epoch;
        lowestLoss = validated.loss;
      }
      const { learningRate } = optimizer;
      if (nextRate) optimizer.learningRate = nextRate(validated.loss);
      const seconds = (performance.now() - start) / 1000;
      await request.onEpoch?.(
        { epoch, seconds, learningRate, train: { ...epochMetrics(trained), loss: lossSum / order.length }, validation: validated },
        isBest ? best : undefined,
      );
      if (patience !== null && epoch - bestEpoch >= patience) break;
    }
    return { tail: best, bestEpoch, interrupted: false };
  } finally {
    tail.dispose();
    optimizer.dispose();
  }
}

/** What of a split's metrics an epoch is told by. */
export function epochMetrics({ loss, auc, binaryAccuracy, accuracy }: SplitMetrics): EpochRecord['train'] {
  return { loss, auc, ...(binaryAccuracy !== undefined && { binaryAccuracy }), ...(accuracy !== undefined && { accuracy }) };
}

function newsOf({ accuracy, auc }: SplitMetrics): string {
  return accuracy === undefined ? `AUC ${auc?.toFixed(4) ?? 'none'}` : `accuracy ${accuracy.toFixed(4)}`;
}

/** Probabilities that a tail gives for examples, with their labels. */
export async function predictExamples(request: TailContext, examples: Examples): Promise<Predictions> {
  const tail = new Tail(request.engine, request.tail);
  try {
    return await predictTail(request, tail, examples);
  } finally {
    tail.dispose();
  }
}

interface StepResult {
  readonly loss: number;
  readonly probabilities: Float32Array;
}

/** Some of the training examples, and where each example's activations are in this epoch. */
interface Batch {
  readonly rows: readonly number[];
  readonly members: readonly number[];
}

/** One step of Adam. The probabilities are those before the step, with dropout, as Keras reports them. */
async function step(request: TrainingRequest, tail: Tail, optimizer: Optimizer, { rows: all, members }: Batch): Promise<StepResult> {
  const { tf } = request.engine;
  const { judging } = request;
  const labels = targets(request, members);
  const rows = members.map((member) => all[member]!);
  const [loss, probabilities] = tf.tidy((): [Scalar, Tensor2D] => {
    const inputs = readInputs(request, rows);
    let logits: Tensor2D | undefined;
    const { value, grads } = tf.variableGrads(() => {
      logits = tf.keep(tail.logits(inputs, request.random));
      const wanted = tf.tensor2d(labels, logits.shape);
      if (judging.kind === 'multiclass') return categoricalCrossEntropy(logits, wanted);
      return crossEntropy(logits, wanted, tf.tensor1d(weightsOf(labels, logits.shape[1], judging.negativeWeight)));
    }, tail.variables);
    optimizer.applyGradients(grads);
    const given = tail.probabilities(logits!);
    logits!.dispose();
    return [value, given];
  });
  const [[lossValue], values] = await Promise.all([loss.data(), probabilities.data()]);
  tf.dispose([loss, probabilities]);
  return { loss: lossValue!, probabilities: values as Float32Array };
}

/** Binary cross-entropy from logits: mean over classes, then over the batch, each picture times its weight, as Keras' `sample_weight` does. */
export function crossEntropy(logits: Tensor2D, labels: Tensor2D, weights: Tensor1D): Scalar {
  const perLabel = logits.relu().sub(logits.mul(labels)).add(logits.abs().neg().exp().log1p());
  return perLabel.mean(1).mul(weights).mean();
}

/** Categorical cross-entropy from logits, the mean over the batch: of labels of exactly one class, Keras' `SparseCategoricalCrossentropy`. */
export function categoricalCrossEntropy(logits: Tensor2D, labels: Tensor2D): Scalar {
  return logits.logSoftmax().mul(labels).sum(1).neg().mean();
}

function targets({ train, classes }: TrainingRequest, members: readonly number[]): Float32Array {
  const labels = new Float32Array(members.length * classes.length);
  for (const [position, member] of members.entries()) copyRow(train.labels, member, labels, position, classes.length);
  return labels;
}

/** How much each picture of a batch weighs in the loss. */
function weightsOf(labels: Float32Array, width: number, negativeWeight: number): Float32Array {
  return Float32Array.from({ length: labels.length / width }, (_, position) => {
    const row = labels.subarray(position * width, (position + 1) * width);
    return row.some((label) => label === 1) ? 1 : negativeWeight;
  });
}

function readInputs({ engine, tail, activations }: TailContext, rows: readonly number[]): Map<string, Tensor> {
  return new Map(tail.inputs.map(({ name, shape }) => [name, engine.tf.tensor(activations.read(name, rows), [rows.length, ...shape])]));
}

/** An example that stands there more than once, as balancing makes it, is computed once. */
async function predictTail(request: TailContext, tail: Tail, examples: Examples): Promise<Predictions> {
  const { tf } = request.engine;
  const { classes, batchSize } = request;
  const distinct = [...new Set(examples.rows)];
  const computed = new Float32Array(distinct.length * classes.length);
  for (let first = 0; first < distinct.length; first += batchSize) {
    const inputs = distinct.slice(first, first + batchSize);
    const probabilities = tf.tidy(() => tail.probabilities(tail.logits(readInputs(request, inputs))));
    computed.set(await probabilities.data(), first * classes.length);
    probabilities.dispose();
  }
  const predictions = emptyPredictions(classes, examples);
  const placeOf = new Map(distinct.map((row, place) => [row, place]));
  for (const [index, row] of examples.rows.entries())
    copyRow(computed, placeOf.get(row)!, predictions.probabilities, index, classes.length);
  return predictions;
}

function emptyPredictions(classes: readonly string[], { rows, labels }: Examples): Predictions {
  return { classes, count: rows.length, labels, probabilities: new Float32Array(rows.length * classes.length) };
}

/** Copies row `source` of one matrix to row `target` of another. */
function copyRow(from: ArrayLike<number>, source: number, to: Float32Array, target: number, width: number): void {
  for (let column = 0; column < width; column++) to[target * width + column] = from[source * width + column]!;
}
