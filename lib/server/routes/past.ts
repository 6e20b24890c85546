import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ServerContext } from '../context';
import type { StoredPrediction } from '../database';
import { historyPage, reviewPage } from '../pages';
import { type AssetAddresses, pageContext, sendPage, taskView } from './page';
import { findServed } from './predictApi';

const rowsOnPage = 50;
const reviewedAtOnce = 24;
const hourMilliseconds = 3600 * 1000;
const dayMilliseconds = 24 * hourMilliseconds;

/** A form sends empty texts for what is not filled in. */
const filled = z
  .string()
  .optional()
  .transform((text) => (text === '' ? undefined : text));
const day = filled.pipe(z.iso.date().optional());
const historySchema = z.object({
  task: z.string().default('food'),
  decision: filled,
  model: filled,
  search: filled,
  from: day,
  to: day,
  cursor: filled,
});

/** `/history`: what was predicted; `/review`: what the model is least sure of, to be labelled first. */
export async function past(app: FastifyInstance, { context, assets }: { context: ServerContext; assets: AssetAddresses }): Promise<void> {
  const { database, uploads, config } = context;

  /** A prediction whose picture has been removed meanwhile says so. */
  async function withPresentUpload(prediction: StoredPrediction): Promise<StoredPrediction> {
    const { uploadFile } = prediction;
    return { ...prediction, uploadFile: uploadFile !== null && (await uploads.has(uploadFile)) ? uploadFile : null };
  }

  app.get('/history', { schema: { hide: true } }, async (request, reply) => {
    const { task: name, cursor, ...filter } = historySchema.parse(request.query);
    const { decision, model, search, from, to } = filter;
    const served = findServed(context, name);
    const [{ predictions, next, total }, models] = await Promise.all([
      database.predictions.list({
        task: name,
        limit: rowsOnPage,
        ...(cursor && { cursor }),
        ...(decision && { decision }),
        ...(model && { model }),
        ...(search && { search }),
        ...(from && { from: new Date(from) }),
        // The day itself is included.
        ...(to && { to: new Date(Date.parse(to) + dayMilliseconds) }),
      }),
      database.predictions.models(name),
    ]);
    const shown = await Promise.all(predictions.map(withPresentUpload));
    const view = {
      task: taskView(served),
      predictions: shown,
      filter: present(filter),
      next,
      isContinued: cursor !== undefined,
      total,
      models,
    };
    return sendPage(reply, historyPage(pageContext(context, assets, request, reply), view));
  });

  app.get('/review', { schema: { hide: true } }, async (request, reply) => {
    const { task: name } = historySchema.parse(request.query);
    const served = findServed(context, name);
    const from = new Date(Date.now() - config.uploadHours * hourMilliseconds);
    const pictures = await database.predictions.leastSure({ task: name, limit: reviewedAtOnce, from });
    return sendPage(reply, reviewPage(pageContext(context, assets, request, reply), { task: taskView(served), pictures }));
  });
}

/** The fields that have a value. */
function present<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
