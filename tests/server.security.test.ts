import { request as undiciRequest } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningServer, serverConfig } from '../lib/server';
import { copyOfTrained } from './pipeline.fixture';
import { appWith, form, multipart, photo, startServer } from './server.fixture';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer(await copyOfTrained());
});
afterAll(() => server?.close());

const json = { accept: 'application/json' };
const token = 'correct horse battery';

describe('every answer', () => {
  it('has headers that keep other sites, scripts and guesses of types away', async () => {
    const { app } = server;
    for (const url of ['/', '/models', '/predictions', '/nowhere']) {
      const { headers } = await app.inject(url);
      expect(headers['content-security-policy'], url).toMatch(/^default-src 'none';script-src 'self';style-src 'self';/);
      expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:|\*/);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'same-origin',
      });
      expect(headers).not.toHaveProperty('x-powered-by');
    }
  });

  it('tells of no folder and no line of code when something breaks', async () => {
    const { app, context } = server;
    const broken = vi
      .spyOn(context.database.predictions, 'get')
      .mockRejectedValueOnce(new Error(`ENOENT: ${context.workspace.outputs}/secret`));
    const response = await app.inject({ url: '/predictions/1', headers: json });
    expect(broken).toHaveBeenCalled();
    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({ code: 'INTERNAL', message: expect.any(String) });
    expect(response.body).not.toMatch(/\/|\bat \w+ \(|ENOENT/);
  });
});

describe('a page of another site', () => {
  const attack = (headers: Record<string, string>) =>
    server.app.inject({
      method: 'POST',
      url: '/trigger_retrain',
      ...form({}),
      headers: { ...form({}).headers, host: 'localhost:5000', ...headers },
    });

  it('cannot act with the rights of whoever looks at it', async () => {
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost:5001' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const response = await attack(headers);
      expect(response.statusCode, JSON.stringify(headers)).toBe(403);
    }
    // It is let through, and there is nothing to retrain on.
    expect((await attack({ origin: 'http://localhost:5000' })).statusCode).toBe(422);
  });

  it('cannot become local by a name of its own that leads to this computer', async () => {
    const response = await attack({ host: 'evil.example:5000', origin: 'http://evil.example:5000' });
    expect(response.statusCode).toBe(401);
  });

  it('may call the API when CORS_ORIGINS names it, and only then', async () => {
    const app = await appWith(server, { corsOrigins: ['https://lab.example'] });
    const from = (origin: string) => app.inject({ url: '/predictions', headers: { origin } });
    expect((await from('https://lab.example')).headers['access-control-allow-origin']).toBe('https://lab.example');
    expect((await from('https://evil.example')).headers).not.toHaveProperty('access-control-allow-origin');
    const sent = multipart({ content: await photo(1) });
    const post = await app.inject({
      method: 'POST',
      url: '/food/predict',
      ...sent,
      headers: { ...sent.headers, origin: 'https://lab.example' },
    });
    expect(post.statusCode).toBe(200);
  });
});

