import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPending } from '../lib/corrections';
import { sha256 } from '../lib/files';
import { promote, readServed } from '../lib/models';
import type { RunningServer } from '../lib/server';
import { food } from '../lib/tasks';
import { temporaryWorkspace } from './data.fixtures';
import { copyOfTrained, type TestHome } from './pipeline.fixture';
import { galaxyClasses, galaxyModel, saveRun } from './served.fixture';
import { form, multipart, photo, startServer } from './server.fixture';

let home: TestHome;
let server: RunningServer;
let inject: RunningServer['app']['inject'];
beforeAll(async () => {
  home = await copyOfTrained();
  server = await startServer(home);
  inject = server.app.inject.bind(server.app) as typeof inject;
});
afterAll(() => server?.close());

const json = { accept: 'application/json' };
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

async function predict(seed: number) {
  const response = await inject({ method: 'POST', url: '/food/predict', ...multipart({ content: await photo(seed) }) });
  expect(response.statusCode, response.body).toBe(200);
  return response.json().predictions[0];
}
async function upload(seed: number): Promise<string> {
  await predict(seed);
  return `${sha256(await photo(seed))}.jpg`;
}

describe('POST /predict', () => {
  it('answers with what the model says, as the same command line would', async () => {
    const prediction = await predict(1);
    expect(prediction).toMatchObject({ filename: 'picture.jpg', model: (await readServed(home.workspace, 'food'))!.run });
    expect(Object.keys(prediction.probabilities)).toEqual(food.classes.map(({ name }) => name));
    expect(prediction.id).toBeGreaterThan(0);
    expect(prediction.confidence).toBeGreaterThan(0);
    expect(Math.abs(Date.parse(prediction.timestamp) - Date.now())).toBeLessThan(60_000);
  });

  it('takes several pictures, in fields of either name, and gives each its own number', async () => {
    const parts = [
      { field: 'image', filename: 'a.jpg', content: await photo(2) },
      {
        field: 'file',
        filename: '../../etc/b.png',
        content: await sharp(await photo(3))
          .png()
          .toBuffer(),
      },
      { field: 'note', content: 'passed over' },
      {
        field: 'file',
        filename: 'c.webp',
        content: await sharp(await photo(4))
          .webp()
          .toBuffer(),
      },
    ];
    const { predictions } = (await inject({ method: 'POST', url: '/predict?task=food', ...multipart(...parts) })).json();
    expect(predictions.map(({ filename }: { filename: string }) => filename)).toEqual(['a.jpg', 'b.png', 'c.webp']);
    expect(new Set(predictions.map(({ id }: { id: number }) => id)).size).toBe(3);
  });

  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
  it.each<[string, () => Promise<object>, number, string]>([
    ['no picture', async () => multipart({ field: 'note', content: 'hello' }), 400, 'NO_PICTURE'],
    ['a picture in a field of another name', async () => multipart({ field: 'photo', content: await photo(1) }), 400, 'NO_PICTURE'],
    ['JSON', async () => ({ payload: { image: 'x' } }), 415, 'NOT_MULTIPART'],
    ['an SVG that calls itself a JPEG', async () => multipart({ content: Buffer.from(svg) }), 415, 'NOT_A_PICTURE'],
    ['an empty file', async () => multipart({ content: Buffer.alloc(0) }), 415, 'NOT_A_PICTURE'],
    ['half a picture', async () => multipart({ content: (await photo(1)).subarray(0, 900) }), 422, 'UNREADABLE_PICTURE'],
    [
      'a picture of 100 million pixels',
      async () =>
        multipart({
          content: await sharp({ create: { width: 1e4, height: 1e4, channels: 3, background: '#000' } })
            .png()
            .toBuffer(),
        }),
      413,
      'PICTURE_TOO_LARGE',
    ],
    [
      'a file of more than 12 MB',
      async () => multipart({ content: Buffer.concat([await photo(1), Buffer.alloc(12.1e6)]) }),
      413,
      'PICTURE_TOO_LARGE',
    ],
    ['too many files', async () => multipart(...Array(33).fill({ content: await photo(1, 32, 24) })), 413, 'FST_FILES_LIMIT'],
    [
      'a form that does not end',
      async () => {
        const whole = multipart({ content: await photo(1) });
        return { ...whole, payload: (whole.payload as Buffer).subarray(0, 500) };
      },
      400,
      'MALFORMED_FORM',
    ],
    [
      'a form without its boundary',
      async () => ({ ...multipart({ content: await photo(1) }), headers: { 'content-type': 'multipart/form-data' } }),
      400,
      'MALFORMED_FORM',
    ],
  ])('refuses %s', async (_, request, status, code) => {
    const before = (await inject('/predictions')).json().total;
    const response = await inject({ method: 'POST', url: '/food/predict', ...(await request()) });
    expect([response.statusCode, response.json().code], response.body).toEqual([status, code]);
    expect(response.json().message.length).toBeGreaterThan(10);
    expect((await inject('/predictions')).json().total).toBe(before);
  });

  it('records none of several pictures when one of them cannot be read', async () => {
    const before = (await inject('/predictions')).json().total;
    const request = multipart({ content: await photo(5) }, { filename: 'bad.jpg', content: Buffer.from('no picture') });
    expect((await inject({ method: 'POST', url: '/food/predict', ...request })).statusCode).toBe(415);
    expect((await inject('/predictions')).json().total).toBe(before);
  });

  it('says which tasks there are when asked for another', async () => {
    const response = await inject({ method: 'POST', url: '/predict?task=cats', ...multipart({ content: await photo(1) }) });
    expect([response.statusCode, response.json()]).toMatchObject([404, { code: 'UNKNOWN_TASK', message: expect.stringContaining('food') }]);
  });
});

