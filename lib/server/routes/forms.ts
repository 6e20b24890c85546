import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';

/** Form fields: a name that comes several times is a list. */
export type FormFields = Record<string, string | string[]>;

/** Reads bodies of plain forms, `application/x-www-form-urlencoded`. */
export const forms = plugin(async (app: FastifyInstance) => {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: 64e3 }, (_, body, done) => {
    const fields: FormFields = Object.create(null);
    for (const [name, value] of new URLSearchParams(body as string)) {
      const before = fields[name];
      fields[name] = before === undefined ? value : [before, value].flat();
    }
    done(null, fields);
  });
});
