import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { z } from 'zod';
import type { OnProgress } from '../progress';
import { withComment } from './servePictures';

/** Clients that each send a picture, wait for the answer and send the next, over a connection that stays open. */
export interface LoadRequest {
  /** Such as `http://127.0.0.1:5000`. */
  readonly origin: string;
  /** Where pictures are sent to. */
  readonly path: string;
  /** JPEG files, sent in turn; every time with another comment, under which `name` stands, so that none is sent twice. */
  readonly pictures: readonly string[];
  readonly name: string;
  readonly clients: number;
  /** Before anything counts. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Ends the load earlier: when the retraining whose status stands there no longer runs. */
  readonly whileRunning?: string;
}

const number = z.number();

export const loadResultSchema = z.object({
  /** How long it was measured. */
  seconds: number,
  /** Answers in this time. */
  answered: z.number().int(),
  /** Of each answer, in ms, those included that were under way at the end. */
  latencies: z.array(number),
  /** What came instead of an answer, and how often. */
  errors: z.record(z.string(), z.number().int()),
});

export type LoadResult = z.infer<typeof loadResultSchema>;

/** Who was turned away tries again after this time: the server asks for more, and less would measure how fast it can refuse. */
const pauseAfterError = 100;
const statusEvery = 250;
/** Longer than any queue. */
const patience = 30_000;

/** Puts a server under load and measures its answers. Whatever goes wrong with a request is counted. */
export async function runLoad(request: LoadRequest, onProgress: OnProgress = () => {}): Promise<LoadResult> {
  const { origin, clients, warmUpSeconds, seconds, whileRunning } = request;
  const pictures = await Promise.all(request.pictures.map((file) => readFile(file)));
  const began = performance.now() + 1000 * warmUpSeconds;
  let ends = began + 1000 * seconds;
  let sent = 0;
  let answered = 0;
  const latencies: number[] = [];
  const errors: Record<string, number> = {};

  async function client(connection: Client): Promise<void> {
    while (performance.now() < ends) {
      const index = sent++;
      const picture = withComment(pictures[index % pictures.length]!, `${request.name} ${index}`);
      const sentAt = performance.now();
      const problem = await send(connection, request.path, picture, `${index}.jpg`);
      const receivedAt = performance.now();
      if (receivedAt < began) continue;
      if (problem !== undefined) {
        errors[problem] = (errors[problem] ?? 0) + 1;
        await sleep(pauseAfterError);
        continue;
      }
      latencies.push(receivedAt - sentAt);
      if (receivedAt <= ends) answered++;
    }
  }

  async function watch(connection: Client): Promise<void> {
    for (let now = performance.now(); now < ends; now = performance.now()) {
      onProgress({ label: 'seconds', done: Math.max(0, Math.round((now - began) / 1000)), total: seconds });
      if (whileRunning !== undefined && !(await isRunning(connection, whileRunning))) ends = Math.max(began, performance.now());
      else await sleep(Math.min(statusEvery, Math.max(0, ends - performance.now())));
    }
  }

  const connections = Array.from({ length: clients + 1 }, () => new Client(origin, { headersTimeout: patience, bodyTimeout: patience }));
  try {
    const [watching, ...sending] = connections;
    await Promise.all([watch(watching!), ...sending.map(client)]);
  } finally {
    await Promise.all(connections.map((connection) => connection.destroy()));
  }
  return { seconds: (ends - began) / 1000, answered, latencies, errors };
}

const answerSchema = z.object({ predictions: z.array(z.object({ prediction: z.string() })).length(1) });

/** @returns what went wrong, in a few words */
async function send(connection: Client, path: string, picture: Uint8Array, filename: string): Promise<string | undefined> {
  try {
    const { statusCode, body } = await connection.request({ method: 'POST', path, ...multipart(picture, filename) });
    const text = await body.text();
    if (statusCode !== 200) return [statusCode, codeOf(text)].join(' ').trim();
    return answerSchema.safeParse(parse(text)).success ? undefined : '200 without a prediction';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
}

async function isRunning(connection: Client, path: string): Promise<boolean> {
  const { body } = await connection.request({ method: 'GET', path });
  return z.object({ status: z.string() }).parse(await body.json()).status === 'running';
}

const boundary = 'visionbook-bench';

/** A form with one file, in the field `image`. Its type is inferred: the notebooks' compiler knows no generic `Buffer`. */
export function multipart(picture: Uint8Array, filename: string) {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="${filename}"\r\ncontent-type: image/jpeg\r\n\r\n`;
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), picture, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

function codeOf(text: string): string {
  const body = z.object({ code: z.string() }).safeParse(parse(text));
  return body.success ? body.data.code : '';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
