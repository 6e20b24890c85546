import type { FastifyInstance, InjectOptions } from 'fastify';
import pino from 'pino';
import sharp from 'sharp';
import { vi } from 'vitest';
import { buildApp, type RunningServer, type ServerConfig, serve, serverConfig } from '../lib/server';
import { bundleClient } from '../lib/server/client';
import type { TestHome } from './pipeline.fixture';

const log = pino({ level: 'silent' });

/** A part of a form: a file, or with text as its content a plain field. */
export interface FormPart {
  readonly field?: string;
  readonly filename?: string;
  readonly content: Uint8Array | string;
}

/** A form as `inject` sends it. */
export function multipart(...parts: readonly FormPart[]): Pick<InjectOptions, 'payload' | 'headers'> {
  const boundary = 'visionbook-boundary-7MA4YWxkTrZu0gW';
  const pieces = parts.flatMap(({ field = 'image', filename = 'picture.jpg', content }) => {
    const isText = typeof content === 'string';
    const file = isText ? '' : `; filename="${filename}"`;
    const type = isText ? '' : 'Content-Type: application/octet-stream\r\n';
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"${file}\r\n${type}\r\n`;
    return [Buffer.from(head), Buffer.from(content), Buffer.from('\r\n')];
  });
  return {
    payload: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}

/** A plain form as `inject` sends it, from a browser that shows pages. */
export function form(fields: Readonly<Record<string, string | readonly string[]>>): Pick<InjectOptions, 'payload' | 'headers'> {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => [name, one as string]));
  return {
    payload: new URLSearchParams(pairs).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html,*/*' },
  };
}

/** A JPEG of the given size; every seed has its own colours. */
export async function photo(seed: number, width = 320, height = 240): Promise<Buffer> {
  const colours = Buffer.from(Array.from({ length: 8 * 6 * 3 }, (_, index) => (seed * 97 + index * index * 31) % 256));
  return sharp(colours, { raw: { width: 8, height: 6, channels: 3 } })
    .resize(width, height, { fit: 'fill' })
    .jpeg()
    .toBuffer();
}

/** A server on a free port of this computer, with a test home's files, once its database answers. */
export async function startServer({ workspace }: Pick<TestHome, 'workspace'>): Promise<RunningServer> {
  const server = await serve({ workspace, config: serverConfig({}, { port: 0 }), log });
  await vi.waitUntil(() => server.context.database.health().reachable, { timeout: 120_000 });
  return server;
}

/** The same server's application with other settings; it does not listen. */
export async function appWith({ context }: RunningServer, changes: Partial<ServerConfig>): Promise<FastifyInstance> {
  const config = { ...context.config, ...changes };
  return buildApp({ context: { ...context, config }, bundle: await bundleClient(), version: '0.0.0', log });
}
