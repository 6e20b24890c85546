import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServedTask, ServerContext } from '../context';
import { withoutFolders } from '../errorHandler';
import type { ErrorText, ModelView, PageContext, TaskView } from '../pages';
import { preferencesOf } from '../preferences';
import type { MessageKey } from '../translations';

/** Addresses of the style sheet and the script. */
export type AssetAddresses = PageContext['assets'];

/** The pages' first words for a reader: language, colours, rights, and what the form before it came to. */
export function pageContext(
  { config, tasks }: ServerContext,
  assets: AssetAddresses,
  request: FastifyRequest,
  reply: FastifyReply,
  path = request.url,
): PageContext {
  const flash = takeFlash(request, reply);
  return {
    ...preferencesOf(request),
    path,
    isAdmin: request.isAdmin,
    mayBecomeAdmin: !request.isAdmin && config.adminToken !== undefined,
    tasks: tasks.map(({ task, inference }) => ({ name: task.name, title: task.title, isReady: inference.state().run !== undefined })),
    assets,
    ...(flash && { flash }),
  };
}

const flashCookie = 'flash';

type Flash = NonNullable<PageContext['flash']>;

/** The messages of forms that went well. */
export type FlashKey = Extract<MessageKey, `flash.${string}`>;

/** Leaves a message for the next page that this reader opens. */
export function leaveFlash(reply: FastifyReply, { kind, text }: Flash): void {
  reply.setCookie(flashCookie, `${kind}:${text}`, { path: '/', httpOnly: true, sameSite: 'strict', maxAge: 30 });
}

function takeFlash(request: FastifyRequest, reply: FastifyReply): Flash | undefined {
  const [, kind, text] = /^(ok|error):(.+)$/s.exec(request.cookies[flashCookie] ?? '') ?? [];
  if (!text) return undefined;
  reply.clearCookie(flashCookie, { path: '/' });
  return { kind: kind as Flash['kind'], text };
}

/** The address of a task's page. */
export function taskPath({ task }: ServedTask): string {
  return task.name === 'food' ? '/' : `/${task.name}`;
}

export function taskView(served: ServedTask): TaskView {
  const { task, retraining } = served;
  return {
    name: task.name,
    path: taskPath(served),
    kind: task.kind,
    classes: task.classes.map(({ name }) => name),
    acceptsCorrections: retraining !== undefined,
  };
}

/** The model that answers, or why there is none. */
export function modelView({ workspace }: ServerContext, { inference }: ServedTask): { model?: ModelView; problem?: ErrorText } {
  const { card, problem } = inference.state();
  if (!card) return problem === undefined ? {} : { problem: { code: 'NO_MODEL', message: withoutFolders(workspace, problem) } };
  const { runId, data, weights } = card;
  return { model: { run: runId, dataName: data.name, isSample: data.isSample, isStandIn: weights.isStandIn } };
}

/** Sends a page, which is this reader's and of this moment. */
export function sendPage(reply: FastifyReply, html: string, status = 200): FastifyReply {
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('vary', 'accept, cookie')
    .send(html);
}
