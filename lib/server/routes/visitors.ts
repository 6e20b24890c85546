import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { VisionbookError } from '../../errors';
import type { ServerContext } from '../context';
import { signInPage } from '../pages';
import { backPath, languageSchema, rememberPreference, themeSchema } from '../preferences';
import { signIn, signOut } from '../security';
import { type AssetAddresses, pageContext, sendPage } from './page';

const back = z.string().optional();

/** Language, colours, and signing in. */
export async function visitors(
  app: FastifyInstance,
  { context, assets }: { context: ServerContext; assets: AssetAddresses },
): Promise<void> {
  const hidden = { schema: { hide: true } };

  app.post('/language', hidden, async (request, reply) => {
    const form = z.object({ language: languageSchema, back }).parse(request.body);
    rememberPreference(reply, 'language', form.language);
    return reply.redirect(backPath(form.back), 303);
  });

  app.post('/theme', hidden, async (request, reply) => {
    const form = z.object({ theme: themeSchema, back }).parse(request.body);
    rememberPreference(reply, 'theme', form.theme);
    return reply.redirect(backPath(form.back), 303);
  });

  app.get('/sign_in', hidden, async (request, reply) => {
    const query = z.object({ back }).parse(request.query);
    return sendPage(reply, signInPage(pageContext(context, assets, request, reply), { back: backPath(query.back), wasWrong: false }));
  });

  // Whoever guesses tokens gets ten tries a minute.
  app.post('/sign_in', { ...hidden, config: { rateLimit: { max: 10, timeWindow: '1 minute' } } }, async (request, reply) => {
    const form = z.object({ token: z.string().max(1000), back }).parse(request.body);
    try {
      signIn(request, reply, form.token, context.config);
    } catch (error) {
      if (!(error instanceof VisionbookError)) throw error;
      const page = signInPage(pageContext(context, assets, request, reply), { back: backPath(form.back), wasWrong: true });
      return sendPage(reply, page, error.status);
    }
    return reply.redirect(backPath(form.back), 303);
  });

  app.post('/sign_out', hidden, async (request, reply) => {
    signOut(reply);
    return reply.redirect(backPath(z.object({ back }).parse(request.body ?? {}).back), 303);
  });
}
