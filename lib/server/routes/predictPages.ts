import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { VisionbookError } from '../../errors';
import type { ModelCard } from '../../models';
import { decide, type Prediction, thresholdsOf } from '../../prediction';
import type { ServedTask, ServerContext } from '../context';
import type { StoredPrediction } from '../database';
import { type ClassShare, predictPage, type ResultView, resultCards } from '../pages';
import { sentPictures } from '../pictures';
import { classify, type Recorded, record } from '../predictions';
import { type AssetAddresses, modelView, pageContext, sendPage, taskPath, taskView } from './page';
import { uploadLimit } from './predictApi';

/** What a script asks for: the cards of the results alone, to put into the page that is there. */
const fragmentType = 'text/x-fragment';
const shownAtOnce = 50;
const showSchema = z.object({ show: z.string().max(10_000).optional() });

/** The page of each task: pictures go in, cards with decisions come out, with and without JavaScript. */
export async function predictPages(
  app: FastifyInstance,
  { context, assets }: { context: ServerContext; assets: AssetAddresses },
): Promise<void> {
  const { tasks, admission, config, database } = context;

  const page = async (
    served: ServedTask,
    request: FastifyRequest,
    reply: FastifyReply,
    results: readonly ResultView[],
  ): Promise<string> => {
    const shown = results.flatMap(({ upload }) => upload ?? []);
    const path = shown.length > 0 ? `${taskPath(served)}?show=${shown.join(',')}` : taskPath(served);
    const retraining = await served.retraining?.state();
    return predictPage(pageContext(context, assets, request, reply, path), {
      task: taskView(served),
      results,
      ...modelView(context, served),
      ...(retraining && { retraining }),
    });
  };

  for (const served of tasks) {
    app.get(taskPath(served), { schema: { hide: true } }, async (request, reply) => {
      const { show = '' } = showSchema.parse(request.query);
      const uploads = show.split(',').filter(Boolean).slice(0, shownAtOnce);
      const found = await Promise.all(uploads.map((upload) => pastResult(served, upload)));
      return sendPage(
        reply,
        await page(
          served,
          request,
          reply,
          found.flatMap((one) => one ?? []),
        ),
      );
    });

    const upload = { onRequest: admission.hook, config: { rateLimit: uploadLimit(context) }, schema: { hide: true } };
    app.post(taskPath(served), upload, async (request, reply) => {
      const results: ResultView[] = [];
      for await (const sent of sentPictures(request, config.limits.pictureBytes))
        results.push(await resultOf(context, served, sent, request));
      if (request.headers.accept === fragmentType) {
        const cards = resultCards(pageContext(context, assets, request, reply, taskPath(served)), taskView(served), results);
        // A script tells by the status whether to offer another try.
        const failed = results.length === 1 ? results[0]!.error : undefined;
        return sendPage(reply, cards, failed?.code === 'BUSY' ? 503 : 200);
      }
      return sendPage(reply, await page(served, request, reply, results));
    });
  }

  /** A picture that was shown before, as the database has it now; while the database is away, the page goes without. */
  async function pastResult(served: ServedTask, name: string): Promise<ResultView | undefined> {
    const past = await database.predictions.latestOf(name.split('.')[0]!, served.task.name).catch((error: VisionbookError) => {
      if (error.code !== 'DATABASE_AWAY') throw error;
      return undefined;
    });
    return past && storedResult(served, past);
  }
}

async function resultOf(
  context: ServerContext,
  served: ServedTask,
  sent: { filename: string; content: Uint8Array } | { filename: string; error: Error },
  request: FastifyRequest,
): Promise<ResultView> {
  const { filename } = sent;
  try {
    if ('error' in sent) throw sent.error;
    return freshResult(served, record(context, served, await classify(context, served, { ...sent, log: request.log })));
  } catch (error) {
    if (!(error instanceof VisionbookError) || (error.status >= 500 && error.status !== 503)) throw error;
    return { id: null, filename, upload: null, error: { code: error.code, message: error.message } };
  }
}

function freshResult(served: ServedTask, { id, filename, upload, answer }: Recorded): ResultView {
  const { card, prediction, milliseconds } = answer;
  return {
    id,
    filename,
    upload,
    decision: prediction.decision,
    probabilities: sharesOf(served, card, { ...prediction, classes: card.classes }),
    milliseconds,
    model: card.runId,
  };
}

function storedResult(served: ServedTask, stored: StoredPrediction): ResultView {
  const { id, filename, uploadFile, decision, classes, probabilities, milliseconds, modelRun, correctedLabels } = stored;
  return {
    id,
    filename,
    upload: uploadFile,
    decision,
    probabilities: sharesOf(served, served.inference.state().card, { classes, probabilities, decision }),
    milliseconds,
    model: modelRun,
    correction: correctedLabels,
  };
}

/** Each class' probability with its threshold, unless the decision is not the one that the card's rule comes to: an earlier rule made it then. */
function sharesOf(
  { task }: ServedTask,
  card: ModelCard | undefined,
  { classes, probabilities, decision }: Prediction & { readonly classes: readonly string[] },
): ClassShare[] {
  const shares = classes.map((name, index) => ({ name, share: probabilities[index]! }));
  if (task.kind !== 'multilabel' || !card || !isDeepStrictEqual(decide(probabilities, classes, card.decision), decision)) return shares;
  const thresholds = thresholdsOf(card.decision, classes);
  return shares.map((share, index) => ({ ...share, threshold: thresholds[index]! }));
}
