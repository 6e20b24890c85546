import { readFile } from 'node:fs/promises';
import { glob } from 'tinyglobby';
import { describe, expect, it } from 'vitest';
import { bundleClient } from '../lib/server/client';
import {
  errorPage,
  historyPage,
  modelsPage,
  type PageContext,
  predictPage,
  type ResultView,
  resultCards,
  reviewPage,
  signInPage,
} from '../lib/server/pages';
import { clientTexts, languages, translator } from '../lib/server/translations';
import { en } from '../lib/server/translations/en';
import { es } from '../lib/server/translations/es';
import {
  breakfast,
  context,
  foodView,
  galaxyView,
  gate,
  idle,
  makePast,
  makeVersion,
  parse,
  spanish,
  textOf,
  upload,
  visitor,
} from './server.pages.fixtures';

const model = { run: '20260301T120000Z-food-finetune-cccccc', dataName: 'sample', isSample: true, isStandIn: true };
const run = (end: string): string => `20260301T120000Z-food-retrain-${end}`;
const serving = makeVersion(run('serves'), { state: 'serving' });
const earlier = makeVersion(run('before'), { state: 'earlier' });
const rejected = makeVersion(run('failed'), { state: 'rejected', gate });
const versions = [rejected, serving, earlier];
const noFilter = { next: null, isContinued: false, total: 0, models: [], filter: {}, predictions: [] };

function card(result: Partial<ResultView> = {}, inside: PageContext = context): Document {
  return parse(resultCards(inside, foodView, [{ ...breakfast, ...result }]));
}

/** Every page, in a state in which there is much on it. */
const everyPage = (inside: PageContext): [string, string][] => [
  [
    'predict',
    predictPage(inside, {
      task: foodView,
      results: [breakfast],
      retraining: { ...idle, last: { at: '2026-03-01T10:00:00Z', verdict: 'rejected', reason: gate.reason, gate } },
      model,
    }),
  ],
  ['predict without a model', predictPage(inside, { task: galaxyView, results: [], problem: { code: 'NO_MODEL', message: 'none' } })],
  [
    'models',
    modelsPage(inside, {
      task: foodView,
      versions,
      compare: [serving, rejected],
      trial: { run: rejected.run, share: 0.2 },
      agreement: { compared: 50, agreed: 45 },
      events: [{ at: '2026-03-01T10:00:00Z', kind: 'promoted', run: serving.run, reason: 'trained' }],
    }),
  ],
  ['history', historyPage(inside, { ...noFilter, task: foodView, predictions: [makePast(1)], total: 1, next: 'c' })],
  ['review', reviewPage(inside, { task: foodView, pictures: [makePast(1), makePast(2)] })],
  ['sign in', signInPage(inside, { back: '/models', wasWrong: true })],
  ['error', errorPage(inside, { status: 404, message: 'there is nothing at /x' })],
];