describe('what is for administrators', () => {
  const routes = [
    ['DELETE', '/predictions/delete'],
    ['POST', '/reset_db'],
    ['POST', '/trigger_retrain'],
    ['POST', '/models/rollback'],
    ['POST', '/models/promote'],
    ['POST', '/models/trial'],
  ] as const;

  it.each(routes)('needs the token where one is set: %s %s', async (method, url) => {
    const app = await appWith(server, { adminToken: token });
    const ask = async (headers: Record<string, string>) => (await app.inject({ method, url, headers: { ...json, ...headers } })).statusCode;
    expect(await ask({})).toBe(401);
    expect(await ask({ authorization: 'Bearer wrong horse battery' })).toBe(401);
    expect(await ask({ authorization: `Basic ${token}` })).toBe(401);
    expect(await ask({ cookie: 'admin=wrong' })).toBe(401);
    expect([401, 403]).not.toContain(await ask({ authorization: `Bearer ${token}` }));
  });

  it('is closed to everybody where the network reaches the server and no token is set', async () => {
    const app = await appWith(server, { isLocal: false });
    for (const [method, url] of routes) {
      const response = await app.inject({ method, url, headers: json });
      expect([response.statusCode, response.json().code], url).toEqual([403, 'ADMIN_CLOSED']);
    }
  });

  it('opens to a browser that signed in, until it signs out', async () => {
    const app = await appWith(server, { adminToken: token });
    const wrong = await app.inject({ method: 'POST', url: '/sign_in', ...form({ token: 'guess', back: '/models' }) });
    expect(wrong.statusCode).toBe(401);
    expect(wrong.headers).not.toHaveProperty('set-cookie');
    const right = await app.inject({ method: 'POST', url: '/sign_in', ...form({ token, back: '/models' }) });
    expect([right.statusCode, right.headers.location]).toEqual([303, '/models']);
    expect(right.headers['set-cookie']).toMatch(/^admin=.*HttpOnly.*SameSite=Strict/);
    const cookie = String(right.headers['set-cookie']).split(';')[0]!;
    const retrain = await app.inject({ method: 'POST', url: '/trigger_retrain', headers: { ...json, cookie } });
    expect(retrain.statusCode).toBe(422);
    const out = await app.inject({ method: 'POST', url: '/sign_out', ...form({}), headers: { ...form({}).headers, cookie } });
    expect(out.headers['set-cookie']).toMatch(/^admin=;/);
  });

  it('lets nobody guess for long', async () => {
    const app = await appWith(server, { adminToken: token });
    const guesses = [];
    for (let guess = 0; guess < 12; guess++)
      guesses.push((await app.inject({ method: 'POST', url: '/sign_in', ...form({ token: `guess ${guess}` }) })).statusCode);
    expect(guesses.slice(0, 10)).toEqual(Array(10).fill(401));
    expect(guesses.slice(10)).toEqual([429, 429]);
  });

  it('is no resetting of a database that is in production', async () => {
    const app = await appWith(server, { isDevelopment: false });
    const response = await app.inject({ method: 'POST', url: '/reset_db', headers: json });
    expect([response.statusCode, response.json().code]).toEqual([403, 'DEVELOPMENT_ONLY']);
  });
});

describe('too much', () => {
  it('is turned away from one address, with the time to wait', async () => {
    const app = await appWith(server, { uploadsPerMinute: 3 });
    const request = multipart({ content: await photo(1) });
    const statuses = [];
    for (let time = 0; time < 5; time++) statuses.push(await app.inject({ method: 'POST', url: '/food/predict', ...request }));
    expect(statuses.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 429, 429]);
    expect(Number(statuses[4]!.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('at once, 1,000 uploads over the network, is answered or turned away, and memory stays bounded', async () => {
    const { payload, headers } = multipart({ content: await photo(1, 640, 480) });
    const before = process.memoryUsage.rss();
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    const upload = async (): Promise<number> => {
      const {
        statusCode,
        headers: answer,
        body,
      } = await undiciRequest(`${server.address}/food/predict`, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body: payload as Buffer,
      });
      await body.dump();
      if (statusCode === 503) expect(Number(answer['retry-after'])).toBeGreaterThan(0);
      return statusCode;
    };
    const statuses = await Promise.all(Array.from({ length: 1000 }, upload));
    clearInterval(watch);
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(64);
    expect(peak - before).toBeLessThan(300e6);
    // And it goes on.
    expect(await upload()).toBe(200);
    expect(server.context.admission.state()).toEqual({ requests: 0, bytes: 0 });
  });
});

describe('the settings of the server', () => {
  it('come from the environment, and the command line goes before it', () => {
    const env = {
      PORT: '8080',
      HOST: '0.0.0.0',
      ADMIN_TOKEN: token,
      CORS_ORIGINS: 'https://a.example, https://b.example',
      NODE_ENV: 'production',
    };
    expect(serverConfig(env)).toMatchObject({
      port: 8080,
      isLocal: false,
      isDevelopment: false,
      corsOrigins: ['https://a.example', 'https://b.example'],
      uploadsPerMinute: 600,
    });
    expect(serverConfig(env, { port: 9000, host: 'localhost' })).toMatchObject({ port: 9000, isLocal: true, uploadsPerMinute: 0 });
    expect(serverConfig({ ADMIN_TOKEN: '' })).toMatchObject({ port: 5000, host: '127.0.0.1', adminToken: undefined });
  });

  it('that cannot be used are all named', () => {
    expect(() => serverConfig({ PORT: 'http', ADMIN_TOKEN: 'short', LOG_LEVEL: 'loud' })).toThrow(
      /PORT: [\s\S]*ADMIN_TOKEN: [\s\S]*LOG_LEVEL: /,
    );
  });
});
