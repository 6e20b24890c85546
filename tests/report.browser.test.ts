import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../lib/experiments';
import { writeReport } from '../lib/report';
import { openWorkspace } from '../lib/workspace';
import { chromiumPath, launchBrowser, openPage, overflows, phone, poorContrasts } from './browser.fixture';
import { makeGalaxyRun, makeRun, onFood11 } from './report.fixtures';

const learningRates = [1e-2, 1e-3, 1e-4];
/** The third last is a trial of a sweep, and the last failed. */
const runs: RunRecord[] = [
  ...Array.from({ length: 30 }, (_, index) =>
    makeRun(`20260301T100000Z-food-head-x${String(index).padStart(5, '0')}`, {
      seed: index + 1,
      ...onFood11,
      config: { learningRate: learningRates[index % 3]!, dropout: index % 2 ? 0.2 : 0.1 },
      ...(index === 27 && { sweep: { id: '20260301T090000Z-food-head-sweep1', trial: '7' } }),
      ...(index === 29 && { status: 'failed', error: 'no space left', metrics: {} }),
    }),
  ),
  makeGalaxyRun('20260301T150000Z-galaxy-head-gggggg'),
];

let home: string;
let browser: Browser;
let address: string;

async function open(hash = '', options?: BrowserContextOptions): Promise<Page> {
  const page = await openPage(browser, address, options);
  await page.goto(address + hash);
  return page;
}

/** What is read of a figure that Plotly has drawn. */
interface DrawnFigure {
  readonly data: readonly { readonly x: readonly unknown[]; readonly y: readonly unknown[] }[];
  readonly _fullLayout: Readonly<Record<'xaxis' | 'yaxis', { readonly _offset: number; l2p(at: number): number }>>;
}

const foodRows = '#g0 .runs tbody tr:visible';
const labels = (page: Page): Promise<string[]> => page.locator(`${foodRows} > th a`).allTextContents();

const title = chromiumPath ? 'the report in Chromium' : 'the report in Chromium (skipped: chromium is not installed)';
describe.skipIf(!chromiumPath)(title, () => {
  beforeAll(async () => {
    home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-report-'));
    address = pathToFileURL(await writeReport({ workspace: openWorkspace({ env: { VISIONBOOK_HOME: home } }), runs })).href;
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(home, { recursive: true, force: true });
  });

  it('draws a figure when it comes into sight, and no earlier', async () => {
    const page = await open();
    const last = page.locator('#g1 figure').last();
    expect(await last.locator('svg').count()).toBe(0);
    await last.scrollIntoViewIfNeeded();
    await last.locator('svg.main-svg').first().waitFor();
  });

  it('asks the network for nothing', async () => {
    const page = await open();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.reload();
    await page.locator('#g1').scrollIntoViewIfNeeded();
    expect(asked).toEqual([page.url()]);
  });

  it('sorts by a heading, one way and the other, with missing values last', async () => {
    const page = await open();
    const heading = page.locator('#g0 th[data-name="test.auc"] button');
    await heading.click();
    const values = (): Promise<string[]> => page.locator(`${foodRows} > td:nth-child(4) .value`).allTextContents();
    const descending = await values();
    expect(descending).toEqual([...descending].sort().reverse());
    await heading.click();
    const ascending = await values();
    expect(ascending).toEqual([...ascending].sort());
    expect(ascending[0]).not.toBe('–');
    expect(await page.locator('#g0 th[data-name="test.auc"]').getAttribute('aria-sort')).toBe('ascending');
    await page.locator('#g0 .more').click();
    expect((await values()).at(-1)).toBe('–');
  });

  it.each([
    ['failed', 1],
    ['-failed', 28],
    ['x00003', 1],
    ['dropout=0.2', 14],
    ['dropout=0.2 learningrate<0.001', 5],
    ['test.auc>2', 0],
  ])('filters by %s', async (text, count) => {
    const page = await open();
    await page.locator('#g0 input[type=search]').fill(text);
    expect(await page.locator('#g0 .shown').textContent()).toBe(`${count} of 29`);
    expect((await labels(page)).length).toBe(Math.min(20, count));
  });

  it('shows the first runs until all are asked for, and the trials of sweeps when they are', async () => {
    const page = await open();
    expect((await labels(page)).length).toBe(20);
    await page.locator('#g0 .more').click();
    expect((await labels(page)).length).toBe(29);
    expect(await labels(page)).not.toContain('head · x00027');
    await page.locator('#g0 input[type=checkbox]').check();
    expect(await labels(page)).toContain('head · x00027');
  });

  it('opens the page of a run, and goes back to where the reader was', async () => {
    const page = await open();
    const link = page.locator(`${foodRows} > th a`).nth(5);
    await link.scrollIntoViewIfNeeded();
    const before = await page.evaluate(() => scrollY);
    const id = await link.getAttribute('title');
    await link.click();
    await page.locator('#run h1').waitFor();
    expect(await page.locator('#run').textContent()).toContain(id);
    expect(await page.title()).toContain(id);
    expect(await page.locator('#report').isVisible()).toBe(false);
    await page.locator('#run svg.main-svg').first().waitFor();
    await page.goBack();
    await page.locator('#report').waitFor();
    expect(await page.evaluate(() => scrollY)).toBe(before);
  });

  it('opens the page of a run by its address, and says where there is none', async () => {
    const page = await open(`#run-${runs[29]!.id}`);
    await page.locator('#run h1').waitFor();
    expect(await page.locator('#run').textContent()).toContain('no space left');
    await page.evaluate(() => {
      location.hash = '#run-nothing';
    });
    await page.locator('#run', { hasText: 'no such run' }).waitFor();
  });

  it('draws a run once more on top when its line is pointed at, and opens its page at a click', async () => {
    const page = await open();
    const figure = page.locator('#g0 figure', { hasText: 'Parameters against AUC' });
    await figure.scrollIntoViewIfNeeded();
    await figure.locator('svg.main-svg').first().waitFor();
    const marked = (): Promise<unknown> =>
      figure.locator('.js-plotly-plot').evaluate((element) => (element as unknown as DrawnFigure).data.at(-1)!.y);
    expect(await marked()).toEqual([null]);
    // The last axis has the metric: the best run, which is the last trace but one, crosses it at its top.
    const end = await figure.locator('.js-plotly-plot').evaluate((element) => {
      const { data, _fullLayout: layout } = element as unknown as DrawnFigure;
      const box = element.getBoundingClientRect();
      const last = data.at(-2)!.x.length - 2;
      return { x: box.x + layout.xaxis._offset + layout.xaxis.l2p(last), y: box.y + layout.yaxis._offset + layout.yaxis.l2p(1) };
    });
    await page.mouse.move(end.x - 3, end.y + 1);
    await page.mouse.move(end.x, end.y);
    await expect.poll(marked).toContain(1);
    await page.mouse.click(end.x, end.y);
    await page.locator('#run h1').waitFor();
  });

  it.each([
    ['on a desktop', {}],
    ['in the dark', { colorScheme: 'dark' }],
    ['on a telephone', phone],
  ] as const)('can be read %s: nothing is too pale, and nothing scrolls sideways', async (_, options) => {
    const page = await open('', options);
    expect(await overflows(page)).toBe(false);
    expect(await poorContrasts(page)).toEqual([]);
    await page.evaluate((id) => {
      location.hash = `#run-${id}`;
    }, runs[0]!.id);
    await page.locator('#run h1').waitFor();
    expect(await overflows(page)).toBe(false);
    expect(await poorContrasts(page)).toEqual([]);
  });
});
