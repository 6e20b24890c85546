import { once } from 'node:events';
import net from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Admission, openAdmission } from '../lib/server/admission';

let app: FastifyInstance;
let admission: Admission;
let open: () => void;

/** A route that answers only after `open()`, behind an admission of 3 requests and 1,000 bytes. */
beforeEach(() => {
  admission = openAdmission({ maximumRequests: 3, maximumBytes: 1000, maximumPerRequest: 600 });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  app = fastify();
  app.addContentTypeParser('*', (_, body, done) => {
    body.resume().on('end', () => done(null));
  });
  app.post('/', { onRequest: admission.hook }, async () => opened.then(() => 'done'));
  app.get('/free', async () => 'free');
});
afterEach(() => app.close());

const send = (bytes: number) => app.inject({ method: 'POST', url: '/', payload: Buffer.alloc(bytes) });

async function settle(requests: number, bytes: number): Promise<void> {
  for (let tries = 0; tries < 100 && admission.state().requests !== requests; tries++) await sleep(10);
  expect(admission.state()).toEqual({ requests, bytes });
}

describe('admission', () => {
  it('lets so many requests in, and the next when one of them is answered', async () => {
    const under = [send(10), send(10), send(10)];
    await settle(3, 30);
    const refused = await send(10);
    expect(refused.statusCode).toBe(503);
    expect(refused.headers['retry-after']).toBe('1');
    expect(refused.json()).toEqual({ code: 'BUSY', message: expect.stringContaining('try again') });
    expect((await app.inject('/free')).statusCode).toBe(200);
    open();
    expect((await Promise.all(under)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    await settle(0, 0);
    expect((await send(10)).statusCode).toBe(200);
  });

  it('lets so many bytes in; a long body counts what is ever held of it', async () => {
    const long = send(5000);
    await settle(1, 600);
    expect((await send(401)).statusCode).toBe(503);
    const short = send(400);
    await settle(2, 1000);
    open();
    await Promise.all([long, short]);
    await settle(0, 0);
  });

  it('counts the most for a body that does not say how long it is', async () => {
    const chunked = app.inject({
      method: 'POST',
      url: '/',
      headers: { 'transfer-encoding': 'chunked' },
      payload: Readable.from([Buffer.alloc(5)]),
    });
    await settle(1, 600);
    open();
    await chunked;
    await settle(0, 0);
  });

  it('forgets a client that went away in the middle of its body', async () => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as net.AddressInfo;
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-type: a/b\r\ncontent-length: 500\r\n\r\nhalf');
    await settle(1, 500);
    socket.destroy();
    await settle(0, 0);
  });
});
