import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { TensorFlowEngine } from '../engine';
import { type MultilabelMetrics, multilabelMetrics, type Predictions } from '../metrics';
import type { Graph } from '../models';
import type { OnProgress } from '../progress';
import type { Random } from '../random';
import type { Activations } from './activations';
import { TrainingDiverged } from './errors';
import { adam, type Optimizer } from './optimizer';
import { Tail } from './tail';

/** Pictures to learn from or to measure on. A picture may stand in it more than once. */
export interface Examples {
  /** Rows in the activations. */
  readonly rows: readonly number[];
  /** Shape [rows, classes], 0 or 1. */
  readonly labels: Uint8Array;
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
  readonly train: Examples;
  readonly validation: Examples;
  readonly stage: { readonly name: string; readonly learningRate: number; readonly epochs: number };
  /** Weight in the loss of a picture of no class. */
  readonly negativeWeight: number;
  /** Decision threshold of the metrics. */
  readonly threshold: number;
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
  readonly train: { readonly loss: number; readonly binaryAccuracy: number; readonly auc: number | null };
  readonly validation: MultilabelMetrics;
}

export interface TrainingResult {
  /** The tail with the best weights. */
  readonly tail: Graph;
  /** The epoch they are of. */
  readonly bestEpoch: number;
  readonly interrupted: boolean;
}

/**
 * Trains the tail of a model with Adam on weighted binary cross-entropy, epoch by epoch, and stops early. All that is frozen has been
 * computed before: a step reads its activations and goes forward and back through the tail.
 *
 * @throws TRAINING_DIVERGED
 */
export async function trainTail(request: TrainingRequest): Promise<TrainingResult> {
  const { engine, tail: graph, train, validation, stage, batchSize, random, patience } = request;
  const tail = new Tail(engine, graph);
  const optimizer = adam(engine, tail.variables, stage.learningRate);
  let best = graph;
  let bestEpoch = 0;
  let lowestLoss = Number.POSITIVE_INFINITY;
  let seenPictures = 0;
  let validationNews: string[] = [];
  try {
    for (let epoch = 1; epoch <= stage.epochs; epoch++) {
      const start = performance.now();
      const order = random.shuffle([...train.rows.keys()]);
      const seen = emptyPredictions(request.classes, train);
      let lossSum = 0;
      for (let first = 0; first < order.length; first += batchSize) {
        if (request.signal?.aborted) {
          if (bestEpoch === 0) request.signal.throwIfAborted(); // there is nothing worth keeping
          return { tail: best, bestEpoch, interrupted: true };
        }
        const members = order.slice(first, first + batchSize);
        const { loss, probabilities } = await step(request, tail, optimizer, members);
        if (!Number.isFinite(loss)) throw TrainingDiverged(stage.name, epoch);
        lossSum += loss * members.length;
        for (const [position, member] of members.entries())
          copyRow(probabilities, position, seen.probabilities, member, request.classes.length);
        seenPictures += members.length;
        const news = [`epoch ${epoch}/${stage.epochs}`, `loss ${(lossSum / (first + members.length)).toFixed(4)}`, ...validationNews];
        request.onProgress?.({ label: stage.name, done: seenPictures, total: stage.epochs * order.length, note: news.join(' · ') });
      }
      const trained = multilabelMetrics(seen, request);
      const validated = multilabelMetrics(await predictTail(request, tail, validation), request);
      validationNews = [`validation loss ${validated.loss.toFixed(4)}`, `AUC ${validated.auc?.toFixed(4) ?? 'none'}`];
      const isBest = patience === null || validated.loss < lowestLoss;
      if (isBest) {
        best = tail.trained();
        bestEpoch = epoch;
        lowestLoss = validated.loss;
      }
      const { binaryAccuracy, auc } = trained;
      const seconds = (performance.now() - start) / 1000;
      await request.onEpoch?.(
        { epoch, seconds, train: { loss: lossSum / order.length, binaryAccuracy, auc }, validation: validated },
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

/** One step of Adam on the examples `members`. The probabilities are those before the step, with dropout, as Keras reports them. */
async function step(request: TrainingRequest, tail: Tail, optimizer: Optimizer, members: readonly number[]): Promise<StepResult> {
  const { tf } = request.engine;
  const { labels, weights } = targets(request, members);
  const rows = members.map((member) => request.train.rows[member]!);
  const [loss, probabilities] = tf.tidy((): [Scalar, Tensor2D] => {
    const inputs = readInputs(request, rows);
    let logits: Tensor2D | undefined;
    const { value, grads } = tf.variableGrads(() => {
      logits = tf.keep(tail.logits(inputs, request.random));
      return crossEntropy(logits, tf.tensor2d(labels, logits.shape), tf.tensor1d(weights));
    }, tail.variables);
    optimizer.applyGradients(grads);
    const given = logits!.sigmoid() as Tensor2D;
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

function targets(
  { train, classes, negativeWeight }: TrainingRequest,
  members: readonly number[],
): { labels: Float32Array; weights: Float32Array } {
  const labels = new Float32Array(members.length * classes.length);
  for (const [position, member] of members.entries()) copyRow(train.labels, member, labels, position, classes.length);
  const weights = Float32Array.from(members, (_, position) => {
    const row = labels.subarray(position * classes.length, (position + 1) * classes.length);
    return row.some((label) => label === 1) ? 1 : negativeWeight;
  });
  return { labels, weights };
}

function readInputs({ engine, tail, activations }: TailContext, rows: readonly number[]): Map<string, Tensor> {
  return new Map(tail.inputs.map(({ name, shape }) => [name, engine.tf.tensor(activations.read(name, rows), [rows.length, ...shape])]));
}

async function predictTail(request: TailContext, tail: Tail, examples: Examples): Promise<Predictions> {
  const { tf } = request.engine;
  const predictions = emptyPredictions(request.classes, examples);
  for (let first = 0; first < examples.rows.length; first += request.batchSize) {
    const rows = examples.rows.slice(first, first + request.batchSize);
    const probabilities = tf.tidy(() => tail.logits(readInputs(request, rows)).sigmoid());
    predictions.probabilities.set(await probabilities.data(), first * request.classes.length);
    probabilities.dispose();
  }
  return predictions;
}

function emptyPredictions(classes: readonly string[], { rows, labels }: Examples): Predictions {
  return { classes, count: rows.length, labels, probabilities: new Float32Array(rows.length * classes.length) };
}

/** Copies row `source` of one matrix to row `target` of another. */
function copyRow(from: ArrayLike<number>, source: number, to: Float32Array, target: number, width: number): void {
  for (let column = 0; column < width; column++) to[target * width + column] = from[source * width + column]!;
}
