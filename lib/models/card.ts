import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { describeIssues } from '../errors';
import { readTextIfPresent, writeJson } from '../files';
import type { Workspace } from '../workspace';
import { NoModel, NoVariant, UnreadableModel } from './errors';

const cardSchema = z
  .object({
    schemaVersion: z.literal(1),
    runId: z.string(),
    task: z.string(),
    stage: z.string(),
    /** Whether several classes may be present at once (which cards without a kind mean), or always exactly one. */
    kind: z.enum(['multilabel', 'multiclass']).optional(),
    classes: z.array(z.string()).min(1),
    imageSize: z.number().int(),
    backbone: z.discriminatedUnion('name', [
      z.object({ name: z.literal('mobilenet_v2'), alpha: z.number() }),
      z.object({ name: z.literal('efficientnet_b0') }),
      z.object({ name: z.literal('efficientnet_lite0') }),
    ]),
    dropout: z.number(),
    /** As in `ClassifierDesign`. */
    hiddenLayers: z.array(z.object({ units: z.number().int(), dropout: z.number() })).optional(),
    preprocessing: z.string(),
    /** `DecisionRule`; the last two are what a calibration found. */
    decision: z.object({
      threshold: z.number(),
      noneBelow: z.number(),
      thresholds: z.array(z.number().min(0).max(1)).readonly().optional(),
      temperature: z.number().positive().optional(),
    }),
    weights: z.object({ source: z.string(), sha256: z.string(), isStandIn: z.boolean() }),
    data: z.object({ name: z.string(), isSample: z.boolean() }),
    createdAt: z.string(),
  })
  .refine(({ classes, decision: { thresholds } }) => !thresholds || thresholds.length === classes.length, {
    path: ['decision', 'thresholds'],
    message: 'there must be one for each class',
  });

/** What one needs to know to use a saved model; it stands beside it as `card.json`. */
export type ModelCard = z.infer<typeof cardSchema>;

/** A saved model: its card and where its files are. */
export interface SavedModel {
  readonly card: ModelCard;
  readonly onnx: string;
  readonly keras: string;
}

/** The files of a run's model. */
export function modelFiles(workspace: Workspace, task: string, runId: string): { card: string; onnx: string; keras: string } {
  const folder = workspace.model(task, runId);
  return { card: path.join(folder, 'card.json'), onnx: path.join(folder, 'model.onnx'), keras: path.join(folder, 'model.keras') };
}

/** What was exported of a run's model, and what that lost. */
export function exportReportFile(workspace: Workspace, task: string, runId: string): string {
  return path.join(workspace.model(task, runId), 'export.json');
}

/** How a run's model was calibrated, and whether that helps. */
export function calibrationReportFile(workspace: Workspace, task: string, runId: string): string {
  return path.join(workspace.model(task, runId), 'calibration.json');
}

/** Forms of a run's ONNX model: as it was trained, in 8 bits, and with its weights in float16. */
export type ModelVariant = 'float32' | 'int8' | 'float16';

const variantNames: Readonly<Record<ModelVariant, string>> = {
  float32: 'model.onnx',
  int8: 'model.int8.onnx',
  float16: 'model.f16.onnx',
};

/** Where a form of a run's model is, or is to be. */
export function variantFile(workspace: Workspace, task: string, runId: string, variant: ModelVariant): string {
  return path.join(workspace.model(task, runId), variantNames[variant]);
}

/**
 * The file of a form of a run's model.
 *
 * @throws NO_VARIANT
 */
export function findVariant(workspace: Workspace, { task, runId }: ModelCard, variant: ModelVariant): string {
  const file = variantFile(workspace, task, runId, variant);
  if (variant !== 'float32' && !existsSync(file)) throw NoVariant(task, runId, variant);
  return file;
}

/**
 * What an ONNX file says of itself, as the key-value pairs that ONNX keeps: lists and objects as JSON. The rule is that of the probabilities that the file
 * gives, which a later calibration does not change.
 */
export function modelMetadata({ runId, task, stage, classes, preprocessing, decision, weights, data }: ModelCard): Record<string, string> {
  return {
    task,
    run: runId,
    stage,
    classes: JSON.stringify(classes),
    preprocessing,
    decision: JSON.stringify({ threshold: decision.threshold, noneBelow: decision.noneBelow }),
    data: data.name,
    weights: JSON.stringify(weights),
  };
}

/** Writes a model's card, which makes the model count: do it after its other files. */
export async function writeCard(workspace: Workspace, card: ModelCard): Promise<void> {
  await writeJson(modelFiles(workspace, card.task, card.runId).card, card);
}

/**
 * Replaces the decision rule in the card of a run's model, and leaves everything else in it as it is.
 *
 * @throws NO_MODEL, UNREADABLE_MODEL
 */
export async function writeDecision(workspace: Workspace, { task, runId }: ModelCard, decision: ModelCard['decision']): Promise<void> {
  await readModel(workspace, task, runId);
  const { card } = modelFiles(workspace, task, runId);
  await writeJson(card, { ...JSON.parse(await readFile(card, 'utf8')), decision });
}

/**
 * A run's model.
 *
 * @throws NO_MODEL, UNREADABLE_MODEL
 */
export async function readModel(workspace: Workspace, task: string, runId: string): Promise<SavedModel> {
  const files = modelFiles(workspace, task, runId);
  const text = await readTextIfPresent(files.card);
  if (text === undefined) throw NoModel(task, runId);
  try {
    return { card: cardSchema.parse(JSON.parse(text)), onnx: files.onnx, keras: files.keras };
  } catch (error) {
    throw UnreadableModel(files.card, reasonOf(error));
  }
}

/** Why a file's JSON cannot be used. */
export function reasonOf(error: unknown): string {
  return error instanceof z.ZodError ? describeIssues(error) : (error as Error).message;
}
