import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import { sha256 } from '../files';
import type { ModelCard } from '../models';
import type { ActivationMap, Prediction } from '../prediction';
import { Busy, Stopping } from './pictureErrors';
import { describeServing, ServedModels, type ServedModelsOptions } from './servedModels';
import { checkPicture } from './uploads';

/** What answers predictions of one task. */
export interface Inference {
  state(): InferenceState;
  /**
   * Predicts a picture that anybody may have sent.
   *
   * @param content an image file's bytes
   * @throws NO_MODEL, MODEL_UNAVAILABLE, BUSY, STOPPING (503); NOT_A_PICTURE (415), PICTURE_TOO_LARGE (413), UNREADABLE_PICTURE (422)
   */
  predict(content: Uint8Array, options?: { readonly withMap?: boolean }): Promise<Answer>;
  /**
   * Follows `current.json`, as happens by itself within a second. Never fails: where its model cannot be loaded, the one before goes on, and
   * `state().problem` says why.
   */
  refresh(): Promise<void>;
  /** Answers what is under way, then releases the models. */
  close(): Promise<void>;
}

/** What serves now. */
export interface InferenceState {
  readonly run?: string;
  readonly card?: ModelCard;
  readonly trial?: { readonly run: string; readonly share: number };
  /** Pictures that wait. */
  readonly queued: number;
  /** Why what should serve does not. */
  readonly problem?: string;
}

/** What a model said of a picture. */
export interface Answer {
  /** Of the model that answered: during a trial, either. */
  readonly card: ModelCard;
  readonly prediction: Prediction;
  readonly map?: ActivationMap;
  /** Of the picture's bytes. */
  readonly sha256: string;
  /** Decoding and the model, without waiting in the queue. */
  readonly milliseconds: number;
  /** In a trial, where the second model answered: what the first says. */
  readonly other?: { readonly run: string; readonly probabilities: readonly number[]; readonly agrees: boolean };
}

export interface InferenceOptions extends Omit<ServedModelsOptions, 'maximumPixels'> {
  /** Pictures that are decoded and predicted at once. */
  readonly concurrency?: number;
  /** Pictures that may wait; one more is turned away. */
  readonly maxQueued?: number;
  /** A picture with more pixels is turned away. */
  readonly maximumPixels?: number;
}

/**
 * Pictures with more pixels are decoded one at a time, and the small ones pass them by: an interlaced PNG or a progressive JPEG is in memory as
 * a whole, 130 MB at 40 million pixels.
 */
const largePixels = 8e6;

/**
 * Loads what a task serves, if there is anything yet, and keeps up with it.
 *
 * ONNX Runtime runs one picture at a time, on Node's main thread, while the next ones are decoded on Node's thread pool: so it gets half of the
 * cores. With all of them, its threads wait for each other by spinning as soon as anything else computes, a retraining or a decoder: 23 ms of
 * processor time a prediction instead of 13, and half the throughput (two busy cores, 8 clients). Batches would be no faster: MobileNetV2 takes
 * 3.4 ms alone, and 3.9 ms a picture in a batch of 32.
 */
export async function openInference({
  concurrency = 4,
  maxQueued = 128,
  maximumPixels = 40e6,
  ...options
}: InferenceOptions): Promise<Inference> {
  const models = new ServedModels({ ...options, maximumPixels });
  const limit = pLimit(concurrency);
  const oneLarge = pLimit(1);
  const underWay = new Set<Promise<Answer>>();
  let isClosed = false;
  await models.refresh();

  async function answer(content: Uint8Array, withMap: boolean): Promise<Answer> {
    const began = performance.now();
    const digest = sha256(content);
    const { main, trial } = models.serving;
    const isTried = trial !== undefined && isInShare(digest, trial.share);
    const slot = isTried ? trial.slot : main;
    const predicting = slot.use(async (predictor) => {
      if (!withMap) return { prediction: (await predictor.predict([content]))[0]! };
      const { map, ...prediction } = await predictor.predictWithMap(content);
      return { prediction, map };
    });
    const comparing = isTried ? main.use(async (predictor) => (await predictor.predict([content]))[0]!) : undefined;
    const [answered, first] = await Promise.all([predicting, comparing]);
    return {
      card: slot.card,
      ...answered,
      sha256: digest,
      milliseconds: performance.now() - began,
      ...(first && {
        other: {
          run: main.card.runId,
          probabilities: first.probabilities,
          agrees: isDeepStrictEqual(first.decision, answered.prediction.decision),
        },
      }),
    };
  }

  async function checkedAnswer(content: Uint8Array, withMap: boolean): Promise<Answer> {
    const { width, height } = await checkPicture(content, { maximumPixels });
    const inTurn = (): Promise<Answer> => limit(answer, content, withMap);
    return width * height > largePixels ? oneLarge(inTurn) : inTurn();
  }

  return {
    state: () => {
      const { current, problem } = models;
      return {
        ...describeServing(current),
        ...(current && { card: current.main.card }),
        queued: limit.pendingCount + oneLarge.pendingCount,
        ...(problem && { problem }),
      };
    },
    predict: async (content, { withMap = false } = {}) => {
      if (isClosed) throw Stopping();
      void models.serving; // throws before anything is queued
      if (underWay.size >= concurrency + maxQueued) throw Busy();
      const answering = checkedAnswer(content, withMap);
      underWay.add(answering);
      try {
        return await answering;
      } finally {
        underWay.delete(answering);
      }
    },
    refresh: () => models.refresh(),
    close: async () => {
      isClosed = true;
      await Promise.allSettled(underWay);
      await models.close();
    },
  };
}

/** Whether a picture is among a share of all: the same picture always is, or never. */
function isInShare(digest: string, share: number): boolean {
  return Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32 < share;
}
