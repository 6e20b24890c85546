import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { JSDOM } from 'jsdom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../lib/experiments';
import { writeReport } from '../lib/report';
import { escapeHtml, html, scriptJson } from '../lib/report/html';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { makeGalaxyRun, makeRun, onFood11 } from './report.fixtures';
import { runPageOf } from './report.page.fixture';

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

/** Titles of the figures in a part of the page. */
function figuresOf(part: ParentNode): string[] {
  return [...part.querySelectorAll('figcaption b')].map((title) => title.textContent ?? '');
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
    const [real, sample] = ['g0', 'g1'].map((id) => window.document.getElementById(id));
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
    const headings = [...window.document.querySelectorAll<HTMLElement>('#g0 .runs th[data-name]')].map(({ dataset }) => dataset.name);
    const column = headings.indexOf('stage.learningRate');
    const rows = [...window.document.querySelectorAll('#g0 .runs tbody tr')];
    expect(rows.map((row) => row.children[column]?.textContent).sort()).toEqual(['0.00001', '0.001']);
  });

  it('says what is different about a run, on its page', async () => {
    const { window } = await report([...sampleRuns, realRun]);
    const [best, other] = [...window.document.querySelectorAll<HTMLElement>('#g1 .runs tbody tr')].map(({ dataset }) => dataset.id!);
    for (const [id, beside] of [
      [best, other],
      [other, best],
    ]) {
      const page = runPageOf(window.document, id!)!;
      const section = [...page.querySelectorAll('section')].find((one) => one.querySelector('h2')?.textContent?.startsWith('Beside'))!;
      expect(section.querySelector('h2 a')?.getAttribute('href')).toBe(`#run-${beside}`);
      expect(section.querySelector('tbody tr')?.textContent).toMatch(/^stage\.learningRate0\.0/);
      expect(figuresOf(section)).toEqual([expect.stringContaining('Class by class beside')]);
    }
    expect(runPageOf(window.document, realRun.id)!.body.textContent).not.toContain('Beside');
  });

  it("has on a run's page its metrics, figures, environment, configuration and files", async () => {
    const head = { ...sampleRuns[0]!, config: { seed: 7, batchSize: 32 } };
    const finetune = makeRun('20260301T103000Z-food-finetune-ffffff', { seed: 5, parent: head.id });
    const { window } = await report([head, finetune]);
    const page = runPageOf(window.document, finetune.id)!;
    expect(figuresOf(page)).toEqual(
      expect.arrayContaining([
        'Learning curves',
        'Precision, recall and F1 by class',
        'Confusion by class',
        'ROC curves',
        'Precision and recall',
      ]),
    );
    const curves = JSON.parse(page.querySelector('figure script')!.textContent!);
    expect(new Set(curves.data.map(({ legendgroup }: { legendgroup: string }) => legendgroup))).toEqual(new Set([head.id, finetune.id]));
    expect(page.body.textContent).toContain('Test CPU, 2 cores');
    expect(page.querySelector('pre')?.textContent).toContain('"dropout": 0.2');
    expect([...page.querySelectorAll('.files a')].map((link) => link.getAttribute('href'))).toEqual([
      `../experiments/${finetune.id}/run.json`,
      '../model.onnx',
    ]);
    expect(page.querySelector(`.facts a[href="#run-${head.id}"]`)).not.toBeNull();
    expect(runPageOf(window.document, head.id)!.querySelector(`.facts a[href="#run-${finetune.id}"]`)).not.toBeNull();
  });

  it('shows interrupted and failed runs, and records that cannot be read', async () => {
    const failed = makeRun('20260301T140000Z-food-head-eeeeee', { status: 'failed', error: 'no space left', metrics: {}, epochs: [] });
    const { window } = await report([interrupted, failed], { problems: [{ path: 'x/run.json', reason: 'it is no JSON' }] });
    const text = window.document.body.textContent ?? '';
    expect([...window.document.querySelectorAll('.runs td .badge')].map((badge) => badge.textContent)).toEqual(
      expect.arrayContaining(['interrupted', 'failed']),
    );
    expect(text).toContain('2 runs: 1 interrupted, 1 failed.');
    expect(runPageOf(window.document, failed.id)!.body.textContent).toContain('no space left');
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
    for (const page of [window.document, runPageOf(window.document, run.id)!]) {
      expect(page.querySelector('img, b b')).toBeNull();
      for (const figure of page.querySelectorAll('figure script')) expect(JSON.parse(figure.textContent!)).toHaveProperty('data');
    }
    expect((window as unknown as { hacked?: boolean }).hacked).toBeUndefined();
  });

  it('shows each kind of task by its own metrics and figures', async () => {
    const galaxyRun = makeGalaxyRun('20260301T150000Z-galaxy-head-gggggg');
    const { window } = await report([realRun, galaxyRun]);
    const section = [...window.document.querySelectorAll('main > section[id^=g]')].find((one) => one.textContent?.includes('galaxy on'))!;
    expect(section.querySelector('.card')?.textContent).toMatch(/Chosen by Accuracy on the validation split/);
    const metrics = [...section.querySelectorAll('.card tbody th')].map((cell) => cell.textContent);
    expect(metrics).toEqual(expect.arrayContaining(['Accuracy ↑', 'Balanced accuracy ↑', 'Calibration error ↓', 'Log loss ↓']));
    expect(metrics).not.toContain('Exact match ↑');
    expect(figuresOf(section)).toEqual(
      expect.arrayContaining(['Confusion matrix', 'Reliability diagram', 'Most confused pairs', 'Precision, recall and F1 by class']),
    );
    const headings = [...section.querySelectorAll('.runs th button')].map((button) => button.textContent);
    expect(headings).toContain('testAccuracy ↑');
    expect(section.querySelector('.runs tbody tr')?.textContent).toContain(galaxyRun.metrics.test!.accuracy!.toFixed(3));
  });

  it('says how to make a run where there is none', async () => {
    const { window, text } = await report([]);
    expect(window.document.body.textContent).toContain('npm run train -- food');
    expect(text.length).toBeLessThan(30_000);
    expect(window.document.querySelector('figure')).toBeNull();
  });

  it.each([
    ['a diverged loss', { metrics: { ...realRun.metrics, test: { ...realRun.metrics.test, loss: Number.NaN } } }],
    ['an AUC that does not exist', { metrics: { ...realRun.metrics, test: { ...realRun.metrics.test, auc: null } } }],
    ['no intervals', { metrics: { test: { ...realRun.metrics.test, intervals: undefined, roc: undefined, precisionRecall: undefined } } }],
    ['a broken time', { startedAt: 'yesterday' }],
    ['no git', { git: null }],
  ])('takes a run with %s', async (_, changes) => {
    const { window } = await report([makeRun('20260301T100000Z-food-head-aaaaaa', changes as object)]);
    const page = runPageOf(window.document, '20260301T100000Z-food-head-aaaaaa')!;
    for (const script of [...window.document.querySelectorAll('figure script'), ...page.querySelectorAll('figure script')]) script.remove();
    for (const visible of [window.document.querySelector('main')!, page.body])
      expect(visible.textContent).not.toMatch(/NaN|undefined|null|Invalid/);
  });

  it('draws the best of many runs, and lists all', async () => {
    const many = Array.from({ length: 120 }, (_, index) =>
      makeRun(`20260301T100000Z-food-head-${String(index).padStart(6, '0')}`, { seed: index }),
    );
    const { window } = await report(many);
    const text = window.document.querySelector('#g0')?.textContent;
    expect(text).toContain('The dots show the 25 best of 120 runs.');
    expect(text).toContain('The curves show the 8 best of 120 runs.');
    const rows = [...window.document.querySelectorAll<HTMLTableRowElement>('#g0 .runs tbody tr')];
    expect(rows).toHaveLength(120);
    expect(rows.filter((row) => !row.hidden)).toHaveLength(20);
    expect(window.document.querySelector('#g0 .more')?.textContent).toBe('Show all 120');
  });

  it('holds a thousand runs in a few megabytes, each with its page', async () => {
    const many = Array.from({ length: 1000 }, (_, index) =>
      makeRun(`20260301T100000Z-food-head-${String(index).padStart(6, '0')}`, { seed: index, config: { dropout: index } }),
    );
    const file = await writeReport({ workspace, runs: many });
    const text = await readFile(file, 'utf8');
    expect(text.length).toBeLessThan(14e6);
    expect(text.match(/id="packed-2026/g)).toHaveLength(1000);
  });

  it('shows what parameters do to metrics, how accuracy and size go together, and what changes by class', async () => {
    const heavier = makeRun('20260301T113000Z-food-head-eeeeee', {
      seed: 6,
      config: { stage: { learningRate: 0.1 } },
      artifacts: [{ path: 'outputs/food/x/model.onnx', sha256: 'cd', bytes: 20_000_000 }],
    });
    const lighter = { ...sampleRuns[0]!, artifacts: [{ path: 'outputs/food/y/model.onnx', sha256: 'cd', bytes: 4_000_000 }] };
    const { window } = await report([lighter, sampleRuns[1]!, heavier]);
    expect(figuresOf(window.document.getElementById('g0')!)).toEqual(
      expect.arrayContaining([
        'Parameters against AUC',
        'Accuracy against size and latency',
        expect.stringMatching(/^Class by class beside/),
      ]),
    );
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
