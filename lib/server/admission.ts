import { finished } from 'node:stream';
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { Busy } from './pictureErrors';

/** How much may be on its way in at once. */
export interface AdmissionLimits {
  readonly maximumRequests: number;
  /** Of all bodies together, in bytes. */
  readonly maximumBytes: number;
  /** As much of one body as is ever in memory at once, in bytes: what a longer one counts, and one that does not say its length. */
  readonly maximumPerRequest: number;
}

/** Turns requests away before their bodies are read, when too many are being read already. */
export interface Admission {
  /** For the routes that take uploads. */
  readonly hook: onRequestAsyncHookHandler;
  /** Requests that are in, and what they count. */
  state(): { readonly requests: number; readonly bytes: number };
}

/** How long a client that was turned away should wait, in seconds. */
const retryAfter = 1;

export function openAdmission({ maximumRequests, maximumBytes, maximumPerRequest }: AdmissionLimits): Admission {
  let requests = 0;
  let bytes = 0;
  return {
    hook: async (request, reply) => {
      const size = Math.min(declaredBytes(request) ?? maximumPerRequest, maximumPerRequest);
      if (requests >= maximumRequests || bytes + size > maximumBytes) {
        const { code, status, message } = Busy();
        // The connection stays open: Node reads the body to its end and drops it, and a client that is still sending then gets the answer.
        return reply.code(status).header('retry-after', retryAfter).send({ code, message });
      }
      requests++;
      bytes += size;
      // When the answer is out, or the client is gone.
      finished(reply.raw, () => {
        requests--;
        bytes -= size;
      });
    },
    state: () => ({ requests, bytes }),
  };
}

/** The length of a request's body; undefined where it is sent in chunks, without one. */
function declaredBytes({ headers }: FastifyRequest): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}
