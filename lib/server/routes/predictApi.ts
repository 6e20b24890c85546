import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { UnknownTask } from '../../tasks';
import type { ServedTask, ServerContext } from '../context';
import { sentPictures } from '../pictures';
import { classify, type Recorded, record } from '../predictions';
import { errorSchema, predictionsSchema } from './schemas';

/** What an answer of the API says of one prediction. */
export function apiPrediction({
  id,
  filename,
  prediction,
  confidence,
  createdAt,
  answer,
}: Recorded): z.infer<typeof predictionsSchema>['predictions'][number] {
  const { card, prediction: given } = answer;
  return {
    id,
    filename,
    prediction,
    confidence,
    timestamp: createdAt.toISOString(),
    classes: given.decision.kind === 'classes' ? [...given.decision.classes] : [],
    probabilities: Object.fromEntries(card.classes.map((name, index) => [name, given.probabilities[index]!])),
    model: card.runId,
  };
}

const errors = {
  400: errorSchema,
  404: errorSchema,
  413: errorSchema,
  415: errorSchema,
  422: errorSchema,
  429: errorSchema,
  503: errorSchema,
};
const taskQuery = z.object({ task: z.string().optional().describe('food or galaxy') });

/** `POST /predict` for one task, at `/food/predict` and `/galaxy/predict`, and for the task of `?task=` without a prefix. */
export async function predictApi(app: FastifyInstance, context: ServerContext): Promise<void> {
  const { tasks, admission, config } = context;
  const uploads = { onRequest: admission.hook, config: { rateLimit: uploadLimit(context) } };
  // Without a name it is the galaxies', whose API this was first.
  const unnamed = tasks.find(({ task }) => task.name === 'galaxy') ?? tasks[0]!;
  const schema = {
    tags: ['predictions'],
    summary: 'Ask a model what pictures show',
    description:
      'Pictures are JPG, PNG or WebP, in multipart fields named `image` or `file`; one or several. If one cannot be read, none is recorded.',
    consumes: ['multipart/form-data'],
    response: { 200: predictionsSchema, ...errors },
  };

  const answer = async (request: FastifyRequest, served: ServedTask): Promise<z.infer<typeof predictionsSchema>> => {
    const classified = [];
    for await (const sent of sentPictures(request, config.limits.pictureBytes)) {
      if ('error' in sent) throw sent.error;
      classified.push(await classify(context, served, { ...sent, log: request.log }));
    }
    return { predictions: classified.map((one) => apiPrediction(record(context, served, one))) };
  };

  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.post('/predict', { ...uploads, schema: { ...schema, querystring: taskQuery } }, (request) => {
    const { task: name } = request.query;
    return answer(request, name === undefined ? unnamed : findServed(context, name));
  });
  for (const served of tasks) typed.post(`/${served.task.name}/predict`, { ...uploads, schema }, (request) => answer(request, served));
}

/** @throws UNKNOWN_TASK */
export function findServed({ tasks }: ServerContext, name: string): ServedTask {
  const served = tasks.find(({ task }) => task.name === name);
  if (!served) throw UnknownTask(name);
  return served;
}

/** How often an address may upload; false for as often as it likes. */
export function uploadLimit({ config }: ServerContext): { max: number; timeWindow: string } | false {
  return config.uploadsPerMinute > 0 && { max: config.uploadsPerMinute, timeWindow: '1 minute' };
}
