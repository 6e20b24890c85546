import type { FastifyInstance } from 'fastify';
import type { ClientBundle } from '../client';
import type { AssetAddresses } from './page';

/** A changed file has another address, so browsers may keep each for a year. */
const forEver = 'public, max-age=31536000, immutable';

/** Addresses of the style sheet and the script. */
export function assetsOf({ hash }: ClientBundle): AssetAddresses {
  return { css: `/assets/${hash}.css`, js: `/assets/${hash}.js` };
}

/** The style sheet and the script, from memory. */
export async function bundleRoutes(app: FastifyInstance, bundle: ClientBundle): Promise<void> {
  const { css, js } = assetsOf(bundle);
  const hidden = { schema: { hide: true } };
  app.get(css, hidden, (_, reply) => reply.type('text/css; charset=utf-8').header('cache-control', forEver).send(bundle.css));
  app.get(js, hidden, (_, reply) => reply.type('text/javascript; charset=utf-8').header('cache-control', forEver).send(bundle.js));
}
