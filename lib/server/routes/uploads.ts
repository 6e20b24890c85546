import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { mapOverlay } from '../../prediction';
import type { ServerContext } from '../context';
import { UnknownClass } from '../errors';
import { findServed } from './predictApi';

const name = z.object({ name: z.string() });
const size = z.coerce.number().int().min(32).max(1280).default(640);
const hour = 3600;

/** Uploaded pictures, drawn anew and never as they came, and where the model looked in them. */
export async function uploadRoutes(app: FastifyInstance, context: ServerContext): Promise<void> {
  const { uploads } = context;
  const typed = app.withTypeProvider<ZodTypeProvider>();

  const sendPicture = (reply: FastifyReply, content: Uint8Array): FastifyReply =>
    reply.type('image/webp').header('cache-control', `private, max-age=${hour}`).send(Buffer.from(content));

  typed.get(
    '/uploads/:name',
    { schema: { tags: ['pictures'], summary: 'An uploaded picture, made smaller', params: name, querystring: z.object({ size }) } },
    async ({ params, query }, reply) => sendPicture(reply, await uploads.thumbnail(params.name, query.size)),
  );

  typed.get(
    '/maps/:name',
    {
      schema: {
        tags: ['pictures'],
        summary: 'A class-activation map over an uploaded picture: where the model sees a class',
        params: name,
        querystring: z.object({
          class: z.coerce.number().int().min(0).describe('index of the class'),
          task: z.string().default('food'),
          size,
        }),
      },
    },
    async ({ params, query }, reply) => {
      const { inference } = findServed(context, query.task);
      const content = await uploads.read(params.name);
      const { card, map } = await inference.predict(content, { withMap: true });
      if (query.class >= card.classes.length) throw UnknownClass(String(query.class), [...card.classes.keys()].map(String));
      return sendPicture(reply, await mapOverlay(content, map!, { classIndex: query.class, size: query.size }));
    },
  );
}