describe('the log of predictions', () => {
  it('lists the latest first, page by page, and gives one by its number', async () => {
    const made = [];
    for (let seed = 10; seed < 15; seed++) made.push(await predict(seed));
    const seen: number[] = [];
    let cursor = '';
    do {
      const page = (await inject(`/predictions?task=food&limit=2${cursor}`)).json();
      seen.push(...page.predictions.map(({ id }: { id: number }) => id));
      cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : '';
    } while (cursor !== '');
    expect(seen.slice(0, 5)).toEqual(made.map(({ id }) => id).reverse());
    expect(new Set(seen).size).toBe((await inject('/predictions?task=food')).json().total);
    expect((await inject(`/predictions/${made[2]!.id}`)).json()).toMatchObject({ id: made[2]!.id, task: 'food', corrected: null });
  });

  it.each([
    ['/predictions/999999999', 404, 'NO_SUCH_PREDICTION'],
    ['/predictions/abc', 400, 'BAD_REQUEST'],
    ['/predictions?limit=1000', 400, 'BAD_REQUEST'],
    ['/predictions?cursor=nonsense', 400, 'BAD_CURSOR'],
    ['/predictions?from=yesterday', 400, 'BAD_REQUEST'],
  ])('answers %s with %d', async (url, status, code) => {
    const response = await inject(url);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
  });

  it('deletes what is older than a time, and says how many', async () => {
    await predict(16);
    const { total } = (await inject('/predictions')).json();
    const none = await inject({ method: 'DELETE', url: '/predictions/delete?before=2001-01-01T00:00:00Z' });
    expect(none.json()).toEqual({ deleted: 0 });
    expect((await inject({ method: 'DELETE', url: '/predictions/delete?task=food' })).json()).toEqual({ deleted: total });
    expect((await inject('/predictions')).json().total).toBe(0);
  });

  it('is made anew in development, and numbers go on', async () => {
    const { id } = await predict(17);
    expect((await inject({ method: 'POST', url: '/reset_db' })).json()).toEqual({ reset: true });
    expect((await inject('/predictions')).json().total).toBe(0);
    expect((await predict(18)).id).toBeGreaterThan(id);
  });
});

