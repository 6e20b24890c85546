import path from 'node:path';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { ZodError } from 'zod';
import { describeIssues, VisionbookError } from '../errors';
import type { Workspace } from '../workspace';
import { NoSuchPage } from './errors';

/** What a client reads of an error, in every API answer that is none of the 2xx. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
}

/** Draws an error as a page, for browsers. */
export type ErrorPage = (request: FastifyRequest, reply: FastifyReply, status: number, body: ErrorBody) => string;

export interface ErrorHandling {
  readonly workspace: Workspace;
  readonly page: ErrorPage;
}

/** Turns everything that is thrown into a status, a code and a message: as a page for whoever reads HTML, as JSON for the others. */
export const errorHandling = plugin(async (app: FastifyInstance, { workspace, page }: ErrorHandling) => {
  const answer = (request: FastifyRequest, reply: FastifyReply, status: number, { code, message }: ErrorBody): void => {
    const body = { code, message: withoutFolders(workspace, message) };
    void reply.code(status);
    if (status === 503 && !reply.hasHeader('retry-after')) void reply.header('retry-after', '5');
    if (readsHtml(request)) void reply.type('text/html; charset=utf-8').send(page(request, reply, status, body));
    else void reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
  };
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, body } = describe(error);
    if (status >= 500) request.log.error(error);
    else request.log.info({ code: body.code, message: body.message }, 'refused');
    answer(request, reply, status, body);
  });
  app.setNotFoundHandler((request, reply) => {
    const { code, status, message } = NoSuchPage(request.url.split('?')[0]!);
    answer(request, reply, status, { code, message });
  });
});

/** A text without the folders that its paths begin with: where things are on this computer is nobody's business. */
export function withoutFolders({ outputs, corrections, root }: Workspace, text: string): string {
  return [outputs, corrections, root].reduce((shown, folder) => shown.replaceAll(`${folder}${path.sep}`, ''), text);
}

/** A browser that shows pages names HTML first; one that fetches JSON or a fragment does not. */
export function readsHtml({ headers }: FastifyRequest): boolean {
  return headers.accept?.trimStart().startsWith('text/html') ?? false;
}

function describe(error: FastifyError | Error): { status: number; body: ErrorBody } {
  if (error instanceof VisionbookError) {
    // What is broken inside is for the log; what can be waited for or mended by a command is for everybody.
    if (error.status < 500 || error.status === 503) return { status: error.status, body: { code: error.code, message: error.message } };
    return { status: error.status, body: { code: error.code, message: 'this could not be done: the log of the server says why' } };
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(({ instancePath, message }) => `${instancePath.slice(1) || 'the request'}: ${message}`);
    return { status: 400, body: { code: 'BAD_REQUEST', message: problems.join('; ') } };
  }
  if (error instanceof ZodError) return { status: 400, body: { code: 'BAD_REQUEST', message: describeIssues(error) } };
  const { statusCode: status = 500, code } = error as FastifyError;
  if (status >= 400 && status < 500) return { status, body: { code: code ?? 'BAD_REQUEST', message: error.message } };
  return { status: 500, body: { code: 'INTERNAL', message: 'something went wrong here: the log of the server says what' } };
}
