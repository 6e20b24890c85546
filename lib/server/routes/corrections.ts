import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { NotCorrectable, recordCorrection, undoCorrection } from '../../corrections';
import type { Task } from '../../tasks';
import type { ServedTask, ServerContext } from '../context';
import { readsHtml } from '../errorHandler';
import { NoLabels, UnknownClass } from '../errors';
import { NoSuchUpload } from '../pictureErrors';
import { backPath, preferencesOf } from '../preferences';
import { adminsOnly } from '../security';
import { translator } from '../translations';
import { type FlashKey, leaveFlash } from './page';
import { findServed } from './predictApi';
import { errorSchema, retrainingSchema } from './schemas';

const names = z.union([z.string().transform((name) => [name]), z.array(z.string())]);
/** A form's checkbox or a program's boolean. */
const flag = z.union([z.boolean(), z.enum(['1', 'true', 'on']).transform(() => true)]);

const correctionSchema = z.object({
  upload: z
    .string()
    .regex(/^[0-9a-f]{64}\.\w+$/)
    .optional()
    .describe('name of the upload that is corrected'),
  prediction: z
    .union([z.null(), z.coerce.number().int().min(1)])
    .optional()
    .describe('or the number of its prediction'),
  labels: names.optional().describe('the classes that the picture shows'),
  none: flag.optional().describe('it shows none of the classes'),
  task: z.string().default('food'),
  back: z.string().optional().describe('where a form without JavaScript goes back to'),
});

const undoSchema = correctionSchema.pick({ upload: true, prediction: true, task: true, back: true });

const outcomeSchema = z.object({
  labels: z.array(z.string()).nullable().describe('what the picture now counts as; null after an undo'),
  pending: z.number().int(),
  retraining: retrainingSchema,
});

const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema, 409: errorSchema, 422: errorSchema };

/** What people say of the model's answers, and the retrainings that come of it. */
export async function corrections(app: FastifyInstance, context: ServerContext): Promise<void> {
  const { workspace, database, uploads, config } = context;
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['corrections'];

  typed.post(
    '/correct_labels',
    { schema: { tags, summary: 'Say what a picture really shows', body: correctionSchema, response: { 200: outcomeSchema, ...errors } } },
    async (request, reply) => {
      const { labels: given, none, task: name, back } = request.body;
      const served = correctable(context, name);
      const labels = labelsOf(served.task, given, none);
      const upload = await uploadOf(request.body);
      const { pending, replaced } = await recordCorrection(workspace, served.task, { content: await uploads.read(upload), labels });
      database.corrections.add({
        task: name,
        sha256: shaOf(upload),
        labels,
        action: replaced ? 'replaced' : 'added',
        predictionId: request.body.prediction ?? null,
        createdAt: new Date(),
      });
      const retraining = await served.retraining.startIfDue();
      const shown = served.task.classes.flatMap(({ name: one }, index) => (labels[index] === 1 ? one : []));
      return answer(request, reply, back, 'flash.saved', { labels: shown, pending, retraining });
    },
  );

  typed.post(
    '/undo_correction',
    { schema: { tags, summary: 'Take a correction back', body: undoSchema, response: { 200: outcomeSchema, ...errors } } },
    async (request, reply) => {
      const { task: name, back } = request.body;
      const served = correctable(context, name);
      const upload = await uploadOf(request.body);
      const { removed, pending } = await undoCorrection(workspace, served.task, shaOf(upload));
      if (removed) {
        database.corrections.add({
          task: name,
          sha256: shaOf(upload),
          labels: null,
          action: 'undone',
          predictionId: request.body.prediction ?? null,
          createdAt: new Date(),
        });
      }
      return answer(request, reply, back, 'flash.undone', { labels: null, pending, retraining: await served.retraining.state() });
    },
  );

  const started = { tags, summary: 'Retrain on the pending corrections now', response: { 200: retrainingSchema, ...errors } };
  typed.post(
    '/trigger_retrain',
    {
      onRequest: adminsOnly(config),
      schema: { ...started, body: z.object({ task: z.string().default('food'), back: z.string().optional() }).nullish() },
    },
    async (request, reply) => {
      const { task = 'food', back } = request.body ?? {};
      const state = await correctable(context, task).retraining.trigger();
      return answer(request, reply, back, 'flash.retraining', state);
    },
  );

  const followed = z.object({ task: z.string().default('food') });
  typed.get(
    '/retrain_status',
    { schema: { tags, summary: 'How the retraining is', querystring: followed, response: { 200: retrainingSchema, ...errors } } },
    async ({ query }) => correctable(context, query.task).retraining.state(),
  );

  const streams = new Set<FastifyReply>();
  app.addHook('preClose', async () => {
    for (const { raw } of streams) raw.end();
  });
  typed.get(
    '/retrain_events',
    { schema: { tags, summary: 'The same, live: server-sent events', querystring: followed } },
    async (request, reply) => {
      const { retraining } = correctable(context, request.query.task);
      reply.hijack();
      streams.add(reply);
      const { raw } = reply;
      raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Without it nginx holds events back.
        'x-accel-buffering': 'no',
      });
      raw.write('retry: 2000\n\n');
      const stop = retraining.watch((state) => raw.write(`data: ${JSON.stringify(state)}\n\n`));
      const heartbeat = setInterval(() => raw.write(':\n\n'), heartbeatMilliseconds);
      raw.on('close', () => {
        clearInterval(heartbeat);
        stop();
        streams.delete(reply);
      });
    },
  );

  /** The name of the upload that a request is about. @throws NO_SUCH_UPLOAD */
  async function uploadOf({
    upload,
    prediction,
  }: {
    upload?: string | undefined;
    prediction?: number | null | undefined;
  }): Promise<string> {
    const name = upload ?? (prediction == null ? undefined : (await database.predictions.get(prediction))?.uploadFile);
    if (!name) throw NoSuchUpload();
    return name;
  }
}

/** Proxies close connections that are silent for a minute. */
const heartbeatMilliseconds = 20_000;

type Correctable = ServedTask & Required<Pick<ServedTask, 'retraining'>>;

/** @throws UNKNOWN_TASK, NOT_CORRECTABLE */
function correctable(context: ServerContext, name: string): Correctable {
  const served = findServed(context, name);
  if (!served.retraining) throw NotCorrectable(name);
  return served as Correctable;
}

/** One 0 or 1 for each class. @throws UNKNOWN_CLASS, NO_LABELS */
function labelsOf({ classes }: Task, given: readonly string[] = [], none = false): number[] {
  const known = classes.map(({ name }) => name);
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined) throw UnknownClass(unknown, known);
  if ((given.length === 0) !== none) throw NoLabels();
  return known.map((name) => Number(given.includes(name)));
}

function shaOf(upload: string): string {
  return upload.split('.')[0]!;
}

/** To a program what came of it, to a form the way back. */
function answer<Outcome>(
  request: FastifyRequest,
  reply: FastifyReply,
  back: string | undefined,
  what: FlashKey,
  outcome: Outcome,
): Outcome | FastifyReply {
  if (!readsHtml(request)) return outcome;
  leaveFlash(reply, { kind: 'ok', text: translator(preferencesOf(request).language)(what) });
  return reply.redirect(backPath(back), 303);
}
