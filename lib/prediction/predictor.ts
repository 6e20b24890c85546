import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { glob } from 'tinyglobby';
import { decodePicture, isPictureName } from '../data';
import { BadOnnxModel, type Outputs, openOnnx } from '../engine';
import { type ClassifierHead, findModel, findVariant, type ModelCard, type ModelVariant, readHead, withOutput } from '../models';
import type { OnProgress } from '../progress';
import type { Workspace } from '../workspace';
import { type Decision, decide, uncalibrated } from './decision';
import { NoMaps, NothingToPredict } from './errors';
import { type ActivationMap, activationMap } from './maps';
import { atTemperature } from './temperature';

/** What a model says of one picture. */
export interface Prediction {
  /** One for each class, in the card's order; at the card's temperature, where it has one. */
  readonly probabilities: readonly number[];
  readonly decision: Decision;
}

/** A prediction for a file, or why there is none. */
export type FilePrediction = { readonly file: string } & (Prediction | { readonly error: string });

/** A loaded model. `release` it when done. */
export interface Predictor {
  readonly card: ModelCard;
  /** Predicts pictures given as file names or as the bytes of image files. @throws UNREADABLE_PICTURE */
  predict(pictures: readonly (string | Uint8Array)[]): Promise<Prediction[]>;
  /** Predicts one picture and shows where the model looked. @throws UNREADABLE_PICTURE; NO_MAPS unless it was opened `withMaps` */
  predictWithMap(picture: string | Uint8Array): Promise<Prediction & { readonly map: ActivationMap }>;
  release(): Promise<void>;
}

/** Which model to load. */
export interface PredictorOptions {
  /** A run's model instead of the current one. */
  readonly run?: string;
  /** A form that `exportModel` made, instead of the model as it was trained. */
  readonly variant?: ModelVariant;
  readonly threads?: number;
  /** Allows `predictWithMap`; only a float32 model can. */
  readonly withMaps?: boolean;
  /** A picture with more pixels is refused: as `decodePicture` does by default. */
  readonly maximumPixels?: number;
  /** False leaves out what a calibration found: probabilities and decisions are those of the model as it was trained. */
  readonly calibrated?: boolean;
}

/**
 * Loads a task's model into ONNX Runtime.
 *
 * @throws NO_MODEL, NO_VARIANT, UNREADABLE_MODEL, BAD_ONNX_MODEL; with maps also NO_MAPS, UNSUPPORTED_HEAD
 */
export async function openPredictor(
  workspace: Workspace,
  task: string,
  { run, variant = 'float32', threads, withMaps = false, calibrated = true, ...decoding }: PredictorOptions = {},
): Promise<Predictor> {
  const { card: found } = await findModel(workspace, task, run);
  const card = calibrated ? found : { ...found, decision: uncalibrated(found.decision) };
  if (withMaps && variant !== 'float32') throw NoMaps(card.runId, `only the float32 model can, not ${variant}`);
  const file = findVariant(workspace, card, variant);
  const { content, head } = withMaps ? await readWithHead(file) : { content: file, head: undefined };
  const model = await openOnnx(content, { name: file, ...(threads !== undefined && { threads }) });
  const { imageSize: size, classes, decision, kind } = card;

  async function infer(pictures: readonly (string | Uint8Array)[], outputs: readonly string[]): Promise<Outputs> {
    const decoded = await Promise.all(pictures.map((picture) => decodePicture(picture, size, decoding)));
    return model.run({ image: { data: Buffer.concat(decoded), shape: [pictures.length, size, size, 3] } }, outputs);
  }
  function predictionAt(probabilities: Float32Array, index: number): Prediction {
    const given = probabilities.subarray(index * classes.length, (index + 1) * classes.length);
    const row = Array.from(decision.temperature === undefined ? given : atTemperature(given, decision.temperature, classes.length, kind));
    return { probabilities: row, decision: decide(row, classes, decision, kind) };
  }
  return {
    card,
    predict: async (pictures) => {
      const { probabilities } = await infer(pictures, ['probabilities']);
      return pictures.map((_, index) => predictionAt(probabilities as Float32Array, index));
    },
    predictWithMap: async (picture) => {
      if (!head) throw NoMaps(card.runId, 'it was loaded without them');
      const outputs = await infer([picture], ['probabilities', head.features]);
      const map = activationMap(head.layers, outputs[head.features] as Float32Array);
      return { ...predictionAt(outputs.probabilities as Float32Array, 0), map };
    },
    release: model.release,
  };
}

