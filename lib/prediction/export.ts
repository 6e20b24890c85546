import { readFile } from 'node:fs/promises';
import { writeModelCard } from '../cards';
import { type Dataset, decodePicture, type LabelledPicture, labelMatrix, mapOnCores, picturesBySplit, readDataset, spread } from '../data';
import { isErrorOf } from '../errors';
import { describeHardware } from '../experiments';
import { sha256, writeAtomic, writeJson } from '../files';
import { type Judging, judgePredictions, type SplitMetrics } from '../metrics';
import {
  type CalibrationMethod,
  exportReportFile,
  findModel,
  findVariant,
  halveWeights,
  type ModelCard,
  type ModelVariant,
  modelMetadata,
  quantise,
  variantFile,
  type WeightBits,
  withMetadata,
} from '../models';
import type { OnProgress } from '../progress';
import type { Task } from '../tasks';
import { threadCount } from '../threads';
import type { Workspace } from '../workspace';
import { type Decision, decide } from './decision';
import type { ExportedFile, ExportReport, VariantLoss } from './exportReport';
import { measureLatency } from './latency';
import { openPredictor, predictMatrix } from './predictor';

/** What to export. */
export interface ExportOptions {
  readonly workspace: Workspace;
  readonly task: Task;
  /** A run's model instead of the current one. */
  readonly run?: string;
  readonly variants?: readonly Exclude<ModelVariant, 'float32'>[];
  /** How the ranges of int8 are found: `minmax` by default. */
  readonly calibration?: CalibrationMethod;
  /** Bits of int8's weights: 7 by default, which give the same answers on every processor. */
  readonly weightBits?: WeightBits;
  /** How many training pictures find int8's ranges, spread over the split: 200 by default. */
  readonly calibrationPictures?: number;
  readonly onProgress?: OnProgress;
}

/**
 * Writes smaller forms of a run's `model.onnx` beside it: `model.int8.onnx`, calibrated with training pictures, and `model.f16.onnx`. Each
 * takes uint8 pictures and gives probabilities, as the float32 model does. What they lose is measured on the test split, and how long each form takes on this
 * machine.
 *
 * @throws NO_MODEL, NO_VARIANT, UNREADABLE_MODEL, BAD_ONNX_MODEL; for int8 also NO_CALIBRATION and what `readDataset` throws
 */
export async function exportModel(options: ExportOptions): Promise<ExportReport> {
  const { workspace, task, run, variants = [], calibration = 'minmax', weightBits = 7, calibrationPictures = 200, onProgress } = options;
  const { card } = await findModel(workspace, task.name, run);
  const source = await readFile(findVariant(workspace, card, 'float32'));
  const dataset = await readDatasetFor(options);
  const { train, test } = dataset ? picturesBySplit(dataset) : { train: [], test: [] };
  const calibrating = spread(train, calibrationPictures);
  const progress = onProgress && { onProgress };

  const models = new Map<ModelVariant, Uint8Array>();
  if (variants.includes('int8')) {
    const pictures = await mapOnCores(calibrating, (picture) => decodePicture(picture.path, card.imageSize));
    const quantised = await quantise(source, { pictures, size: card.imageSize, method: calibration, weightBits, ...progress });
    models.set(
      'int8',
      withMetadata(quantised, { calibration, weightBits: String(weightBits), calibrationPictures: String(pictures.length) }),
    );
  }
  if (variants.includes('float16')) models.set('float16', halveWeights(source));
  for (const [variant, model] of models) {
    const metadata = { ...modelMetadata(card), variant, onnxSha256: sha256(source) };
    await writeAtomic(variantFile(workspace, card.task, card.runId, variant), withMetadata(model, metadata));
  }

  const files = await measureFiles(options, card, [...models.keys()], test);
  const report: ExportReport = {
    schemaVersion: 1,
    run: card.runId,
    task: task.name,
    classes: card.classes,
    createdAt: new Date().toISOString(),
    machine: `${describeHardware('').cpu}, ${threadCount()} threads`,
    files,
    ...(models.has('int8') && { int8: { calibration, weightBits, pictures: calibrating.length } }),
    ...(dataset && { data: { ...dataset.card, fingerprint: dataset.fingerprint, test: test.length } }),
    notes: notesOn(card, dataset, models.size > 0),
  };
  await writeJson(exportReportFile(workspace, task.name, card.runId), report);
  await writeModelCard(workspace, task, card.runId);
  return report;
}

