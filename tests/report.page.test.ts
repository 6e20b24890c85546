import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { JSDOM } from 'jsdom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../lib/experiments';
import { writeReport } from '../lib/report';
import { escapeHtml, html, scriptJson } from '../lib/report/html';
import { pageScript } from '../lib/report/pageScript';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { makeGalaxyRun, makeRun, onFood11 } from './report.fixtures';

let home: string;
let workspace: Workspace;
beforeAll(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-report-'));
  workspace = openWorkspace({ env: { VISIONBOOK_HOME: home } });
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function report(runs: readonly RunRecord[], rest: Partial<Parameters<typeof writeReport>[0]> = {}) {
  const file = await writeReport({ workspace, runs, ...rest });
  const text = await readFile(file, 'utf8');
  return { file, text, window: new JSDOM(text, { runScripts: 'outside-only', url: 'file:///report.html' }).window };
}

/** Runs the page's own script with a stand-in for Plotly, which only notes what it is asked to draw. */
function start(window: JSDOM['window']): string[] {
  const drawn: string[] = [];
  Object.assign(window, {
    matchMedia: () => ({ matches: false, addEventListener: () => undefined }),
    Plotly: { react: (id: string) => drawn.push(id) },
  });
  window.eval(pageScript);
  return drawn;
}

const sampleRuns = [
  makeRun('20260301T100000Z-food-head-aaaaaa', { seed: 1, config: { stage: { learningRate: 0.001 } } }),
  makeRun('20260301T110000Z-food-head-bbbbbb', { seed: 2, config: { stage: { learningRate: 0.00001 } } }),
];
const realRun = makeRun('20260301T120000Z-food-head-cccccc', { seed: 3, ...onFood11 });
const interrupted = makeRun('20260301T130000Z-food-head-dddddd', { seed: 4, status: 'interrupted', metrics: {} });

describe('the report', () => {
  it('stands where the workspace says, and needs no network', async () => {
    const { file, window, text } = await report([...sampleRuns, realRun]);
    expect(file).toBe(workspace.reportHtml);
    expect(window.document.querySelectorAll('[src], link, iframe, img')).toHaveLength(0);
    expect(text).not.toMatch(/@import|url\(http/);
  });

  it('keeps the sample apart from real data and says what it is', async () => {
    const { window } = await report([...sampleRuns, realRun]);
    const [real, sample] = [...window.document.querySelectorAll('main > section[id^=g]')];
    expect(real?.querySelector('h2')?.textContent).toContain('food on food11');
    expect(real?.querySelector('.badge.sample, .note')).toBeNull();
    expect(sample?.querySelector('h2 .badge')?.textContent).toBe('sample');
    expect(sample?.querySelector('.note.sample')?.textContent).toContain('say nothing about real ones');
    expect(sample?.querySelector('.card h3')?.textContent).not.toContain('cccccc');
  });

  it('names the stand-in for the weights', async () => {
    const { window } = await report([...sampleRuns, realRun]);
    expect(window.document.querySelector('#g1 .note.warn')?.textContent).toContain('stand-in');
    expect(window.document.querySelector('#g0 .note.warn')).toBeNull();
  });

  it('shows validation and test metrics with their intervals', async () => {
    const { window } = await report([realRun]);
    const row = [...window.document.querySelectorAll('.card tbody tr')].find((candidate) =>
      candidate.textContent?.startsWith('Exact match'),
    );
    const cells = [...(row?.querySelectorAll('td.number') ?? [])].map((cell) => cell.textContent);
    const expected = (['validation', 'test'] as const).map((split) => {
      const value = realRun.metrics[split]?.exactMatch as number;
      return `${value.toFixed(3)} ${(value - 0.021).toFixed(3)} to ${(value + 0.017).toFixed(3)}`;
    });
    expect(cells).toEqual(expected);
  });

  it('lists parameters that differ as they were set', async () => {
    const { window } = await report(sampleRuns);
    const rows = [...window.document.querySelectorAll('#g0 tr')].map((row) => row.textContent);
    expect(rows.find((row) => row?.startsWith('stage.learningRate'))).toMatch(/0\.001.*0\.00001|0\.00001.*0\.001/);
  });

  it('shows interrupted and failed runs, and records that cannot be read', async () => {
    const failed = makeRun('20260301T140000Z-food-head-eeeeee', { status: 'failed', error: 'no space left', metrics: {}, epochs: [] });
    const { window } = await report([interrupted, failed], { problems: [{ path: 'x/run.json', reason: 'it is no JSON' }] });
    const text = window.document.body.textContent ?? '';
    expect([...window.document.querySelectorAll('#all-runs .badge')].map((badge) => badge.textContent)).toEqual(
      expect.arrayContaining(['interrupted', 'failed']),
    );
    expect(text).toContain('2 runs: 1 interrupted, 1 failed.');
    expect(text).toContain('no space left');
    expect(text).toContain('x/run.json: it is no JSON');
    expect(text).toContain('No run of this group has finished');
  });

  it('lets nothing from a record become markup or script', async () => {
    const evil = '</script><script>window.hacked = true</script><img src=x onerror="window.hacked = true">';
    const run = makeRun(`20260301T100000Z-food-head-"><b>${evil}`, {
      stage: evil,
      error: evil,
      weights: { source: evil, sha256: evil, isStandIn: true },
      data: { name: evil, isSample: false, fingerprint: evil, counts: { [evil]: 1 } },
      config: { [evil]: evil },
      extra: { note: evil },
      timings: { [evil]: 1 },
      artifacts: [{ path: evil, sha256: evil, bytes: 1 }],
    });
    const { text } = await report([run, makeRun('other', { ...run, config: {} })], { problems: [{ path: evil, reason: evil }] });
    const { window } = new JSDOM(text.replace(/<script>\/\*\*\n\* plotly\.js[\s\S]*$/, ''), { runScripts: 'dangerously' });
    expect(window.document.querySelector('img')).toBeNull();
    expect((window as unknown as { hacked?: boolean }).hacked).toBeUndefined();
    expect(JSON.parse(window.document.getElementById('figures')?.textContent ?? '')).toBeInstanceOf(Array);
  });

  it('shows each kind of task by its own metrics and figures', async () => {
    const galaxyRun = makeGalaxyRun('20260301T150000Z-galaxy-head-gggggg');
    const { window } = await report([realRun, galaxyRun]);
    const section = [...window.document.querySelectorAll('main > section[id^=g]')].find((one) => one.textContent?.includes('galaxy on'));
    expect(section?.querySelector('.card')?.textContent).toMatch(/Chosen by Accuracy on the validation split/);
    const metrics = [...(section?.querySelectorAll('.card tbody th') ?? [])].map((cell) => cell.textContent);
    expect(metrics).toEqual(expect.arrayContaining(['Accuracy ↑', 'Balanced accuracy ↑', 'Calibration error ↓', 'Log loss ↓']));
    expect(metrics).not.toContain('Exact match ↑');
    expect(start(window).filter((id) => id.startsWith(section!.id))).toEqual(
      expect.arrayContaining(['confusion', 'reliability', 'pairs', 'bars'].map((name) => `${section!.id}-${name}`)),
    );
    const headings = [...window.document.querySelectorAll('#all-runs th button')].map((button) => button.textContent);
    expect(headings).toContain('testExact match ↑ / Accuracy ↑');
    const row = [...window.document.querySelectorAll('#all-runs tbody tr')].find((one) => one.textContent?.includes('gggggg'));
    expect(row?.textContent).toContain(galaxyRun.metrics.test!.accuracy!.toFixed(3));
  });

  it('says how to make a run where there is none', async () => {
    const { window, text } = await report([]);
    expect(window.document.body.textContent).toContain('npm run train -- food');
    expect(text.length).toBeLessThan(30_000);
    expect(start(window)).toEqual([]);
  });

  it.each([
    ['a diverged loss', { metrics: { ...realRun.metrics, test: { ...realRun.metrics.test, loss: Number.NaN } } }],
    ['an AUC that does not exist', { metrics: { ...realRun.metrics, test: { ...realRun.metrics.test, auc: null } } }],
    ['no intervals', { metrics: { test: { ...realRun.metrics.test, intervals: undefined, roc: undefined, precisionRecall: undefined } } }],
    ['a broken time', { startedAt: 'yesterday' }],
    ['no git', { git: null }],
  ])('takes a run with %s', async (_, changes) => {
    const { window } = await report([makeRun('20260301T100000Z-food-head-aaaaaa', changes as object)]);
    const visible = window.document.querySelector('main')?.textContent ?? '';
    expect(visible).not.toMatch(/NaN|undefined|null|Invalid/);
  });

  it('draws the best of many runs, lists all, and stays quick', async () => {
    const many = Array.from({ length: 120 }, (_, index) =>
      makeRun(`20260301T100000Z-food-head-${String(index).padStart(6, '0')}`, { seed: index }),
    );
    const { window } = await report(many);
    const text = window.document.querySelector('#g0')?.textContent;
    expect(text).toContain('The dots show the 25 best of 120 runs.');
    expect(text).toContain('The curves show the 8 best of 120 runs.');
    expect(window.document.querySelectorAll('#all-runs a')).toHaveLength(120);
  });

  it('draws every figure it has a place for', async () => {
    const { window } = await report([...sampleRuns, realRun]);
    const drawn = start(window);
    expect(drawn.length).toBe(window.document.querySelectorAll('.figure').length);
    expect(drawn.length).toBeGreaterThanOrEqual(12);
    for (const id of drawn) expect(window.document.getElementById(id), id).not.toBeNull();
  });
});

describe('the table of all runs', () => {
  const ids = (window: JSDOM['window']): string[] =>
    [...window.document.querySelectorAll('#all-runs tr:not(.group) a')].map((link) => (link.getAttribute('title') ?? '').slice(-6));
  const click = (window: JSDOM['window'], text: string): void => {
    const buttons = [...window.document.querySelectorAll<HTMLButtonElement>('#all-runs button')];
    buttons.find((button) => button.textContent === text)?.click();
  };

  it('sorts within each data set, missing values last', async () => {
    const { window } = await report([...sampleRuns, interrupted, realRun]);
    start(window);
    const [a = 0, b = 0] = sampleRuns.map((run) => run.metrics.test?.auc ?? 0);
    const better = a > b ? ['aaaaaa', 'bbbbbb'] : ['bbbbbb', 'aaaaaa'];
    click(window, 'testAUC ↑');
    expect(ids(window)).toEqual(['cccccc', ...better, 'dddddd']);
    click(window, 'testAUC ↑');
    expect(ids(window)).toEqual(['cccccc', ...better.reverse(), 'dddddd']);
    expect(window.document.querySelectorAll('#all-runs th[aria-sort]').length).toBe(14);
  });

  it('filters by words', async () => {
    const { window } = await report([...sampleRuns, interrupted, realRun]);
    start(window);
    const filter = window.document.getElementById('filter') as HTMLInputElement;
    filter.value = 'HEAD interrupted';
    filter.dispatchEvent(new window.Event('input'));
    const shown = [...window.document.querySelectorAll<HTMLTableRowElement>('#all-runs tr:not(.group)')].filter(
      (row) => row.cells.length > 1 && !row.hidden,
    );
    expect(shown.filter((row) => row.querySelector('a')).map((row) => row.querySelector('a')?.title)).toEqual([interrupted.id]);
    expect(window.document.getElementById('shown')?.textContent).toBe('1 of 4 runs');
  });
});

describe('html', () => {
  it.each([
    [`<a href="x">'&'</a>`, '&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;'],
    ['plain', 'plain'],
  ])('escapes %s', (text, expected) => {
    expect(escapeHtml(text)).toBe(expected);
    expect(html`${text}`.text).toBe(expected);
  });

  it('joins lists and keeps what is HTML already', () => {
    expect(html`<ul>${['a<', 'b'].map((item) => html`<li>${item}</li>`)}${3}</ul>`.text).toBe('<ul><li>a&lt;</li><li>b</li>3</ul>');
  });

  it('writes JSON that a script element can hold and that reads back the same', () => {
    const value = { text: '</script><!-- & \u2028' };
    expect(scriptJson(value).text).not.toMatch(/[<>&\u2028]/);
    expect(JSON.parse(scriptJson(value).text)).toEqual(value);
  });
});
