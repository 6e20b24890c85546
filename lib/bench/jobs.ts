import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { chooseData, decodePicture, mapOnCores, picturesBySplit, prepareDataset, readDataset } from '../data';
import { loadTensorFlow } from '../engine';
import { peakMemoryMiB } from '../experiments';
import {
  assignWeights,
  buildClassifier,
  findModel,
  findVariant,
  findWeights,
  kerasArchive,
  preprocessings,
  trainableLayers,
} from '../models';
import { exportModel, measureLatency, openPredictor, predictFiles } from '../prediction';
import type { OnProgress } from '../progress';
import { findTask, settingsFor } from '../tasks';
import { medianMs, timed } from '../timing';
import { balancePictures, clearStore, judgingOf, trainTask } from '../training';
import { openWorkspace } from '../workspace';
import type { JobName, JobRequest, JobResult } from './jobResults';

type Job<Name extends JobName, More = object> = (request: JobRequest & More, onProgress: OnProgress) => Promise<JobResult<Name>>;

const prepare: Job<'prepare', { source: string; sourceName: string }> = async (
  { task: name, settings, source, sourceName },
  onProgress,
) => {
  const task = findTask(name);
  const workspace = openWorkspace();
  const chosen = { ...(await chooseData(workspace, task, source)), name: sourceName };
  const { counts } = await prepareDataset({ workspace, task, source: chosen, settings: settingsFor(task, chosen, settings), onProgress });
  return { counts };
};

/** The model that training starts from and the pictures, as files that Keras reads: so both learn the same. */
const start: Job<'start', { folder: string }> = async ({ task: name, settings: overrides, weightsFile, folder }) => {
  const task = findTask(name);
  const workspace = openWorkspace();
  const dataset = await readDataset(workspace, task);
  const settings = settingsFor(task, dataset.card, overrides);
  const { tf, backend } = await loadTensorFlow();
  const official = { imageSize: task.imageSize, folder: workspace.weights };
  const places = { ...workspace, official, ...(weightsFile && { file: weightsFile }) };
  const found = await findWeights(settings.backbone, task.backbone, places);
  const classifier = buildClassifier(tf, { ...task, ...settings, backbone: found.backbone }, settings.seed);
  assignWeights(tf, classifier.backbone, await found.read(tf), found.name);
  const model = path.join(folder, 'start.keras');
  await writeFile(model, await kerasArchive(classifier));
  const all = picturesBySplit(dataset);
  const splits = { ...all, train: balancePictures(all.train, task, settings) };
  const fileOf = new Map(
    await mapOnCores(dataset.pictures, async ({ path: file, sha256 }) => {
      return [file, await fittedFile(file, task.imageSize, path.join(folder, `${sha256}.png`))] as const;
    }),
  );
  const pictures = path.join(folder, 'pictures.json');
  const listed = Object.entries(splits).map(([split, members]) => [
    split,
    members.map(({ path: file, labels }) => ({ path: fileOf.get(file), labels })),
  ]);
  await writeFile(pictures, JSON.stringify(Object.fromEntries(listed)));
  return {
    model,
    pictures,
    preprocessing: preprocessings[found.backbone.name],
    stages: settings.stages.map((stage) => ({ ...stage, trainable: [...trainableLayers(classifier, stage.trainableLayers)] })),
    examples: splits.train.length,
    batchSize: settings.batchSize,
    seed: settings.seed,
    judging: judgingOf(task, settings),
    classes: task.classes.map((one) => one.name),
    testLabels: splits.test.flatMap(({ labels }) => labels),
    testFiles: splits.test.map(({ path: file }) => file),
    weights: found.origin,
    backbone: found.backbone.name,
    backend,
  };
};

/** A picture's file, or where it has another size, one with the pixels that training sees. */
async function fittedFile(file: string, side: number, otherwise: string): Promise<string> {
  const { width, height } = await sharp(file).metadata();
  if (width === side && height === side) return file;
  const pixels = await decodePicture(file, side);
  await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toFile(otherwise);
  return otherwise;
}

/** Trains as `npm run train` does: records, saved models and intervals included. */
const recipe: Job<'recipe', { cold: boolean }> = async ({ task: name, settings, weightsFile, cold }, onProgress) => {
  const workspace = openWorkspace();
  if (cold) await clearStore(workspace.activations);
  await loadTensorFlow(); // loading libraries is not counted, here or in Keras
  const began = performance.now();
  const { runs, current } = await trainTask({
    workspace,
    task: findTask(name),
    overrides: settings,
    onProgress,
    ...(weightsFile && { weightsFile }),
  });
  const seconds = (performance.now() - began) / 1000;
  const chosen = runs.find((run) => run.id === current)!;
  const pictures = Object.values(chosen.data.counts).reduce((sum, pictureCount) => sum + pictureCount, 0);
  const test = chosen.metrics.test!;
  const phases = runs.flatMap((run) =>
    Object.entries(run.timings).map(([phase, time]): [string, number] => [`${run.stage}: ${phase}`, time]),
  );
  return {
    seconds,
    featuresPerSecond: pictures / runs[0]!.timings['frozen layers']!,
    phases: Object.fromEntries(phases),
    epochSeconds: Object.fromEntries(runs.map((run) => [run.stage, run.epochs.map((epoch) => epoch.seconds)])),
    current,
    auc: test.auc,
    exactMatch: test.exactMatch,
    accuracy: test.accuracy,
    peakMemoryMiB: peakMemoryMiB(),
  };
};

const exportInt8: Job<'export'> = async ({ task: name }, onProgress) => {
  const { files } = await exportModel({ workspace: openWorkspace(), task: findTask(name), variants: ['int8'], onProgress });
  const [float32, int8] = files;
  const { auc: aucInt8, accuracy: accuracyInt8 } = int8!.loss!.after;
  return { aucInt8, accuracyInt8, bytes: { float32: float32!.bytes, int8: int8!.bytes } };
};

/** From a JPEG to a decision, a folder, and the model alone in both forms, all warm. */
const inference: Job<'inference', { predictions: number }> = async ({ task, predictions }, onProgress) => {
  const workspace = openWorkspace();
  const { card } = await findModel(workspace, task);
  const dataset = await readDataset(workspace, findTask(task));
  const files = picturesBySplit(dataset).test.map((picture) => picture.path);
  const watch = (name: string) => (done: number) => onProgress({ label: name, done, total: predictions });

  const predictor = await openPredictor(workspace, task);
  const predict = (index: number) => predictor.predict([files[index % files.length]!]);
  const predictMs = await medianMs(predict, predictions, watch('JPEG to decision'));
  const seconds = (await timed(() => predictFiles(predictor, files))) / 1000;
  await predictor.release();

  const alone = (variant: 'float32' | 'int8'): Promise<number> =>
    measureLatency(findVariant(workspace, card, variant), card.imageSize, { predictions, onProgress });
  // One after the other: the threads of a session that has just run wait for more work, and would hold up another one's.
  return { predictMs, modelMs: await alone('float32'), int8Ms: await alone('int8'), picturesPerSecond: files.length / seconds };
};

/** What the bench runs in processes of their own. */
export const jobs = { prepare, start, recipe, export: exportInt8, inference };
