import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pino from 'pino';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningServer, serve, serverConfig } from '../lib/server';
import { chromiumPath, launchBrowser, openPage, overflows, phone, poorContrasts, somePictures, watchLayout } from './browser.fixture';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';

const minimum = 3;
/** Enough for the corrections to be learnt by a tiny network within seconds. */
const retraining = { ...tinySettings.retraining, boost: 20, epochs: 2, learningRate: 1e-3, tolerance: 0.5, minimum };

let home: TestHome;
let server: RunningServer;
let browser: Browser;
let pictures: string[];

async function open(where = '/', options?: BrowserContextOptions): Promise<Page> {
  const page = await openPage(browser, server.address, options);
  await page.goto(where);
  return page;
}

/** Chooses files and waits for their answers. */
async function upload(page: Page, files: readonly string[]): Promise<void> {
  const before = await page.locator('.result:not(.pending)').count();
  await page.locator('input[name=image]').setInputFiles([...files]);
  await page
    .locator('.result:not(.pending)')
    .nth(before + files.length - 1)
    .waitFor();
}

const title = chromiumPath ? 'the pages in Chromium' : 'the pages in Chromium (skipped: chromium is not installed)';
describe.skipIf(!chromiumPath)(title, () => {
  beforeAll(async () => {
    home = await copyOfTrained();
    const settings = JSON.stringify({ ...tinySettings, retraining });
    for (const [name, value] of Object.entries({ ...home.env, VISIONBOOK_SETTINGS: settings })) vi.stubEnv(name, value);
    server = await serve({ workspace: home.workspace, config: serverConfig({}, { port: 0 }), log: pino({ level: 'silent' }) });
    pictures = await somePictures(home.workspace, 12);
    browser = await launchBrowser();
    // Predictions need no database, but what stands in the history does; its first start takes seconds.
    await vi.waitUntil(() => server.context.database.health().reachable, { timeout: 120_000, interval: 100 });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    vi.unstubAllEnvs();
  });

  describe('uploading', () => {
    it('shows each chosen picture at once, and its answer when it is ready', async () => {
      const page = await open();
      await page.locator('input[name=image]').setInputFiles(pictures.slice(0, 3));
      await page.locator('.result').nth(2).waitFor({ timeout: 2000 });
      await page.locator('.result:not(.pending)').nth(2).waitFor();
      expect(await page.locator('.filename').allTextContents()).toEqual(pictures.slice(0, 3).map((file) => path.basename(file)));
      for (const card of await page.locator('.result').all()) {
        expect(await card.locator('h2').textContent()).not.toBe('');
        expect(await card.locator('.bar-value').count()).toBe(3);
        expect(await card.locator('.picture img').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
      }
    });

    it('takes pictures that are dropped anywhere on the page', async () => {
      const page = await open();
      const transfer = await transferOf(page, pictures[3]!);
      await page.dispatchEvent('footer', 'dragover', { dataTransfer: transfer });
      expect(await page.locator('.drop-hint').textContent()).toBe('Drop the pictures here');
      await page.dispatchEvent('footer', 'drop', { dataTransfer: transfer });
      await page.locator('.result:not(.pending) h2').waitFor();
      expect(await page.locator('.drop-hint').count()).toBe(0);
    });

    it('takes pictures that are pasted', async () => {
      const page = await open();
      const transfer = await transferOf(page, pictures[4]!);
      await page.evaluate((clipboardData) => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData })), transfer);
      await page.locator('.result:not(.pending) h2').waitFor();
    });

    it('says what is wrong with a file before it is sent, and takes the card away', async () => {
      const page = await open();
      const requests: string[] = [];
      page.on('request', (request) => request.method() === 'POST' && requests.push(request.url()));
      const transfer = await page.evaluateHandle(() => {
        const files = [
          new File(['no picture'], 'notes.txt', { type: 'text/plain' }),
          new File([new Uint8Array(12_000_001)], 'huge.jpg', { type: 'image/jpeg' }),
          new File([], 'empty.png', { type: 'image/png' }),
        ];
        const given = new DataTransfer();
        for (const file of files) given.items.add(file);
        return given;
      });
      await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
      expect(await page.locator('.failed .status').allTextContents()).toEqual([
        'notes.txt is no JPG, PNG or WebP picture.',
        'huge.jpg is larger than 12 MB.',
        'empty.png is empty.',
      ]);
      expect(requests).toEqual([]);
      await page.getByRole('button', { name: 'Take away' }).first().click();
      expect(await page.locator('.failed').count()).toBe(2);
    });

    it('shows the server’s refusal of what only looks like a picture', async () => {
      const page = await open();
      await page.locator('input[name=image]').setInputFiles([{ name: 'fake.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('<svg/>') }]);
      expect(await page.locator('.is-error').textContent()).toBe('This is no JPG, PNG or WebP picture.');
    });

    it('offers another try when the server cannot be reached', async () => {
      const page = await open();
      await page.route('/', (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()));
      await page.locator('input[name=image]').setInputFiles(pictures[0]!);
      expect(await page.locator('.failed .status').textContent()).toBe('The server cannot be reached.');
      await page.unroute('/');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.locator('.result:not(.pending) h2').waitFor();
    });

    it('waits as long as a busy server asks, and then goes on by itself', async () => {
      const page = await open();
      let refusals = 0;
      await page.route('/', async (route) => {
        if (route.request().method() !== 'POST' || refusals++ > 0) return route.continue();
        return route.fulfill({ status: 503, headers: { 'retry-after': '1' }, body: '' });
      });
      await upload(page, [pictures[0]!]);
      expect(refusals).toBe(2);
    });

    it('never has more than two pictures under way', async () => {
      const page = await open();
      let [now, most] = [0, 0];
      await page.route('/', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        most = Math.max(most, ++now);
        const response = await route.fetch();
        now--;
        return route.fulfill({ response });
      });
      await upload(page, pictures.slice(0, 6));
      expect(most).toBe(2);
    });

    it('moves nothing when the answers come', async () => {
      const page = await openPage(browser, server.address);
      const shift = await watchLayout(page);
      await page.goto('/');
      await upload(page, pictures.slice(0, 3));
      expect(await shift()).toBeLessThan(0.02);
    });

    it('keeps the results over a reload and a change of the language', async () => {
      const page = await open();
      await upload(page, pictures.slice(0, 2));
      await page.reload();
      expect(await page.locator('.result').count()).toBe(2);
      await page.getByRole('button', { name: 'Español' }).click();
      await page.locator('html[lang=es] .result').nth(1).waitFor();
    });
  });

  describe('a result', () => {
    it('shows where the model looked for a class, and hides that again', async () => {
      const page = await open();
      await upload(page, [pictures[0]!]);
      const dairy = page.locator('.maps').getByRole('button', { name: 'Dairy' });
      await dairy.click();
      expect(await dairy.getAttribute('aria-pressed')).toBe('true');
      expect(await page.locator('.legend p').textContent()).toContain('Dairy');
      const overlay = page.locator('.overlay');
      await expect.poll(() => overlay.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
      await page.locator('.legend input').fill('0.5');
      expect(await overlay.evaluate((image) => getComputedStyle(image).opacity)).toBe('0.5');
      await dairy.click();
      expect(await page.locator('.overlay, .legend').count()).toBe(0);
    });

    it('can be corrected, and that taken back', async () => {
      const page = await open();
      await upload(page, [pictures[5]!]);
      await mark(page, ['Dairy', 'Rice']);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved: Dairy and Rice').waitFor();
      expect(await readFile(home.workspace.pendingCsv, 'utf8')).toMatch(/,1,1,0,pending/);
      await page.getByRole('button', { name: 'Undo' }).click();
      await page.getByText('Taken back').waitFor();
      expect(await readFile(home.workspace.pendingCsv, 'utf8')).not.toContain('pending,');
      expect(await page.getByRole('button', { name: 'Undo' }).isVisible()).toBe(false);
    });

    it('is either some classes or none of them', async () => {
      const page = await open();
      await upload(page, [pictures[5]!]);
      await mark(page, ['Dairy', 'Rice']);
      await page.locator('.chip', { hasText: 'None of these' }).click();
      expect(await marked(page)).toEqual(['None of these']);
      await page.locator('.chip', { hasText: 'Rice' }).click();
      expect(await marked(page)).toEqual(['Rice']);
      await page.locator('.chip', { hasText: 'Rice' }).click();
      await page.getByRole('button', { name: 'Save' }).click();
      expect(await page.locator('.saved').textContent()).toBe('Mark something first.');
    });
  });

  describe('the frame', () => {
    it('speaks Spanish to who prefers that, remembers the choice, and writes numbers in its way', async () => {
      const page = await open('/', { locale: 'es-EC' });
      expect(await page.locator('h1').textContent()).toBe('¿Qué comida hay en la imagen?');
      await upload(page, [pictures[0]!]);
      expect(await page.locator('.bar-value').first().textContent()).toMatch(/^\d+,\d\s%$/);
      await page.getByRole('button', { name: 'English' }).click();
      await page.locator('html[lang=en]').waitFor();
      await page.goto('/models');
      expect(await page.locator('h1').textContent()).toBe('Models');
    });

    it('changes its colours at once, and remembers them', async () => {
      const page = await open('/', { colorScheme: 'light' });
      const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await paper();
      const theme = page.locator('form[action="/theme"] button');
      const remembered = page.waitForResponse((response) => response.request().postData()?.includes('theme=dark') ?? false);
      await theme.click();
      await theme.click();
      expect(await theme.getAttribute('aria-label')).toBe('Colours: dark');
      const dark = await paper();
      expect(dark).not.toBe(light);
      await remembered;
      await page.goto('/history');
      expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
      expect(await paper()).toBe(dark);
    });

    it.each(['light', 'dark'] as const)('has enough contrast everywhere in %s', async (colorScheme) => {
      const page = await open('/', { colorScheme });
      await upload(page, pictures.slice(0, 2));
      await page.locator('.maps button').first().click();
      const poor = await poorContrasts(page);
      for (const where of ['/models', '/history', '/review', '/sign_in', '/nowhere']) {
        await page.goto(where);
        poor.push(...(await poorContrasts(page)));
      }
      expect(poor).toEqual([]);
    });

    it.each([390, 320])('fits a telephone of %i pixels in both languages', async (width) => {
      for (const locale of ['en-GB', 'es-EC']) {
        const page = await open('/', { ...phone, locale, viewport: { width, height: 800 } });
        await upload(page, [pictures[0]!]);
        await page.locator('.maps button').first().click();
        expect([locale, '/', await overflows(page)]).toEqual([locale, '/', false]);
        for (const where of ['/models', '/history', '/review', '/sign_in', '/nowhere']) {
          await page.goto(where);
          expect([locale, where, await overflows(page)]).toEqual([locale, where, false]);
        }
      }
    });

    it('gives fingers 44 pixels', async () => {
      const page = await open('/', phone);
      await upload(page, [pictures[0]!]);
      for (const where of ['/', '/models', '/history', '/review']) {
        if (where !== '/') await page.goto(where);
        for (const target of await page.locator('.button, .switch, .chip, .chip-link, .main-nav a, .link, select, .field input').all()) {
          const box = await target.boundingBox();
          if (box)
            expect([where, await target.textContent(), Math.round(box.height) >= 44]).toEqual([where, await target.textContent(), true]);
        }
      }
    });

    it('offers the camera on a telephone, and not where there is a mouse', async () => {
      expect(await (await open('/', phone)).getByText('Take a photo').isVisible()).toBe(true);
      expect(await (await open('/')).getByText('Take a photo').isVisible()).toBe(false);
    });
  });

  describe('by keyboard alone', () => {
    it('one gets from the address to a saved correction', async () => {
      const page = await open();
      const chosen = page.waitForEvent('filechooser');
      const focused = (): Promise<string> =>
        page.evaluate(() => document.activeElement!.closest('label, button, a, main')!.textContent!.trim());
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Skip to the content');
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Choose pictures');
      await page.keyboard.press('Enter');
      await (await chosen).setFiles(pictures[6]!);
      await page.locator('.result:not(.pending) h2').waitFor();
      for (let step = 0; step < 10 && (await focused()) !== 'None of these'; step++) await page.keyboard.press('Tab');
      expect(
        await page
          .locator('.chip', { hasText: 'None of these' })
          .locator('span')
          .evaluate((chip) => getComputedStyle(chip).outlineStyle),
      ).toBe('solid');
      if (!(await marked(page)).includes('None of these')) await page.keyboard.press('Space');
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Save');
      await page.keyboard.press('Enter');
      await page.getByText('Saved: None of these').waitFor();
      await page.keyboard.press('Tab');
      expect(await focused()).toBe('Undo');
      await page.keyboard.press('Enter');
      await page.getByText('Taken back').waitFor();
      expect(await focused()).toBe('Save');
    });

    it('one reviews picture after picture with digits and Enter', async () => {
      const page = await open();
      await upload(page, pictures.slice(7, 9));
      await page.goto('/review');
      const cards = page.locator('.review .result');
      const count = await cards.count();
      expect(count).toBeGreaterThanOrEqual(2);
      await page.keyboard.press('0');
      await page.keyboard.press('Enter');
      await page.locator('.review .done').first().waitFor();
      expect(await page.locator('.review .done .saved').textContent()).toBe('Saved: None of these');
      expect(await page.evaluate(() => document.activeElement!.closest('.result')!.id)).toBe(await cards.nth(1).getAttribute('id'));
      await page.locator('.done').getByRole('button', { name: 'Undo' }).click();
      await expect.poll(() => page.locator('.review .done').count()).toBe(0);
    });
  });

  describe('without JavaScript', () => {
    const plain = { javaScriptEnabled: false };

    it('one uploads, sees where the model looked, corrects and takes that back', async () => {
      const page = await open('/', plain);
      await page.locator('input[name=image]').setInputFiles(pictures.slice(9, 11));
      await page.getByRole('button', { name: 'Send' }).click();
      expect(await page.locator('.result h2').count()).toBe(2);
      expect(
        await page
          .locator('.picture img')
          .first()
          .evaluate((image: HTMLImageElement) => image.naturalWidth),
      ).toBeGreaterThan(0);

      const card = page.locator('.result').first();
      const map = await page.request.get((await card.locator('.maps a').first().getAttribute('href'))!);
      expect([map.status(), map.headers()['content-type']]).toEqual([200, 'image/webp']);

      for (const chip of await card.locator('.chip').all()) if (await chip.locator('input').isChecked()) await chip.click();
      await card.locator('.chip', { hasText: 'Rice' }).click();
      await card.getByRole('button', { name: 'Save' }).click();
      await page.locator('.note.ok', { hasText: 'The correction is saved.' }).waitFor();
      expect(await page.locator('.result').count()).toBe(2);
      const saved = page.locator('.result', { hasText: 'Saved: Rice' });
      await saved.getByRole('button', { name: 'Undo' }).click();
      await page.locator('.note.ok', { hasText: 'The correction is taken back.' }).waitFor();
      expect(await page.locator('.saved', { hasText: 'Rice' }).count()).toBe(0);
    });

    it('one changes language and colours', async () => {
      const page = await open('/models', plain);
      await page.getByRole('button', { name: 'Español' }).click();
      await page.getByRole('heading', { name: 'Modelos' }).waitFor();
      await page.locator('form[action="/theme"] button').click();
      await page.locator('html[data-theme=light]').waitFor();
    });

    it('one must tick a box before the model is changed', async () => {
      const page = await open('/models', plain);
      const [other] = await page.locator('.version:not(.is-serving)').all();
      const name = await other!.locator('h2').textContent();
      await other!.getByRole('button', { name: 'Use this one' }).click();
      expect(await page.locator('.note').count()).toBe(0);
      await other!.getByLabel('Yes, I am sure').check();
      await other!.getByRole('button', { name: 'Use this one' }).click();
      await page.locator('.note.ok', { hasText: 'The version is in use.' }).waitFor();
      expect(await page.locator('.is-serving h2').textContent()).toBe(name);
      await page.locator('.is-serving').getByLabel('Yes, I am sure').check();
      await page.locator('.is-serving').getByRole('button', { name: 'Roll back' }).click();
      await page.locator('.note.ok', { hasText: 'The earlier version is in use.' }).waitFor();
    });
  });

  describe('the history', () => {
    it('has what was predicted, filters it, and leads back to the card', async () => {
      const page = await open();
      await upload(page, [pictures[0]!]);
      const decision = await page.locator('.result h2').textContent();
      await page.goto('/history');
      expect(await page.locator('.past .decision').first().textContent()).toBe(decision);
      await page.getByLabel('File name').fill('no such file');
      await page.getByRole('button', { name: 'Filter' }).click();
      expect(await page.locator('.empty').textContent()).toContain('No prediction is like that.');
      await page.getByRole('link', { name: 'Show all' }).click();
      await page.locator('.past a').first().click();
      expect(await page.locator('.result h2').textContent()).toBe(decision);
    });
  });

  describe('learning from corrections', () => {
    it('starts by itself with enough of them, is followed live, and ends with a better model in use, from which one click leads back', async () => {
      const page = await open();
      const before = await page.locator('.model-facts b').textContent();
      await upload(page, pictures.slice(0, minimum));
      for (const card of await page.locator('.result').all()) {
        await mark(page, ['Rice'], card);
        await card.getByRole('button', { name: 'Save' }).click();
        await card.getByText('Saved: Rice').waitFor();
      }
      await page.locator('.retraining.is-running').waitFor();
      await page.locator('.last .badge.promoted').waitFor({ timeout: 150_000 });
      await expect.poll(() => page.locator('.model-facts b').textContent(), { timeout: 20_000 }).not.toBe(before);
      expect(await page.locator('.retraining .headline').textContent()).toBe(`0 of ${minimum} corrections`);
      expect(await page.locator('.result').count()).toBe(minimum); // the rest of the page was left alone

      await page.goto('/models');
      const served = page.locator('.version.is-serving');
      expect(await served.locator('h2').textContent()).toContain('retrain');
      expect(await served.locator('.gate').textContent()).toContain('it does better on the corrections');
      await served.getByRole('button', { name: 'Roll back' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'No, go back' }).click();
      expect(await page.locator('.note.ok').count()).toBe(0);
      await served.getByRole('button', { name: 'Roll back' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
      await page.locator('.note.ok', { hasText: 'The earlier version is in use.' }).waitFor();
      expect(await page.locator('.version.is-serving h2').textContent()).toBe(before);
      expect(await page.locator('.version.is-rolled-back h2').first().textContent()).toContain('retrain');
    }, 240_000);

    it('compares two versions, and tries the second on a share of the pictures', async () => {
      const page = await open('/models');
      await page.getByRole('button', { name: 'Compare' }).click();
      expect(await page.locator('.comparison tbody tr').count()).toBeGreaterThan(8);
      await page.goto('/models');
      await page.getByLabel('Share of the pictures').fill('0.5');
      expect(await page.locator('.range output').textContent()).toBe('50%');
      await page.getByRole('button', { name: 'Start the trial' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
      await page.locator('#trial', { hasText: 'answers 50% of the pictures' }).waitFor();
      await page.goto('/');
      await upload(page, pictures.slice(0, 6));
      await page.goto('/models');
      expect(await page.locator('#trial').textContent()).toMatch(/Both said the same of \d of \d pictures?/);
      await page.getByRole('button', { name: 'End the trial' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click();
      await page.locator('.note.ok', { hasText: 'The trial has ended.' }).waitFor();
    });
  });
});

/** A file as a browser hands it over when something is dropped or pasted. */
async function transferOf(page: Page, file: string) {
  const content = (await readFile(file)).toString('base64');
  return page.evaluateHandle((base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], 'given.jpg', { type: 'image/jpeg' }));
    return transfer;
  }, content);
}

/** Marks these chips and no other. */
async function mark(page: Page, names: readonly string[], root: Pick<Page, 'locator'> = page): Promise<void> {
  for (const chip of await root.locator('.chip').all()) {
    const wanted = names.includes((await chip.textContent())!.trim());
    if ((await chip.locator('input').isChecked()) !== wanted) await chip.click();
  }
}

async function marked(page: Page): Promise<string[]> {
  const chips = await page.locator('.chip:has(:checked)').allTextContents();
  return chips.map((text) => text.trim());
}