/** int8 needs a data set; float16 is only measured with one, if it is there. */
async function readDatasetFor({ workspace, task, variants = [] }: ExportOptions): Promise<Dataset | undefined> {
  if (variants.length === 0) return undefined;
  try {
    return await readDataset(workspace, task);
  } catch (error) {
    if (isErrorOf(error, 'DATASET_MISSING') && !variants.includes('int8')) return undefined;
    throw error;
  }
}

function notesOn({ data }: ModelCard, dataset: Dataset | undefined, measured: boolean): string[] {
  if (!measured) return [];
  if (!dataset) return ['there is no data set, so what was lost could not be measured: npm run prepare makes one'];
  if (dataset.card.name === data.name) return [];
  return [`the model was trained on ${data.name}, and the data set is now ${dataset.card.name}: the numbers below are of the latter`];
}

async function measureFiles(
  { workspace, onProgress }: ExportOptions,
  card: ModelCard,
  variants: readonly ModelVariant[],
  test: readonly LabelledPicture[],
): Promise<ExportedFile[]> {
  const predictions = async (variant: ModelVariant): Promise<Float32Array> => {
    const predictor = await openPredictor(workspace, card.task, { run: card.runId, variant });
    try {
      const files = test.map((picture) => picture.path);
      return await predictMatrix(predictor, files, onProgress && ((progress) => onProgress({ ...progress, label: `test, ${variant}` })));
    } finally {
      await predictor.release();
    }
  };
  const isMeasured = variants.length > 0 && test.length > 0;
  const before = isMeasured ? await predictions('float32') : undefined;
  const files: ExportedFile[] = [];
  for (const variant of ['float32' as const, ...variants]) {
    const file = variantFile(workspace, card.task, card.runId, variant);
    const content = await readFile(file);
    const latencyMs = await measureLatency(file, card.imageSize, { onProgress });
    const loss = before && variant !== 'float32' && compare(card, test, before, await predictions(variant));
    files.push({ variant, file, bytes: content.length, sha256: sha256(content), latencyMs, ...(loss && { loss }) });
  }
  return files;
}

/** @param before, after probabilities, shape [pictures, classes] */
function compare(
  { classes, decision, kind }: ModelCard,
  pictures: readonly LabelledPicture[],
  before: Float32Array,
  after: Float32Array,
): VariantLoss {
  const width = classes.length;
  const labels = labelMatrix(pictures);
  // Only the loss depends on the weight of negatives, and it is not among what is compared.
  const judging: Judging = kind === 'multiclass' ? { kind } : { ...decision, negativeWeight: 1 };
  const measure = (probabilities: Float32Array): SplitMetrics =>
    judgePredictions({ classes, count: pictures.length, labels, probabilities }, judging);
  const decisionOf = (probabilities: Float32Array, row: number): Decision =>
    decide(Array.from(probabilities.subarray(row * width, (row + 1) * width)), classes, decision, kind);
  const [old, renewed] = [before, after].map((probabilities) => pictures.map((_, row) => decisionOf(probabilities, row)));
  const same = pictures.filter((_, row) => JSON.stringify(old![row]) === JSON.stringify(renewed![row]));
  const names = (decision: Decision, name: string): boolean => decision.kind === 'classes' && decision.classes.includes(name);
  const agreementByClass = classes.map(
    (name) => pictures.filter((_, row) => names(old![row]!, name) === names(renewed![row]!, name)).length / pictures.length,
  );
  const differences = before.map((probability, index) => Math.abs(probability - after[index]!));
  return {
    before: measure(before),
    after: measure(after),
    agreement: same.length / pictures.length,
    agreementByClass,
    meanDifference: differences.reduce((sum, difference) => sum + difference, 0) / differences.length,
    largestDifference: differences.reduce((most, difference) => Math.max(most, difference), 0),
  };
}