describe('corrections', () => {
  it('are kept with their picture, replaced by a later one, shown with the prediction, and taken back', async () => {
    const name = await upload(20);
    const correct = (labels: readonly string[], more: object = {}) =>
      inject({ method: 'POST', url: '/correct_labels', headers: json, payload: { upload: name, labels, ...more } });
    expect((await correct(['arroz'])).json()).toMatchObject({ labels: ['arroz'], pending: 1 });
    expect((await correct(['lacteos', 'frutas/verduras'])).json()).toMatchObject({ labels: ['lacteos', 'frutas/verduras'], pending: 1 });
    const [pending, ...others] = await readPending(home.workspace, food);
    expect(others).toEqual([]);
    expect(pending).toMatchObject({ labels: [1, 0, 1], sha256: name.split('.')[0] });
    expect(readFileSync(pending!.path)).toEqual(await photo(20));
    const [listed] = (await inject('/predictions?limit=1')).json().predictions;
    expect(listed.corrected).toEqual(['lacteos', 'frutas/verduras']);

    const undone = await inject({ method: 'POST', url: '/undo_correction', headers: json, payload: { upload: name } });
    expect(undone.json()).toMatchObject({ labels: null, pending: 0 });
    expect(await readPending(home.workspace, food)).toEqual([]);
    expect((await inject('/predictions?limit=1')).json().predictions[0].corrected).toBe(null);
  });

  it('may say that a picture shows none of the classes, by the number of its prediction', async () => {
    const { id } = await predict(21);
    const response = await inject({ method: 'POST', url: '/correct_labels', headers: json, payload: { prediction: id, none: true } });
    expect(response.json()).toMatchObject({ labels: [], pending: 1 });
    expect((await readPending(home.workspace, food))[0]!.labels).toEqual([0, 0, 0]);
  });

  it('come from a plain form too, which goes back to where it was, and never elsewhere', async () => {
    const name = await upload(22);
    const send = (back: string) =>
      inject({ method: 'POST', url: '/correct_labels', ...form({ upload: name, labels: ['arroz', 'lacteos'], back }) });
    const response = await send('/history?task=food');
    expect([response.statusCode, response.headers.location]).toEqual([303, '/history?task=food']);
    for (const elsewhere of ['https://evil.example/', '//evil.example/', '/\\evil.example'])
      expect((await send(elsewhere)).headers.location).toBe('/');
  });

  it('are all counted when 50 come at once', async () => {
    const names = await Promise.all(Array.from({ length: 50 }, (_, index) => upload(100 + index)));
    const before = (await readPending(home.workspace, food)).length;
    const responses = await Promise.all(
      names.map((name) => inject({ method: 'POST', url: '/correct_labels', headers: json, payload: { upload: name, labels: ['arroz'] } })),
    );
    expect(responses.map(({ statusCode }) => statusCode)).toEqual(responses.map(() => 200));
    expect(await readPending(home.workspace, food)).toHaveLength(before + 50);
  });

  it.each<[string, object, number, string]>([
    ['an unknown class', { upload: `${'0'.repeat(64)}.jpg`, labels: ['pizza'] }, 422, 'UNKNOWN_CLASS'],
    ['no class and not none', { upload: `${'0'.repeat(64)}.jpg` }, 422, 'NO_LABELS'],
    ['a class and none', { upload: `${'0'.repeat(64)}.jpg`, labels: ['arroz'], none: true }, 422, 'NO_LABELS'],
    ['an upload that is gone', { upload: `${'0'.repeat(64)}.jpg`, labels: ['arroz'] }, 404, 'NO_SUCH_UPLOAD'],
    ['a way out of the folder', { upload: '../../../etc/passwd', labels: ['arroz'] }, 400, 'BAD_REQUEST'],
    ['no upload', { labels: ['arroz'] }, 404, 'NO_SUCH_UPLOAD'],
  ])('refuse %s', async (_, payload, status, code) => {
    const response = await inject({ method: 'POST', url: '/correct_labels', headers: json, payload });
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
  });
});

