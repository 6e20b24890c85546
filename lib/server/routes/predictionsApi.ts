import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ServerContext } from '../context';
import type { StoredPrediction } from '../database';
import { DevelopmentOnly, NoSuchPrediction } from '../errors';
import { adminsOnly } from '../security';
import { errorSchema, listQuerySchema, pageSchema, storedPredictionSchema } from './schemas';

const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema, 503: errorSchema };

/** The audit log of predictions: list, look up, delete, and start anew. */
export async function predictionsApi(app: FastifyInstance, context: ServerContext): Promise<void> {
  const { database, config } = context;
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['predictions'];
  const admin = { onRequest: adminsOnly(config) };

  typed.get(
    '/predictions',
    {
      schema: {
        tags,
        summary: 'Past predictions, the latest first',
        querystring: listQuerySchema,
        response: { 200: pageSchema, ...errors },
      },
    },
    async ({ query }) => {
      const { from, to, ...rest } = query;
      const { predictions, next, total } = await database.predictions.list({
        ...rest,
        ...(from && { from: new Date(from) }),
        ...(to && { to: new Date(to) }),
      });
      return { predictions: predictions.map(apiStored), next, total };
    },
  );

  typed.get(
    '/predictions/:id',
    {
      schema: {
        tags,
        summary: 'One prediction',
        params: z.object({ id: z.coerce.number().int().min(1) }),
        response: { 200: storedPredictionSchema, ...errors },
      },
    },
    async ({ params: { id } }) => {
      const found = await database.predictions.get(id);
      if (!found) throw NoSuchPrediction(id);
      return apiStored(found);
    },
  );

  typed.delete(
    '/predictions/delete',
    {
      ...admin,
      schema: {
        tags: ['administration'],
        summary: 'Delete predictions: all, those of a task, or those before a time',
        querystring: z.object({ task: z.string().optional(), before: z.iso.datetime({ offset: true }).optional() }),
        response: { 200: z.object({ deleted: z.number().int() }), ...errors },
      },
    },
    async ({ query: { task, before } }) => {
      const deleted = await database.predictions.remove({ ...(task && { task }), ...(before && { before: new Date(before) }) });
      return { deleted };
    },
  );

  typed.post(
    '/reset_db',
    {
      ...admin,
      schema: {
        tags: ['administration'],
        summary: 'Make the database anew (development only)',
        response: { 200: z.object({ reset: z.literal(true) }), ...errors },
      },
    },
    async () => {
      if (!config.isDevelopment) throw DevelopmentOnly();
      await database.reset();
      return { reset: true as const };
    },
  );
}

function apiStored(stored: StoredPrediction): z.infer<typeof storedPredictionSchema> {
  const { classes, probabilities, decision, correctedLabels } = stored;
  return {
    id: stored.id,
    task: stored.task,
    filename: stored.filename,
    prediction: stored.prediction,
    confidence: stored.confidence,
    timestamp: stored.createdAt.toISOString(),
    classes: decision.kind === 'classes' ? [...decision.classes] : [],
    probabilities: Object.fromEntries(classes.map((name, index) => [name, probabilities[index]!])),
    model: stored.modelRun,
    milliseconds: stored.milliseconds,
    corrected: correctedLabels && classes.filter((_, index) => correctedLabels[index] === 1),
  };
}
