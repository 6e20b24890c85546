import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGalaxySample } from '../lib/data/galaxy';
import { readRuns } from '../lib/experiments';
import { executeNotebooks, notebooks, notebooksOf } from '../lib/notebooks';
import { galaxy, type SettingsOverrides } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { tinyGalaxySettings, tinySettings, trained } from './pipeline.fixture';

interface Output {
  readonly output_type: 'stream' | 'display_data' | 'execute_result' | 'error';
  readonly name?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Cell {
  readonly cell_type: 'code' | 'markdown';
  readonly source: string | readonly string[];
  readonly execution_count?: number | null;
  readonly outputs?: readonly Output[];
}

const workspace = openWorkspace();
const hasJupyter = existsSync(path.join(workspace.venvBin, 'jupyter'));

async function readCells(folder: string, name: string): Promise<Cell[]> {
  return JSON.parse(await readFile(path.join(folder, name), 'utf8')).cells;
}

function codeCells(cells: readonly Cell[]): Cell[] {
  return cells.filter(({ cell_type }) => cell_type === 'code');
}

function outputsOf(cells: readonly Cell[]): Output[] {
  return cells.flatMap(({ outputs = [] }) => outputs);
}

function textOf(text: unknown): string {
  return Array.isArray(text) ? text.join('') : String(text);
}

/** What kinds of output a cell has, such as `stdout` or `text/html+text/plain`. In what order, and in how many parts text comes, is a matter of time. */
function kinds({ outputs = [] }: Cell): string[] {
  const all = outputs.map(({ output_type, name, data }) => (data ? Object.keys(data).sort().join('+') : (name ?? output_type)));
  return all.filter((kind, index) => kind !== 'stdout' || all.indexOf(kind) === index).sort();
}

describe.each(notebooks)('the committed %s', (name) => {
  let cells: Cell[];
  beforeAll(async () => {
    cells = await readCells(workspace.notebooks, name);
  });

  it('says at the top that its outputs are of the generated sample', () => {
    expect(cells[0]!.cell_type).toBe('markdown');
    expect(textOf(cells[0]!.source)).toMatch(/outputs below are of the generated sample/);
  });

  it('was executed from the first cell to the last, without an error or a warning', () => {
    const code = codeCells(cells);
    expect(code.map(({ execution_count }) => execution_count)).toEqual(code.map((_, index) => index + 1));
    expect(outputsOf(code).length).toBeGreaterThan(0);
    expect(outputsOf(code).filter((output) => output.output_type === 'error' || output.name === 'stderr')).toEqual([]);
  });
});

describe.skipIf(!hasJupyter)('executing notebooks (skipped where .venv has no Jupyter)', () => {
  const temporary: string[] = [];
  afterAll(() => Promise.all(temporary.map((folder) => rm(folder, { recursive: true, force: true }))));

  async function temporaryFolder(): Promise<string> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'visionbook-notebooks-'));
    temporary.push(folder);
    return folder;
  }

  describe('all of them, one after the other', () => {
    let home: Workspace;
    let executed: string;
    const lines: string[] = [];
    beforeAll(async () => {
      const sample = (await trained()).workspace.sample;
      const env = { VISIONBOOK_HOME: await temporaryFolder(), VISIONBOOK_WEIGHTS: '' };
      home = openWorkspace({ env });
      executed = home.executedNotebooks;
      await buildGalaxySample({ folder: path.join(home.sample, galaxy.data.folder), seed: 3, perClass: 15 });
      const execute = (names: readonly string[], data: string, settings: SettingsOverrides): Promise<void> => {
        const more = { VISIONBOOK_DATA: data, VISIONBOOK_SETTINGS: JSON.stringify(settings) };
        return executeNotebooks({ workspace, names, target: executed, env: { ...env, ...more }, onLine: (line) => lines.push(line) });
      };
      await execute(notebooksOf('food'), sample, tinySettings);
      await execute(notebooksOf('galaxy'), home.sample, tinyGalaxySettings);
      await execute(['report.ipynb'], sample, {});
    }, 600_000);

    it.each(notebooks)('%s runs without an error, and gives the kinds of output that are committed', async (name) => {
      const [now, committed] = [await readCells(executed, name), await readCells(workspace.notebooks, name)];
      expect(outputsOf(now).filter(({ output_type }) => output_type === 'error')).toEqual([]);
      expect(now.map(({ source }) => textOf(source))).toEqual(committed.map(({ source }) => textOf(source)));
      expect(codeCells(now).map(kinds)).toEqual(codeCells(committed).map(kinds));
    });

    it.each([
      ['food/1-prepare.ipynb', 2],
      ['food/2-train.ipynb', 7],
      ['food/3-predict.ipynb', 3],
      ['food/4-retrain.ipynb', 1],
      ['food/5-errors.ipynb', 1],
      ['galaxy/1-prepare.ipynb', 1],
      ['galaxy/2-train.ipynb', 5],
      ['galaxy/3-optimise.ipynb', 1],
      ['galaxy/4-predict.ipynb', 1],
      ['report.ipynb', 13],
    ])('every figure of %s is interactive and a picture in one output', async (name, count) => {
      const bundles = outputsOf(await readCells(executed, name)).map(({ data }) => data ?? {});
      const figures = bundles.filter((data) => 'application/vnd.plotly.v1+json' in data);
      expect(figures.length).toBe(count);
      for (const figure of figures) {
        const { data, layout } = figure['application/vnd.plotly.v1+json'] as { data: unknown[]; layout: object };
        expect(data.length).toBeGreaterThan(0);
        expect(layout).toHaveProperty('width');
        expect(Buffer.from(String(figure['image/png']), 'base64').subarray(1, 4).toString()).toBe('PNG');
      }
    });

    it.each([
      'food/1-prepare.ipynb',
      'food/2-train.ipynb',
      'food/4-retrain.ipynb',
      'food/5-errors.ipynb',
      'galaxy/1-prepare.ipynb',
      'galaxy/2-train.ipynb',
      'galaxy/3-optimise.ipynb',
    ])('the progress bars of %s end full', async (name) => {
      const pages = outputsOf(await readCells(executed, name)).map(({ data }) => textOf(data?.['text/html'] ?? ''));
      const bars = pages.flatMap((page) => [...page.matchAll(/<progress value="(\d+)" max="(\d+)"/g)]);
      expect(bars.length).toBeGreaterThan(0);
      for (const [, value, max] of bars) expect(value).toBe(max);
    });

    it.each([
      ['food/1-prepare.ipynb', 2],
      ['food/2-train.ipynb', 2],
      ['food/3-predict.ipynb', 2],
      ['food/4-retrain.ipynb', 1],
      ['food/5-errors.ipynb', 3],
      ['galaxy/1-prepare.ipynb', 2],
      ['galaxy/2-train.ipynb', 6],
      ['galaxy/3-optimise.ipynb', 2],
      ['galaxy/4-predict.ipynb', 1],
      ['report.ipynb', 10],
    ])('the tables of %s have rows', async (name, count) => {
      const pages = outputsOf(await readCells(executed, name)).map(({ data }) => textOf(data?.['text/html'] ?? ''));
      const tables = pages.filter((page) => page.startsWith('<table>'));
      expect(tables.length).toBe(count);
      for (const table of tables) expect(table.split('<tbody>')[1]).toContain('<td');
    });

    it('leaves a run of each stage, all finished and none of them of real pictures', async () => {
      const { runs, problems } = await readRuns(home);
      expect(problems).toEqual([]);
      const stages = (task: string): string[] => runs.filter((run) => run.task === task).map(({ stage }) => stage);
      expect(stages('food').sort()).toEqual(['finetune', 'head', 'retrain']);
      expect(stages('galaxy').sort()).toEqual(['finetune', 'finetune', 'finetune', 'head', 'head']);
      expect(runs.every(({ status, data }) => status === 'finished' && data.isSample)).toBe(true);
    });

    it('writes the report', async () => {
      expect(await readFile(home.reportHtml, 'utf8')).toMatch(/<\/html>\s*$/);
    });

    it('says each part of a notebook once as it goes', () => {
      const parts = lines.filter((line) => /^ {2}\S/.test(line));
      expect(parts).toContain('  Photographs to collages');
      // A notebook of each task has it, in several cells.
      expect(parts.filter((line) => line === '  By class, on the test split').length).toBe(2);
      expect(lines.filter((line) => line.endsWith('.ipynb'))).toEqual([...notebooks]);
    });
  });

  describe('one of a few cells', () => {
    async function notebookWith(code: string): Promise<{ folder: string; text: string }> {
      const folder = await temporaryFolder();
      const cell = (id: string, source: string) => ({ cell_type: 'code', id, metadata: {}, execution_count: null, outputs: [], source });
      const heading = { cell_type: 'markdown', id: 'top', metadata: {}, source: '# The hard part' };
      const cells = [heading, cell('good', 'console.log(6 * 7)'), cell('bad', code), cell('after', 'console.log("the next cell")')];
      const text = JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 });
      await writeFile(path.join(folder, 'one.ipynb'), text);
      return { folder, text };
    }

    it('shows all outputs of a cell, however many and however fast', async () => {
      const { folder } = await notebookWith(`import { createDisplay } from './lib/report/notebook'
        const show = createDisplay()
        for (let count = 1; count <= 1500; count++) show({ 'text/plain': \`output \${count}\` })`);
      await executeNotebooks({ workspace: { ...workspace, notebooks: folder }, names: ['one.ipynb'] });
      const outputs = JSON.stringify(outputsOf(await readCells(folder, 'one.ipynb')));
      expect(outputs).toContain('output 1500');
      expect(outputs).toContain('the next cell');
    });

    it('lets work that listens for an interrupt stop by itself, and goes on', async () => {
      const { folder } = await notebookWith(`import { stopOnInterrupt } from './lib/interrupt'
        const signal = stopOnInterrupt()
        setTimeout(() => process.kill(process.pid, 'SIGINT'), 200)
        await new Promise((done) => signal.addEventListener('abort', done))
        console.log('kept the best')`);
      await executeNotebooks({ workspace: { ...workspace, notebooks: folder }, names: ['one.ipynb'] });
      const outputs = JSON.stringify(outputsOf(await readCells(folder, 'one.ipynb')));
      expect(outputs).toContain('kept the best');
      expect(outputs).toContain('the next cell');
    });

    it.each([
      ['throws', 'throw new Error("out of rice")', /out of rice/],
      ['has a type error', 'const rice: number = "white"', /'string' is not assignable to type 'number'/],
      ['ends the kernel', 'process.exit(1)', /the kernel ended in the part "The hard part"/],
    ])('is left as it was when a cell %s, and what it got to is beside it', async (_, code, message) => {
      const { folder, text } = await notebookWith(code);
      const execution = executeNotebooks({ workspace: { ...workspace, notebooks: folder }, names: ['one.ipynb'] });
      await expect(execution).rejects.toMatchObject({ code: 'NOTEBOOK_FAILED', message: expect.stringMatching(message) });
      expect(await readFile(path.join(folder, 'one.ipynb'), 'utf8')).toBe(text);
      const reached = outputsOf(await readCells(folder, 'one.ipynb.part'));
      expect(JSON.stringify(reached)).toContain('42');
      expect(JSON.stringify(reached)).not.toContain('the next cell');
    });
  });
});