describe('uploads', () => {
  it('are shown drawn anew, without the metadata that they came with', async () => {
    const content = await sharp(await photo(30, 1600, 900))
      .withExif({ IFD0: { Copyright: 'a secret' } })
      .jpeg()
      .toBuffer();
    await inject({ method: 'POST', url: '/food/predict', ...multipart({ content }) });
    const response = await inject(`/uploads/${sha256(content)}.jpg?size=200`);
    expect(response.headers['content-type']).toBe('image/webp');
    const metadata = await sharp(response.rawPayload).metadata();
    expect(metadata).toMatchObject({ format: 'webp', width: 200 });
    expect(metadata).not.toHaveProperty('exif');
    expect(response.rawPayload.includes('a secret')).toBe(false);
  });

  it('have a map for each class, which differ', async () => {
    const name = await upload(31);
    const maps = await Promise.all([0, 1, 2].map((index) => inject(`/maps/${name}?class=${index}`)));
    for (const map of maps) expect(map.statusCode).toBe(200);
    expect(new Set(maps.map(({ rawPayload }) => sha256(rawPayload))).size).toBeGreaterThan(1);
    expect((await inject(`/maps/${name}?class=3`)).statusCode).toBe(422);
  });

  it.each([
    '/uploads/..%2f..%2fpackage.json',
    '/uploads/..%5c..%5cpackage.json',
    `/uploads/${'0'.repeat(64)}.jpg`,
    '/uploads/model.onnx',
    '/assets/../package.json',
  ])('do not lead to other files: %s', async (url) => {
    const response = await inject({ url, headers: json });
    expect(response.statusCode).toBe(404);
    expect(response.body).not.toContain('visionbook"');
  });
});

