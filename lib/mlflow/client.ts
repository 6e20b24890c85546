import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import { describeIssues } from '../errors';
import { MlflowRefused, MlflowUnreachable, MlflowUnreadable } from './errors';
import type { MlflowSettings } from './settings';

/** How long to wait for a server, and how often to ask again where it is busy or out of order. */
export interface Patience {
  /** For the whole of a call, asking again included, where `MLFLOW_HTTP_REQUEST_TIMEOUT` says nothing else. */
  readonly seconds: number;
  readonly retries: number;
}

/** A connection to an MLflow server. */
export interface MlflowClient {
  readonly settings: MlflowSettings;
  readonly patience: Patience;
  /** Asks again after 429 and 5xx, with growing pauses or those that the server asks for. */
  readonly again: Dispatcher;
  /** Asks once. */
  readonly once: Dispatcher;
}

/** A call of MLflow's REST API 2.0: https://mlflow.org/docs/latest/rest-api.html */
export interface MlflowCall<Answer> {
  /** Such as `runs/get`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Makes the call a POST. */
  readonly body?: object;
  /** Whether the call makes something anew each time, so that after a lost answer it must not be repeated. */
  readonly once?: boolean;
  readonly answer: z.ZodType<Answer>;
}

/** A file's upload may take a second for each so many bytes, on top of what every call may. */
const slowestBytesPerSecond = 2 ** 18;

/** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` count. */
export async function openClient(settings: MlflowSettings, { seconds, retries }: Patience): Promise<MlflowClient> {
  const patience = { seconds: settings.timeout ?? seconds, retries };
  const { EnvHttpProxyAgent, RetryAgent } = await import('undici');
  const once = new EnvHttpProxyAgent({ connect: { timeout: 1000 * Math.min(3, patience.seconds) } });
  const again = new RetryAgent(once, {
    maxRetries: retries,
    methods: ['GET', 'POST', 'PUT'],
    minTimeout: 300,
    maxTimeout: 5000,
    throwOnError: false,
  });
  return { settings, patience, again, once };
}

export async function closeClient({ once }: MlflowClient): Promise<void> {
  await once.destroy();
}

/** @throws MLFLOW_UNREACHABLE, MLFLOW_REFUSED, MLFLOW_UNREADABLE */
export async function call<Answer>(client: MlflowClient, request: MlflowCall<Answer>): Promise<Answer> {
  const answer = await exchange(client, request);
  if ('refusal' in answer) throw MlflowRefused(client.settings.url, request.path, answer.refusal.words);
  return answer.value;
}

/** @returns undefined where MLflow answers with this error code. @throws as `call` */
export async function callUnless<Answer>(client: MlflowClient, code: string, request: MlflowCall<Answer>): Promise<Answer | undefined> {
  const answer = await exchange(client, request);
  if ('value' in answer) return answer.value;
  if (answer.refusal.code === code) return undefined;
  throw MlflowRefused(client.settings.url, request.path, answer.refusal.words);
}

/** Sends a file's content. @throws MLFLOW_UNREACHABLE, MLFLOW_REFUSED */
export async function upload(client: MlflowClient, url: string, content: Buffer): Promise<void> {
  const seconds = client.patience.seconds + content.length / slowestBytesPerSecond;
  const { status, text } = await send(client, { url, method: 'PUT', body: content, type: 'application/octet-stream', seconds });
  if (status >= 300) throw MlflowRefused(client.settings.url, new URL(url).pathname, refusalOf(status, text).words);
}

interface Refusal {
  readonly code?: string;
  readonly words: string;
}

async function exchange<Answer>(
  client: MlflowClient,
  { path, query, body, once = false, answer }: MlflowCall<Answer>,
): Promise<{ value: Answer } | { refusal: Refusal }> {
  const words = query ? `?${new URLSearchParams(query)}` : '';
  const { status, text } = await send(client, {
    url: `${client.settings.url}/api/2.0/mlflow/${path}${words}`,
    method: body ? 'POST' : 'GET',
    ...(body && { body: JSON.stringify(body), type: 'application/json' }),
    once,
    seconds: client.patience.seconds,
  });
  if (status >= 300) return { refusal: refusalOf(status, text) };
  const content = jsonOf(text);
  if (content === undefined) throw MlflowUnreadable(client.settings.url, path, 'what comes is no JSON');
  const parsed = answer.safeParse(content);
  if (!parsed.success) throw MlflowUnreadable(client.settings.url, path, describeIssues(parsed.error));
  return { value: parsed.data };
}

interface Sent {
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly body?: string | Buffer;
  readonly type?: string;
  readonly once?: boolean;
  readonly seconds: number;
}

async function send(client: MlflowClient, { url, method, body, type, once, seconds }: Sent): Promise<{ status: number; text: string }> {
  const { authorization, url: server } = client.settings;
  const { request } = await import('undici');
  const limit = Math.ceil(1000 * seconds);
  let answer: { status: number; text: string };
  try {
    const response = await request(url, {
      dispatcher: once ? client.once : client.again,
      method,
      headers: { ...(type && { 'content-type': type }), ...(authorization && { authorization }) },
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(limit),
      headersTimeout: limit,
      bodyTimeout: limit,
    });
    answer = { status: response.statusCode, text: await response.body.text() };
  } catch (error) {
    throw MlflowUnreachable(server, describeFailure(error, seconds));
  }
  const { status, text } = answer;
  if (status === 429 || status >= 500) throw MlflowUnreachable(server, `it answers ${refusalOf(status, text).words}`);
  return answer;
}

/** MLflow answers errors with `{ error_code, message }`; what stands before it, such as a proxy, with anything. */
function refusalOf(status: number, text: string): Refusal {
  const { error_code: code, message } = (jsonOf(text) ?? {}) as { error_code?: unknown; message?: unknown };
  return typeof code === 'string' ? { code, words: `${status} ${String(message)}` } : { words: String(status) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describeFailure(error: unknown, seconds: number): string {
  const { name, code, message } = error as NodeJS.ErrnoException;
  return name === 'TimeoutError' || code?.endsWith('_TIMEOUT') ? `it does not answer within ${Math.round(seconds)} s` : code || message;
}