/** A model that also gives what its head averages, and that head. */
async function readWithHead(file: string): Promise<{ content: Uint8Array; head: ClassifierHead }> {
  const content = await readFile(file).catch((error: Error) => {
    throw BadOnnxModel(file, error.message);
  });
  const head = readHead(content, file);
  return { content: withOutput(content, head.features), head };
}

/** More pictures at once are no faster, and need more memory. */
const batchSize = 16;

/**
 * Probabilities for many files, to measure a model with: shape [files, classes].
 *
 * @throws UNREADABLE_PICTURE
 */
export async function predictMatrix(predictor: Predictor, files: readonly string[], onProgress?: OnProgress): Promise<Float32Array> {
  const width = predictor.card.classes.length;
  const matrix = new Float32Array(files.length * width);
  for (let first = 0; first < files.length; first += batchSize) {
    const predictions = await predictor.predict(files.slice(first, first + batchSize));
    for (const [index, { probabilities }] of predictions.entries()) matrix.set(probabilities, (first + index) * width);
    onProgress?.({ label: 'predictions', done: first + predictions.length, total: files.length });
  }
  return matrix;
}

/** Predicts files in their order. One that cannot be read is reported in its place, and the others go on. */
export async function predictFiles(predictor: Predictor, files: readonly string[], onProgress?: OnProgress): Promise<FilePrediction[]> {
  const results: FilePrediction[] = [];
  for (let first = 0; first < files.length; first += batchSize) {
    const batch = files.slice(first, first + batchSize);
    results.push(...(await predictBatch(predictor, batch)));
    onProgress?.({ label: 'predictions', done: results.length, total: files.length });
  }
  return results;
}

async function predictBatch(predictor: Predictor, files: readonly string[]): Promise<FilePrediction[]> {
  try {
    const predictions = await predictor.predict(files);
    return files.map((file, index) => ({ file, ...predictions[index]! }));
  } catch (error) {
    if (files.length === 1) return [{ file: files[0]!, error: (error as Error).message }];
    const oneByOne = await Promise.all(files.map((file) => predictBatch(predictor, [file])));
    return oneByOne.flat();
  }
}

/**
 * The pictures that files, folders (with all below them) and globs name, sorted and each once. A name that nothing answers to stays among
 * them, so that the prediction says so in its place.
 *
 * @param cwd what relative names are relative to
 * @throws NOTHING_TO_PREDICT when none of the names leads to a picture
 */
export async function findPictures(patterns: readonly string[], cwd = process.cwd()): Promise<string[]> {
  const found = await Promise.all(patterns.map((pattern) => expand(pattern, cwd)));
  if (found.every(({ files }) => files.length === 0)) throw NothingToPredict(patterns);
  return [...new Set(found.flatMap(({ files, missing }) => [...files, ...missing]))].sort();
}

interface Expansion {
  readonly files: readonly string[];
  readonly missing: readonly string[];
}

async function expand(pattern: string, cwd: string): Promise<Expansion> {
  const named = path.resolve(cwd, pattern);
  const kind = await stat(named).catch(() => undefined);
  if (kind?.isFile()) return { files: [named], missing: [] };
  const options = { cwd: kind ? named : cwd, absolute: true, caseSensitiveMatch: false };
  const matches = await glob([kind ? '**/*' : pattern], options);
  const files = matches.filter(isPictureName);
  return { files, missing: kind || files.length > 0 ? [] : [named] };
}