describe('pages', () => {
  it.each(['/', '/models', '/history', '/review', '/sign_in'])(
    '%s has a title, one language and no script or style of its own',
    async (url) => {
      const response = await inject({ url, headers: html });
      expect(response.statusCode, response.body).toBe(200);
      expect(response.body).toMatch(/<html lang="en"[^>]*>[\s\S]*<title>[^<]+<\/title>/);
      expect(response.body).not.toMatch(/<style|style="|<script(?![^>]*(src=|type="application\/json"))|\son\w+="/);
    },
  );

  it('speak the language that the browser asks for, until the visitor chooses', async () => {
    const spanish = { ...html, 'accept-language': 'es-EC,es;q=0.9,en;q=0.8' };
    expect((await inject({ url: '/', headers: spanish })).body).toContain('<html lang="es"');
    const chosen = await inject({ method: 'POST', url: '/language', ...form({ language: 'en', back: '/models' }) });
    expect([chosen.statusCode, chosen.headers.location]).toEqual([303, '/models']);
    const cookie = String(chosen.headers['set-cookie']).split(';')[0]!;
    expect((await inject({ url: '/', headers: { ...spanish, cookie } })).body).toContain('<html lang="en"');
  });

  it('show the answer to a plain form, and the card alone to a script', async () => {
    const request = multipart({ filename: 'lunch.jpg', content: await photo(40) });
    const page = await inject({ method: 'POST', url: '/', ...request, headers: { ...request.headers, ...html } });
    expect(page.body).toMatch(/<!doctype html>[\s\S]*lunch\.jpg/i);
    const fragment = await inject({ method: 'POST', url: '/', ...request, headers: { ...request.headers, accept: 'text/x-fragment' } });
    expect(fragment.body).toContain('lunch.jpg');
    expect(fragment.body).not.toContain('<html');
    const again = await inject({ url: `/?show=${sha256(await photo(40))}.jpg`, headers: html });
    expect(again.body).toContain('lunch.jpg');
  });

  it('say of each picture in a form what is wrong with it, and still answer the others', async () => {
    const request = multipart(
      { filename: 'good.jpg', content: await photo(41) },
      { filename: '<img src=x>.jpg', content: Buffer.from('bad') },
    );
    const page = await inject({ method: 'POST', url: '/', ...request, headers: { ...request.headers, ...html } });
    expect(page.statusCode).toBe(200);
    expect(page.body).toContain('good.jpg');
    expect(page.body).toContain('&lt;img src=x&gt;.jpg');
    expect(page.body).not.toContain('<img src=x>');
  });

  it('show an error as a page to browsers and as JSON to programs', async () => {
    const page = await inject({ url: '/nowhere', headers: html });
    expect([page.statusCode, page.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    const body = await inject({ url: '/nowhere', headers: json });
    expect([body.statusCode, body.json().code]).toEqual([404, 'NO_SUCH_PAGE']);
  });
});

describe('the API document', () => {
  it('lists every route of the API, with the schemas that validate', async () => {
    const document = (await inject('/docs/json')).json();
    for (const [route, method] of [
      ['/predict', 'post'],
      ['/food/predict', 'post'],
      ['/predictions', 'get'],
      ['/predictions/{id}', 'get'],
      ['/predictions/delete', 'delete'],
      ['/reset_db', 'post'],
      ['/health', 'get'],
      ['/correct_labels', 'post'],
      ['/trigger_retrain', 'post'],
      ['/retrain_status', 'get'],
    ] as const)
      expect(document.paths[route]?.[method], route).toBeDefined();
    expect(document.components.schemas.Prediction.properties).toHaveProperty('confidence');
    const limit = document.paths['/predictions'].get.parameters.find(({ name }: { name: string }) => name === 'limit');
    expect(limit.schema).toMatchObject({ maximum: 200 });
  });

  it('has a page that loads nothing from elsewhere', async () => {
    const page = await inject({ url: '/docs/', headers: html });
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    expect(page.headers['content-security-policy']).not.toMatch(/unsafe|https?:|\*/);
  });
});

describe('/health and /metrics', () => {
  it('say which model serves, how the database is, and count', async () => {
    const { run } = (await readServed(home.workspace, 'food'))!;
    expect((await inject('/health')).json()).toMatchObject({
      status: 'ok',
      models: { food: { run, queued: 0 } },
      database: { kind: 'pglite', reachable: true },
    });
    const metrics = (await inject('/metrics')).body;
    expect(metrics).toMatch(/visionbook_http_request_seconds_count\{method="POST",route="\/food\/predict",status="200"\} \d+/);
    expect(metrics).toContain(`visionbook_model_loaded{task="food",run="${run}"} 1`);
  });
});

describe('versions', () => {
  it('are rolled back and promoted by a form, and the next answer is by that model', async () => {
    const { run: current } = (await readServed(home.workspace, 'food'))!;
    const other = readdirSync(path.dirname(home.workspace.model('food', 'x'))).find(
      (name) => name !== current && existsSync(path.join(home.workspace.model('food', name), 'card.json')),
    )!;
    const promoted = await inject({ method: 'POST', url: '/models/promote', ...form({ run: other }) });
    expect([promoted.statusCode, promoted.headers.location]).toEqual([303, '/models']);
    expect((await predict(50)).model).toBe(other);
    await inject({ method: 'POST', url: '/models/rollback', ...form({}) });
    expect((await predict(50)).model).toBe(current);
  });

  it('on trial answer their share, and the page says how often both agree', async () => {
    const { run: current } = (await readServed(home.workspace, 'food'))!;
    const other = readdirSync(path.dirname(home.workspace.model('food', 'x'))).find((name) => name !== current && name.includes('-food-'))!;
    expect((await inject({ method: 'POST', url: '/models/trial', ...form({ run: other, share: '0.5' }) })).statusCode).toBe(303);
    const models = new Set<string>();
    for (let seed = 60; seed < 76; seed++) models.add((await predict(seed)).model);
    expect(models).toEqual(new Set([current, other]));
    await server.context.database.flush();
    const { compared, agreed } = await server.context.database.predictions.agreement({ task: 'food', run: current, other });
    expect(compared).toBeGreaterThan(0);
    expect(agreed).toBeLessThanOrEqual(compared);
    expect((await inject({ method: 'POST', url: '/models/trial', ...form({ end: '1' }) })).statusCode).toBe(303);
    expect((await readServed(home.workspace, 'food'))!.trial).toBe(undefined);
  });

  it('refuse a run that has no model', async () => {
    const response = await inject({
      method: 'POST',
      url: '/models/promote',
      ...form({ run: 'no-such-run' }),
      headers: { ...form({}).headers, ...json },
    });
    expect([response.statusCode, response.json().code]).toEqual([503, 'NO_MODEL']);
  });
});

describe('galaxies', () => {
  const classify = async () => inject({ method: 'POST', url: '/galaxy/predict', ...multipart({ content: await photo(80) }) });

  it('say what to run until there is a model of them, while food is answered', async () => {
    const response = await classify();
    expect([response.statusCode, response.json()]).toMatchObject([
      503,
      { code: 'NO_MODEL', message: expect.stringContaining('npm run train -- galaxy') },
    ]);
    const unnamed = await inject({ method: 'POST', url: '/predict', ...multipart({ content: await photo(80) }) });
    expect(unnamed.json().message).toContain('galaxy');
    expect((await inject({ url: '/galaxy', headers: html })).body).toContain('npm run train -- galaxy');
    await predict(80);
  });

  it('are called one of ten, by their page and their API, as soon as there is a model', async () => {
    await saveRun(home.workspace, 'galaxy', 'first', await galaxyModel(1));
    await promote(home.workspace, 'galaxy', 'first', 'a test');
    await server.context.tasks.find(({ task }) => task.name === 'galaxy')!.inference.refresh();
    const [prediction] = (await classify()).json().predictions;
    expect(Object.keys(prediction.probabilities)).toEqual(galaxyClasses);
    const [name, share] = Object.entries(prediction.probabilities as Record<string, number>).sort((one, other) => other[1] - one[1])[0]!;
    expect(prediction).toMatchObject({ prediction: name, classes: [name], model: 'first' });
    expect(prediction.confidence).toBeCloseTo(share);
    const page = await inject({ method: 'POST', url: '/galaxy', ...multipart({ filename: 'm31.jpg', content: await photo(80) }) });
    expect(page.body).toMatch(/m31\.jpg/);
    expect(page.body).not.toContain('/correct_labels');
    const correction = { upload: `${sha256(await photo(80))}.jpg`, labels: [name], task: 'galaxy' };
    expect((await inject({ method: 'POST', url: '/correct_labels', headers: json, payload: correction })).json().code).toBe(
      'NOT_CORRECTABLE',
    );
    expect((await inject('/predictions?task=galaxy')).json().predictions[0]).toMatchObject({ task: 'galaxy', prediction: name });
  });
});

describe('without a model', () => {
  it('the API and the page say what to run, and everything else works', async () => {
    const workspace = temporaryWorkspace();
    const empty = await startServer({ workspace });
    try {
      const response = await empty.app.inject({ method: 'POST', url: '/food/predict', ...multipart({ content: await photo(1) }) });
      expect([response.statusCode, response.json()]).toMatchObject([
        503,
        { code: 'NO_MODEL', message: expect.stringContaining('npm run train -- food') },
      ]);
      expect(response.headers['retry-after']).toBeDefined();
      const page = await empty.app.inject({ url: '/', headers: html });
      expect(page.statusCode).toBe(200);
      expect(page.body).toContain('npm run train -- food');
      expect((await empty.app.inject('/health')).json()).toMatchObject({ status: 'degraded', models: { food: { run: null } } });
    } finally {
      await empty.close();
    }
  });
});
