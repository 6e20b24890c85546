import { z } from 'zod';

/** What the API takes and gives: validation, types and the OpenAPI document all come from here. */

const when = z.iso.datetime({ offset: true });

export const errorSchema = z.object({ code: z.string(), message: z.string() }).meta({ id: 'Error' });

export const predictionSchema = z
  .object({
    id: z.number().int().nullable().describe('null while the database is away; the prediction is written when it is back'),
    filename: z.string(),
    prediction: z.string().describe('the decision in words'),
    confidence: z.number().min(0).max(1),
    timestamp: when,
    classes: z.array(z.string()).describe('the classes that the picture shows'),
    probabilities: z.record(z.string(), z.number()),
    model: z.string().describe('the run that the model is of'),
  })
  .meta({ id: 'Prediction' });

export const predictionsSchema = z.object({ predictions: z.array(predictionSchema) });

export const storedPredictionSchema = predictionSchema
  .extend({
    id: z.number().int(),
    task: z.string(),
    milliseconds: z.number(),
    corrected: z.array(z.string()).nullable().describe('the classes that a person says it shows; null where nobody has corrected it'),
  })
  .meta({ id: 'StoredPrediction' });

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const share = z.coerce.number().min(0).max(1);

export const listQuerySchema = z.object({
  task: z.string().optional(),
  prediction: z.string().optional().describe('the decision in words, as answered'),
  model: z.string().optional(),
  search: z.string().optional().describe('part of the file name'),
  from: when.optional(),
  to: when.optional(),
  minConfidence: share.optional(),
  maxConfidence: share.optional(),
  uncertain: flag.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional().describe('"next" of the answer before'),
});

export const pageSchema = z.object({
  predictions: z.array(storedPredictionSchema),
  next: z.string().nullable().describe('the cursor of the following page; null on the last'),
  total: z.number().int(),
});

export const healthSchema = z
  .object({
    status: z.enum(['ok', 'degraded']).describe('degraded: predictions are answered, and something else is not as it should be'),
    version: z.string(),
    uptime: z.number().describe('seconds'),
    models: z.record(
      z.string(),
      z.object({ run: z.string().nullable(), trial: z.string().optional(), queued: z.number().int(), problem: z.string().optional() }),
    ),
    database: z.object({
      kind: z.string(),
      reachable: z.boolean(),
      reason: z.string().optional(),
      buffered: z.number().int().describe('rows that wait to be written'),
      dropped: z.number().int().describe('rows lost because too many waited'),
      refused: z.number().int().describe('rows lost because the database would not have them'),
    }),
    memoryMb: z.number(),
  })
  .meta({ id: 'Health' });

export const retrainingSchema = z
  .object({
    status: z.enum(['idle', 'waiting', 'running', 'failed']),
    message: z.string(),
    pending: z.number().int().describe('pictures with a correction that no model has learnt yet'),
    fresh: z.number().int().describe('those that no retraining has tried'),
    minimum: z.number().int().describe('so many fresh ones start a retraining'),
    stage: z.string().optional(),
    progress: z.number().min(0).max(1).optional(),
    epoch: z.number().int().optional(),
    epochs: z.number().int().optional(),
    etaSeconds: z.number().optional(),
    startedAt: z.string().optional(),
    pid: z.number().int().optional(),
    last: z
      .object({
        at: z.string(),
        run: z.string().optional(),
        verdict: z.enum(['promoted', 'rejected', 'failed']),
        reason: z.string(),
        gate: z.unknown().optional(),
      })
      .optional(),
  })
  .meta({ id: 'Retraining' });
