import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Dataset, decodePicture, type LabelledPicture, mapOnCores, picturesBySplit, readDataset, spread } from '../data';
import { VisionbookError } from '../errors';
import { sha256, writeAtomic } from '../files';
import { type MultilabelMetrics, multilabelMetrics } from '../metrics';
import {
  type CalibrationMethod,
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
import type { Workspace } from '../workspace';
import { type Decision, decide } from './decision';
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

/** What a form of a model loses against float32, on the test split. */
export interface VariantLoss {
  readonly before: MultilabelMetrics;
  readonly after: MultilabelMetrics;
  /** Share of pictures with the same decision. */
  readonly agreement: number;
  /** Share of pictures on which both say the same of a class, in the card's order. */
  readonly agreementByClass: readonly number[];
  /** Mean and largest absolute difference of a probability. */
  readonly meanDifference: number;
  readonly largestDifference: number;
}

/** A form of a model, as a file. */
export interface ExportedFile {
  readonly variant: ModelVariant;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Absent of float32, and where there is no test picture. */
  readonly loss?: VariantLoss;
}

/** What an export made; it stands beside the files as `export.json`. */
export interface ExportReport {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly task: string;
  readonly classes: readonly string[];
  readonly createdAt: string;
  readonly files: readonly ExportedFile[];
  readonly int8?: { readonly calibration: CalibrationMethod; readonly weightBits: WeightBits; readonly pictures: number };
  /** What was measured on, and calibrated with. */
  readonly data?: { readonly name: string; readonly isSample: boolean; readonly fingerprint: string; readonly test: number };
  /** What one should know before trusting the numbers. */
  readonly notes: readonly string[];
}

/**
 * Writes smaller forms of a run's `model.onnx` beside it: `model.int8.onnx`, calibrated with training pictures, and `model.f16.onnx`. Each
 * takes uint8 pictures and gives probabilities, as the float32 model does. What they lose is measured on the test split.
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
    files,
    ...(models.has('int8') && { int8: { calibration, weightBits, pictures: calibrating.length } }),
    ...(dataset && { data: { ...dataset.card, fingerprint: dataset.fingerprint, test: test.length } }),
    notes: notesOn(card, dataset, models.size > 0),
  };
  await writeAtomic(path.join(workspace.model(task.name, card.runId), 'export.json'), `${JSON.stringify(report, null, 2)}\n`);
  return report;
}

/** int8 needs a data set; float16 is only measured with one, if it is there. */
async function readDatasetFor({ workspace, task, variants = [] }: ExportOptions): Promise<Dataset | undefined> {
  if (variants.length === 0) return undefined;
  try {
    return await readDataset(workspace, task);
  } catch (error) {
    const isMissing = error instanceof VisionbookError && error.code === 'DATASET_MISSING';
    if (isMissing && !variants.includes('int8')) return undefined;
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
    const loss = before && variant !== 'float32' && compare(card, test, before, await predictions(variant));
    files.push({ variant, file, bytes: content.length, sha256: sha256(content), ...(loss && { loss }) });
  }
  return files;
}

/** @param before, after probabilities, shape [pictures, classes] */
function compare(
  { classes, decision }: ModelCard,
  pictures: readonly LabelledPicture[],
  before: Float32Array,
  after: Float32Array,
): VariantLoss {
  const width = classes.length;
  const labels = Uint8Array.from(pictures.flatMap((picture) => picture.labels));
  // Only the loss depends on the weight of negatives, and it is not among what is compared.
  const measure = (probabilities: Float32Array): MultilabelMetrics =>
    multilabelMetrics({ classes, count: pictures.length, labels, probabilities }, { threshold: decision.threshold, negativeWeight: 1 });
  const decisionOf = (probabilities: Float32Array, row: number): Decision =>
    decide(Array.from(probabilities.subarray(row * width, (row + 1) * width)), classes, decision);
  const same = pictures.filter((_, row) => JSON.stringify(decisionOf(before, row)) === JSON.stringify(decisionOf(after, row)));
  const isPresent = (probability: number): boolean => probability >= decision.threshold;
  const agreementByClass = classes.map((_, column) => {
    const agreeing = pictures.filter((_, row) => isPresent(before[row * width + column]!) === isPresent(after[row * width + column]!));
    return agreeing.length / pictures.length;
  });
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

/** The files as table rows. */
export function fileRows({ files }: ExportReport): Record<string, string | number>[] {
  const whole = files[0]!.bytes;
  return files.map(({ variant, file, bytes }) => ({
    model: variant,
    MB: (bytes / 1e6).toFixed(2),
    'of float32': `${((100 * bytes) / whole).toFixed(1)} %`,
    file,
  }));
}

/** What each smaller form loses, as table rows: one a class, and one for all classes together. */
export function lossRows({ files, classes }: ExportReport): Record<string, string | number | null>[] {
  return files.flatMap(({ variant, loss }) => {
    if (!loss) return [];
    const row = (name: string, [auc, aucAfter]: (number | null)[], [f1, f1After]: number[], agreement: number) => ({
      model: variant,
      class: name,
      AUC: auc!,
      after: aucAfter!,
      change: auc === null || aucAfter === null ? null : aucAfter! - auc!,
      F1: f1!,
      'F1 after': f1After!,
      'same decision': `${(100 * agreement).toFixed(1)} %`,
    });
    const { before, after, agreement, agreementByClass } = loss;
    return [
      ...classes.map((name, index) => {
        const [old, renewed] = [before.perClass[index]!, after.perClass[index]!];
        return row(name, [old.auc, renewed.auc], [old.f1, renewed.f1], agreementByClass[index]!);
      }),
      row(`all (${before.count} test pictures)`, [before.auc, after.auc], [before.f1Macro, after.f1Macro], agreement),
    ];
  });
}
