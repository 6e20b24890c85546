import { createHash, timingSafeEqual } from 'node:crypto';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import type { ServerConfig } from './config';
import { AdminClosed, AdminOnly, OtherOrigin, WrongToken } from './errors';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether this request may do what is for administrators. */
    isAdmin: boolean;
  }
}

const adminCookie = 'admin';
const localNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Headers, cookies, rate limits, who may call from where, and who is an administrator. */
export const security = plugin(async (app: FastifyInstance, config: ServerConfig) => {
  await app.register(cookie);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'img-src': ["'self'", 'blob:', 'data:'],
        'connect-src': ["'self'"],
        'font-src': ["'self'"],
        'manifest-src': ["'self'"],
        'form-action': ["'self'"],
        'base-uri': ["'none'"],
        'frame-ancestors': ["'none'"],
      },
    },
    referrerPolicy: { policy: 'same-origin' },
    // Only the proxy before the server knows whether every address of its host speaks HTTPS.
    strictTransportSecurity: false,
  });
  await app.register(cors, { origin: [...config.corsOrigins] });
  await app.register(rateLimit, { global: false });
  app.decorateRequest('isAdmin', false);
  app.addHook('onRequest', async (request) => {
    refuseOtherOrigins(request, config);
    request.isAdmin = isAdmin(request, config);
  });
});

/**
 * Lets administrators alone through, as a hook of a route.
 *
 * @throws ADMIN_ONLY, ADMIN_CLOSED
 */
export function adminsOnly({ adminToken, isLocal }: ServerConfig): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (request.isAdmin) return;
    throw adminToken === undefined && !isLocal ? AdminClosed() : AdminOnly();
  };
}

/**
 * Remembers in a cookie that a browser is an administrator's.
 *
 * @throws WRONG_TOKEN
 */
export function signIn(request: FastifyRequest, reply: FastifyReply, token: string, { adminToken }: ServerConfig): void {
  if (adminToken === undefined || !isSame(token, adminToken)) throw WrongToken();
  reply.setCookie(adminCookie, token, { path: '/', httpOnly: true, sameSite: 'strict', secure: request.protocol === 'https' });
}

export function signOut(reply: FastifyReply): void {
  reply.clearCookie(adminCookie, { path: '/' });
}

/** With a token set, who has it; without, whoever is on this computer, under a name that only this computer has. */
function isAdmin(request: FastifyRequest, { adminToken, isLocal }: ServerConfig): boolean {
  if (adminToken === undefined) return isLocal && localNames.has(hostName(request.host));
  const [, bearer] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const shown = bearer ?? request.cookies[adminCookie];
  return shown !== undefined && isSame(shown, adminToken);
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '');
}

/** Compares in a time that says nothing of where two secrets differ. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** A page of another site must not act with a visitor's rights: browsers name its origin, and programs that are none name nothing. */
function refuseOtherOrigins(request: FastifyRequest, { corsOrigins }: ServerConfig): void {
  if (request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS') return;
  const { origin } = request.headers;
  if (origin === undefined) {
    if (request.headers['sec-fetch-site'] === 'cross-site') throw OtherOrigin('a page of another site');
    return;
  }
  if (corsOrigins.includes(origin)) return;
  // Of pages without an address, such as sandboxed ones, it is "null".
  if (origin.replace(/^https?:\/\//, '') !== request.host) throw OtherOrigin(origin);
}