describe('every page', () => {
  it.each(everyPage(context))('%s keeps to the content security policy: nothing inline, nothing from elsewhere', (_, page) => {
    const { documentElement } = parse(page);
    const inline = [...documentElement.querySelectorAll('*')].filter((element) =>
      element.getAttributeNames().some((name) => name === 'style' || name.startsWith('on')),
    );
    expect(inline).toEqual([]);
    expect(documentElement.querySelectorAll('style, script:not([src]), iframe, object')).toHaveLength(0);
    for (const element of documentElement.querySelectorAll('[src], [href], [action], [formaction]')) {
      for (const name of ['src', 'href', 'action', 'formaction'])
        expect(element.getAttribute(name) ?? '/').toMatch(/^(\/(?!\/)|#|data:image\/svg)/);
    }
  });

  it.each(everyPage(context))('%s can be used with a screen reader: a heading, and a name for every control and picture', (_, page) => {
    const document = parse(page);
    expect(document.querySelectorAll('h1')).toHaveLength(1);
    expect(document.querySelector('a.skip')?.getAttribute('href')).toBe('#main');
    for (const control of document.querySelectorAll('input:not([type=hidden]), select'))
      expect(textOf(control.closest('label'))).not.toBe('');
    for (const button of document.querySelectorAll('button, a')) expect(textOf(button) || button.getAttribute('aria-label')).toBeTruthy();
    for (const image of document.querySelectorAll('img')) expect(image.hasAttribute('alt')).toBe(true);
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(everyPage(context))('%s reserves room for its pictures', (_, page) => {
    for (const image of parse(page).querySelectorAll('img'))
      expect([image.hasAttribute('width'), image.hasAttribute('height')]).toEqual([true, true]);
  });

  it.each(everyPage(spanish))('%s is in Spanish where the reader wants that', (_, page) => {
    const document = parse(page);
    expect(document.documentElement.lang).toBe('es');
    // What other parts of the program say is marked as the English that it is.
    for (const foreign of document.querySelectorAll('[lang=en], code')) foreign.remove();
    expect(textOf(document.body)).not.toMatch(/\b(the|of|picture|pictures|Dairy|Rice|corrections?|Save|this|none)\b/i);
  });

  it('offers the other language and the next colours, and comes back to where the reader was', () => {
    const page = parse(errorPage({ ...context, theme: 'light', path: '/history?task=food&search=a"b' }, { status: 404, message: '' }));
    expect(page.documentElement.dataset.theme).toBe('light');
    expect(page.querySelector<HTMLButtonElement>('[action="/theme"] button')?.value).toBe('dark');
    const language = page.querySelector<HTMLFormElement>('[action="/language"]')!;
    expect(language.querySelector('button')?.value).toBe('es');
    expect(language.querySelector<HTMLInputElement>('[name=back]')?.value).toBe('/history?task=food&search=a"b');
  });

  it('writes names as text, whatever they are', () => {
    const evil = '"><img src=x onerror=alert(1)>';
    const pages = [
      resultCards(context, foodView, [{ ...breakfast, filename: evil, model: evil }]),
      resultCards(context, foodView, [{ id: null, filename: evil, upload: null, error: { message: evil } }]),
      historyPage(context, {
        ...noFilter,
        task: foodView,
        predictions: [makePast(1, { filename: evil })],
        filter: { search: evil },
        models: [evil],
      }),
      modelsPage(context, { task: foodView, versions: [makeVersion(evil, { trainedOn: evil, reason: evil })], events: [] }),
      errorPage({ ...context, path: evil, flash: { kind: 'error', text: evil } }, { status: 404, message: evil }),
      signInPage(context, { back: evil, wasWrong: false }),
    ];
    for (const page of pages) expect(parse(page).querySelector('[onerror]')).toBeNull();
  });
});

describe('a result card', () => {
  it.each<[ResultView['decision'], string, string]>([
    [{ kind: 'classes', classes: ['lacteos', 'frutas/verduras'] }, 'Dairy and Fruit & vegetables', 'Lácteos y Frutas y verduras'],
    [{ kind: 'uncertain', mostLikely: 'arroz' }, 'Not sure, most likely Rice', 'Dudoso, lo más probable: Arroz'],
    [{ kind: 'none' }, 'None of these', 'Nada de esto'],
    [{ kind: 'classes', classes: ['Barred spiral'] }, 'Barred spiral', 'Barred spiral'],
  ])('says of %j "%s", and "%s"', (decision, english, inSpanish) => {
    expect(textOf(card({ decision }).querySelector('h2'))).toBe(english);
    expect(textOf(card({ decision }, spanish).querySelector('h2'))).toBe(inSpanish);
  });

  it('draws a bar a class, marks the threshold, and stresses the classes that reach it', () => {
    const rows = [...card().querySelectorAll('.bars li')];
    expect(rows.map((row) => row.querySelector('.bar-fill')?.getAttribute('width'))).toEqual(['93.10', '2.10', '50.00']);
    expect(rows.map((row) => row.querySelector('.bar-mark')?.getAttribute('x'))).toEqual(['49.75', '49.75', '49.75']);
    expect(rows.map(({ className }) => className)).toEqual(['is-present', '', 'is-present']);
    expect(textOf(rows[0]!.querySelector('.bar-value'))).toBe('93.1%');
    expect(textOf(card({}, spanish).querySelector('.bar-value'))).toBe('93,1 %');
  });

  it('gives each class a line of its own where they differ, and none where the decision was made by another rule', () => {
    const probabilities = [
      { name: 'lacteos', share: 0.6, threshold: 0.7 },
      { name: 'arroz', share: 0.3, threshold: 0.25 },
    ];
    const decision = { kind: 'classes', classes: ['arroz'] } as const;
    const own = card({ probabilities, decision });
    expect([...own.querySelectorAll('.bar-mark')].map((mark) => mark.getAttribute('x'))).toEqual(['69.75', '24.75']);
    expect([...own.querySelectorAll('.bars li')].map(({ className }) => className)).toEqual(['', 'is-present']);
    expect(textOf(own.querySelector('.bars-note'))).toBe('Each class has a line of its own, which decides.');
    const earlier = card({ probabilities: probabilities.map(({ name, share }) => ({ name, share })), decision });
    expect(earlier.querySelector('.bar-mark, .bars-note')).toBeNull();
    expect([...earlier.querySelectorAll('.bars li')].map(({ className }) => className)).toEqual(['', 'is-present']);
  });

  it('sorts the bars of a task with one right class, and folds those that are least probable', () => {
    const probabilities = galaxyView.classes.map((name, index) => ({ name, share: [0.02, 0.8, 0.1, 0.05, 0.02, 0.01][index]! }));
    const galaxy = { ...breakfast, probabilities, decision: { kind: 'classes', classes: ['Barred spiral'] } as const };
    const page = parse(resultCards(context, galaxyView, [galaxy]));
    const names = (selector: string): string[] => [...page.querySelectorAll(`${selector} .bar-name`)].map(textOf);
    expect(names('.bars')).toEqual(['Barred spiral', 'Edge-on', 'Round', 'Merging', 'Cigar', 'Disturbed']);
    expect(names('details .bars')).toEqual(['Cigar', 'Disturbed']);
    expect(page.querySelector('.bar-mark, form')).toBeNull();
  });

  it('links to the overlay of each class by its place in the model, without a script', () => {
    const links = [...card().querySelectorAll<HTMLAnchorElement>('.maps a')];
    expect(links.map((link) => link.getAttribute('href'))).toEqual([0, 1, 2].map((index) => `/maps/${upload}?task=food&class=${index}`));
  });

  it('suggests what the model says as the correction, and nothing where it is not sure', () => {
    const marked = (document: Document): string[] =>
      [...document.querySelectorAll<HTMLInputElement>('.chip input:checked')].map(({ name, value }) => `${name}=${value}`);
    expect(marked(card())).toEqual(['labels=lacteos', 'labels=frutas/verduras']);
    expect(marked(card({ decision: { kind: 'none' } }))).toEqual(['none=1']);
    expect(marked(card({ decision: { kind: 'uncertain', mostLikely: 'arroz' } }))).toEqual([]);
    expect(marked(card({ correction: [0, 1, 0] }))).toEqual(['labels=arroz']);
  });

  it('sends a correction as a plain form, and comes back to the card', () => {
    const page = card({}, { ...context, path: `/?show=${upload}` });
    const form = page.querySelector<HTMLFormElement>('form')!;
    expect([form.method, form.getAttribute('action')]).toEqual(['post', '/correct_labels']);
    const hidden = [...form.querySelectorAll<HTMLInputElement>('[type=hidden]')].map(({ name, value }) => [name, value]);
    expect(Object.fromEntries(hidden)).toEqual({ task: 'food', upload, prediction: '12', back: `/?show=${upload}#result-12` });
  });

  it('offers to undo what was saved, and only that', () => {
    const undo = (document: Document) => document.querySelector<HTMLButtonElement>('[formaction="/undo_correction"]')!;
    expect(undo(card()).hidden).toBe(true);
    const saved = card({ correction: [0, 1, 0] });
    expect(undo(saved).hidden).toBe(false);
    expect(textOf(saved.querySelector('.saved'))).toBe('Saved: Rice');
  });

  it('stands without a number, and without a picture that is not kept any more', () => {
    const page = card({ id: null, upload: null });
    expect(page.querySelector('article')?.id).toBe('');
    expect(page.querySelector('.no-picture')?.getAttribute('aria-label')).toBe('The picture is not kept any more');
    expect(page.querySelector('form, .maps')).toBeNull();
  });

  it('says an error in the reader’s language where its code is known, and as it came where not', () => {
    const failed = (code: string, inside: PageContext): string =>
      textOf(
        parse(
          resultCards(inside, foodView, [{ id: null, filename: 'a.svg', upload: null, error: { code, message: 'no such luck' } }]),
        ).querySelector('.decision'),
      );
    expect(failed('NOT_A_PICTURE', spanish)).toBe('Esto no es una imagen JPG, PNG o WebP.');
    expect(failed('SOMETHING_ELSE', spanish)).toBe('no such luck');
  });
});

describe('the page of a task', () => {
  const page = (rest: Partial<Parameters<typeof predictPage>[1]> = {}, inside = context): Document =>
    parse(predictPage(inside, { task: foodView, results: [], model, ...rest }));

  it('takes several pictures by a plain form', () => {
    const form = page().querySelector<HTMLFormElement>('form#upload')!;
    expect([form.method, form.getAttribute('action'), form.enctype]).toEqual(['post', '/', 'multipart/form-data']);
    const input = form.querySelector<HTMLInputElement>('[name=image]')!;
    expect([input.multiple, input.accept]).toEqual([true, 'image/jpeg,image/png,image/webp']);
    expect(form.querySelectorAll('[name]')).toHaveLength(1); // the camera's field would send an empty file
  });

  it('names the sample and stand-in weights as what they are', () => {
    expect(textOf(page().querySelector('.model-facts'))).toMatch(/finetune · cccccc trained on the generated sample stand-in weights/);
    const real = page({ model: { ...model, dataName: 'food11', isSample: false, isStandIn: false } });
    expect(textOf(real.querySelector('.badges'))).toBe('trained on food11');
    expect(textOf(real.querySelector('.model-facts'))).not.toMatch(/sample|stand-in/);
  });

  it('says what to run where there is no model, and takes no pictures', () => {
    const document = parse(predictPage(context, { task: galaxyView, results: [], problem: { code: 'NO_MODEL', message: 'none' } }));
    expect(textOf(document.querySelector('pre'))).toBe('npm run train -- galaxy');
    expect(document.querySelector('#upload, #pending')).toBeNull();
  });

  it('counts the corrections until the next retraining', () => {
    const panel = page({ retraining: idle }).querySelector('#retraining')!;
    expect(textOf(panel.querySelector('.headline'))).toBe('7 of 10 corrections');
    expect(panel.querySelector('progress')?.value).toBe(7);
    expect(panel.querySelector('progress')?.max).toBe(10);
  });

  it('lets administrators retrain now, once there is a correction, and others sign in', () => {
    const button = (pending: number): HTMLButtonElement | null =>
      page({ retraining: { ...idle, pending } }).querySelector('[action="/trigger_retrain"] button');
    expect(button(1)?.disabled).toBe(false);
    expect(button(0)?.disabled).toBe(true);
    const seen = page({ retraining: idle }, visitor);
    expect(seen.querySelector('[action="/trigger_retrain"]')).toBeNull();
    expect(seen.querySelector('#retraining a')?.getAttribute('href')).toBe('/sign_in?back=%2F');
  });

  it('shows how far a retraining is', () => {
    const panel = page({
      retraining: { ...idle, status: 'running', stage: 'training', progress: 0.4, epoch: 2, epochs: 3, etaSeconds: 95 },
    }).querySelector('#retraining')!;
    expect(textOf(panel.querySelector('.headline'))).toBe('Training the new model');
    expect(panel.querySelector('progress')?.value).toBe(0.4);
    expect(textOf(panel.querySelector('.progress-text'))).toBe('epoch 2 of 3 · about 2 min left');
    expect(panel.querySelector('button')).toBeNull();
  });

  it('gives the gate’s reason for the last retraining, in numbers where the language is another', () => {
    const last = { at: '2026-03-01T10:00:00Z', verdict: 'rejected', reason: gate.reason, gate } as const;
    expect(textOf(page({ retraining: { ...idle, last } }).querySelector('.badge.rejected'))).toBe('not better, kept aside');
    expect(textOf(page({ retraining: { ...idle, last } }).querySelector('.last'))).toContain(gate.reason);
    const inSpanish = textOf(page({ retraining: { ...idle, last } }, spanish).querySelector('.last'));
    expect(inSpanish).toContain('12 correcciones: 4 acertadas antes, 9 ahora');
    expect(inSpanish).toContain('AUC en 320 imágenes de prueba: 0,981 → 0,950 (−0,031; 90 %: de −0,060 a −0,002; puede perder 0,010)');
  });
});

describe('the page of the models', () => {
  const page = (rest: Partial<Parameters<typeof modelsPage>[1]> = {}, inside: PageContext = { ...context, path: '/models' }): Document =>
    parse(modelsPage(inside, { task: foodView, versions, events: [], ...rest }));
  const form = (document: Document, id: string): HTMLFormElement | null => document.getElementById(id)!.querySelector('form.action');
  const sent = (element: HTMLFormElement): Record<string, string> =>
    Object.fromEntries([...element.querySelectorAll<HTMLInputElement>('[type=hidden]')].map(({ name, value }) => [name, value]));

  it('shows test metrics with their intervals, and validation beside them', () => {
    const rows = [...page().getElementById(serving.run)!.querySelectorAll('.metrics tr')].map(textOf);
    expect(rows[0]).toMatch(/^Test .*Validation /);
    expect(rows[1]).toMatch(/^AUC ↑ ?0\.\d{3}/);
    expect(rows[4]).toMatch(/^Loss ↓/);
  });

  it('goes back to earlier versions by a rollback, and to all others by a promotion', () => {
    const document = page();
    expect([form(document, serving.run)?.getAttribute('action'), sent(form(document, serving.run)!)]).toEqual([
      '/models/rollback',
      { task: 'food', back: '/models' },
    ]);
    expect(sent(form(document, earlier.run)!)).toEqual({ task: 'food', back: '/models', to: earlier.run });
    expect([form(document, rejected.run)?.getAttribute('action'), sent(form(document, rejected.run)!)]).toEqual([
      '/models/promote',
      { task: 'food', back: '/models', run: rejected.run },
    ]);
  });

  it('asks before it changes what is served, with and without a script', () => {
    for (const action of page({ trial: { run: rejected.run, share: 0.2 } }).querySelectorAll<HTMLFormElement>('form[action^="/models/"]')) {
      expect(action.dataset.confirm).toMatch(/\?/);
      expect(action.querySelector('noscript')?.innerHTML).toContain('required');
    }
  });

  it('lets visitors look, and not touch', () => {
    expect(page({}, { ...visitor, path: '/models' }).querySelector('form[action^="/models/"]')).toBeNull();
  });

  it('offers no rollback where there was nothing before', () => {
    expect(form(page({ versions: [serving, rejected] }), serving.run)).toBeNull();
  });

  it('puts two versions side by side, and says which differences are for the better', () => {
    const [split] = [serving.metrics!.test!];
    const better = makeVersion(run('better'), { metrics: { test: { ...split, auc: 0.999, loss: split.loss + 1 } } });
    const table = page({ versions: [better, ...versions], compare: [serving, better] }).querySelector('.comparison')!;
    const rows = [...table.querySelectorAll('tr')].map(textOf);
    expect(rows.find((row) => row.startsWith('AUC'))).toMatch(/\+0\.\d{3} better$/);
    expect(rows.find((row) => row.startsWith('Loss'))).toMatch(/\+1\.000 worse$/);
    expect(rows.find((row) => row.startsWith('Exact match'))).toMatch(/0\.000$/);
  });

  it('warns where two versions were measured on different data', () => {
    const other = makeVersion(run('others'), { data: { name: 'food11', isSample: false } });
    expect(textOf(page({ compare: [serving, other] }).querySelector('.comparison .note'))).toContain('different data');
  });

  it('keeps the two that are compared chosen, and suggests two otherwise', () => {
    const chosen = (document: Document): string[] =>
      [...document.querySelectorAll<HTMLInputElement>('[type=radio]:checked')].map(({ name, value }) => `${name}=${value}`);
    expect(chosen(page()).sort()).toEqual([`a=${serving.run}`, `b=${rejected.run}`]);
    expect(chosen(page({ compare: [rejected, earlier] })).sort()).toEqual([`a=${rejected.run}`, `b=${earlier.run}`]);
  });

  it('starts a trial of any version that is not served, and shows how often both agree', () => {
    const options = [...page().querySelectorAll<HTMLOptionElement>('.trial option')].map(({ value }) => value);
    expect(options).toEqual([rejected.run, earlier.run]);
    const running = page({ trial: { run: rejected.run, share: 0.2 }, agreement: { compared: 50, agreed: 45 } }).querySelector('#trial')!;
    expect(textOf(running)).toContain('retrain · failed answers 20% of the pictures.');
    expect(textOf(running)).toContain('Both said the same of 45 of 50 pictures (90.0%).');
    expect(running.querySelector('meter')?.getAttribute('value')).toBe('0.900');
    expect(textOf(page({ trial: { run: rejected.run, share: 0.2 } }).querySelector('#trial'))).toContain(
      'No picture has been compared yet.',
    );
  });

  it('says what to run where there is no version', () => {
    expect(textOf(page({ versions: [] }).querySelector('pre'))).toBe('npm run train -- food');
  });
});

describe('the history', () => {
  const page = (rest: Partial<Parameters<typeof historyPage>[1]> = {}, inside: PageContext = context): Document =>
    parse(historyPage(inside, { ...noFilter, task: foodView, ...rest }));

  it('leads from a row to its card', () => {
    const [row] = page({ predictions: [makePast(7)], total: 1 }).querySelectorAll('.past');
    expect(row!.querySelector('a')?.getAttribute('href')).toBe(`/?show=${upload}`);
    expect(['.decision', '.filename', '.confidence', 'time', '.muted'].map((part) => textOf(row!.querySelector(part)))).toEqual([
      'Not sure, most likely Rice',
      'photo-7.jpg',
      '48%',
      '1 Mar 2026, 10:00 UTC',
      'finetune · cccccc',
    ]);
  });

  it('leads nowhere where the picture is not kept any more', () => {
    expect(page({ predictions: [makePast(7, { uploadFile: null })] }).querySelector('.past a')).toBeNull();
  });

  it('keeps the filter in its form and from page to page', () => {
    const document = page({ filter: { decision: 'arroz', search: 'a&b' }, next: 'c/d', isContinued: true });
    expect(document.querySelector<HTMLSelectElement>('[name=decision]')?.value).toBe('arroz');
    expect(document.querySelector<HTMLInputElement>('[name=search]')?.value).toBe('a&b');
    const links = [...document.querySelectorAll('.pager a')].map((link) => link.getAttribute('href'));
    expect(links).toEqual([
      '/history?task=food&decision=arroz&search=a%26b',
      '/history?task=food&decision=arroz&search=a%26b&cursor=c%2Fd',
    ]);
  });

  it('ends with the last page', () => {
    expect(page({ predictions: [makePast(1)] }).querySelector('.pager a')).toBeNull();
  });

  it('tells nothing yet from nothing that matches', () => {
    expect(textOf(page().querySelector('.empty'))).toContain('No predictions yet.');
    expect(textOf(page({ filter: { decision: 'none' } }).querySelector('.empty'))).toBe('No prediction is like that.');
  });

  it.each([
    [0, '0 predictions', '0 predicciones'],
    [1, '1 prediction', '1 predicción'],
    [12345, '12,345 predictions', '12.345 predicciones'],
  ])('counts %i', (total, english, inSpanish) => {
    expect(textOf(page({ total }).querySelector('[role=status].muted'))).toBe(english);
    expect(textOf(page({ total }, spanish).querySelector('[role=status].muted'))).toBe(inSpanish);
  });

  it('says what a picture was corrected to', () => {
    expect(textOf(page({ predictions: [makePast(1, { correctedLabels: [0, 0, 0] })] }).querySelector('.corrected'))).toBe(
      'corrected: None of these',
    );
  });
});

describe('the review', () => {
  it('has a form for each picture that is still there, and comes back to itself', () => {
    const pictures = [makePast(1), makePast(2, { uploadFile: null }), makePast(3)];
    const document = parse(reviewPage({ ...context, path: '/review' }, { task: foodView, pictures }));
    expect([...document.querySelectorAll('.review article')].map(({ id }) => id)).toEqual(['result-1', 'result-3']);
    expect(document.querySelector<HTMLInputElement>('.correction [name=back]')?.value).toBe('/review');
    expect(document.querySelector<HTMLElement>('.review-done')?.hidden).toBe(true);
  });

  it('says when all is done', () => {
    const document = parse(reviewPage(context, { task: foodView, pictures: [] }));
    expect(document.querySelector<HTMLElement>('.review-done')?.hidden).toBe(false);
  });
});

describe('an error page', () => {
  it.each([
    [404, 'There is nothing here', '/'],
    [422, 'That did not work', '/'],
    [503, 'Not at the moment', '/'],
    [500, 'Something broke here', '/'],
    [401, 'That did not work', '/sign_in?back=%2Fmodels'],
  ])('of status %i says "%s" and leads to %s', (status, title, href) => {
    const document = parse(errorPage({ ...visitor, path: '/models' }, { status, message: 'why' }));
    expect(textOf(document.querySelector('h1'))).toBe(title);
    expect(document.querySelector('main .button')?.getAttribute('href')).toBe(href);
  });
});

describe('the languages', () => {
  const placeholders = (message: unknown): string[] => [...new Set(JSON.stringify(message).match(/\{\w+\}/g) ?? [])].sort();

  it('take the same values in each text', () => {
    for (const key of Object.keys(en) as (keyof typeof en)[]) expect([key, placeholders(es[key])]).toEqual([key, placeholders(en[key])]);
  });

  it('leave no text untranslated by mistake', () => {
    const alike = (Object.keys(en) as (keyof typeof en)[]).filter((key) => JSON.stringify(en[key]) === JSON.stringify(es[key]));
    expect(alike).toEqual(['nav.docs', 'metric.auc', 'metric.f1Macro', 'compare.a', 'compare.b', 'compare.difference', 'signIn.token']);
  });

  it('use every text that they have', async () => {
    const files = await glob(['lib/server/**/*.ts'], { ignore: ['**/translations/e?.ts'] });
    const source = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
    // Some keys are put together: their beginning stands in the source with what follows as a value.
    const composed = [...source.matchAll(/`(\w+\.)\$\{/g)].map(([, start]) => start!);
    const unused = Object.keys(en).filter((key) => !source.includes(`'${key}'`) && !composed.some((start) => key.startsWith(start)));
    expect(unused).toEqual([]);
  });

  it('write numbers, shares, differences and lists each in their own way', () => {
    const [english, inSpanish] = languages.map(translator);
    expect([english!.number(1234.5678), inSpanish!.number(1234.5678)]).toEqual(['1,234.568', '1234,568']);
    expect([english!.number(null), english!.number(Number.NaN)]).toEqual(['–', '–']);
    expect([english!.difference(0.0124), english!.difference(-0.5, 1), english!.difference(0)]).toEqual(['+0.012', '−0.5', '0.000']);
    expect([english!.list(['a', 'b', 'c']), inSpanish!.list(['a', 'b', 'c'])]).toEqual(['a, b and c', 'a, b y c']);
  });

  it('choose the plural by the language', () => {
    const t = translator('en');
    expect([0, 1, 2].map((count) => t('history.count', { count }))).toEqual(['0 predictions', '1 prediction', '2 predictions']);
    expect(translator('es')('history.count', { count: 1e6 })).toBe('1.000.000 predicciones');
  });

  it('give the browser only what it shows', () => {
    expect(Object.keys(clientTexts('es')).filter((key) => !/^(client|error)\./.test(key))).toEqual([]);
  });
});

describe('the bundle for the browser', () => {
  it('is small, and its address changes with its content only', async () => {
    const [first, second] = await Promise.all([bundleClient(), bundleClient()]);
    expect(first).toEqual(second);
    expect(Buffer.byteLength(first.js)).toBeLessThan(20_000);
    expect(Buffer.byteLength(first.css)).toBeLessThan(20_000);
    expect(first.hash).toMatch(/^[0-9a-f]{12}$/);
  });

  it('holds nothing that the content security policy forbids', async () => {
    const { js, css } = await bundleClient();
    expect(js).not.toMatch(/\beval\(|new Function|innerHTML|insertAdjacentHTML|https?:/);
    expect(css).not.toMatch(/@import|url\(/);
  });
});
