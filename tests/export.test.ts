import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { JSDOM } from 'jsdom';
import { onnx } from 'onnx-proto';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRuns } from '../lib/experiments';
import { sha256 } from '../lib/files';
import { exportReportFile, findModel, type SavedModel } from '../lib/models';
import { type ExportReport, exportModel, fileRows, lossRows, openPredictor } from '../lib/prediction';
import { writeReport } from '../lib/report';
import { food } from '../lib/tasks';
import { copyOfTrained, type TestHome, tinyCounts } from './pipeline.fixture';
import { runPageOf } from './report.page.fixture';

let home: TestHome;
let saved: SavedModel;
let report: ExportReport;

beforeAll(async () => {
  home = await copyOfTrained();
  saved = await findModel(home.workspace, food.name);
  report = await exportModel({ workspace: home.workspace, task: food, variants: ['int8', 'float16'], calibrationPictures: 16 });
});

const metadataOf = async (file: string): Promise<Record<string, string>> => {
  const { metadataProps } = onnx.ModelProto.decode(await readFile(file));
  return Object.fromEntries(metadataProps.map(({ key, value }) => [key!, value!]));
};

describe('an export', () => {
  it('writes an 8-bit model of less than 30 % of the size, and a float16 one of about half', () => {
    const [float32, int8, float16] = report.files;
    expect([float32!.variant, int8!.variant, float16!.variant]).toEqual(['float32', 'int8', 'float16']);
    expect(int8!.bytes / float32!.bytes).toBeLessThan(0.3);
    expect(float16!.bytes / float32!.bytes).toBeLessThan(0.52);
    expect(fileRows(report).map((row) => row['of float32'])).toEqual([
      '100.0 %',
      expect.stringMatching(/^2\d\.\d %$/),
      expect.stringMatching(/^5\d\.\d %$/),
    ]);
  });

  it('leaves the run as it was, and says in export.json what it made', async () => {
    const folder = home.workspace.model(food.name, saved.card.runId);
    expect(JSON.parse(await readFile(path.join(folder, 'export.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(report)));
    for (const { file, sha256: hash, bytes } of report.files) {
      const content = await readFile(file);
      expect([sha256(content), content.length]).toEqual([hash, bytes]);
    }
    const run = JSON.parse(await readFile(path.join(home.workspace.experiment(saved.card.runId), 'run.json'), 'utf8'));
    const recorded = run.artifacts.find((artifact: { path: string }) => artifact.path.endsWith('model.onnx'));
    expect(report.files[0]!.sha256).toBe(recorded.sha256);
  });

  it('measures how long each form takes, and says on what', () => {
    expect(report.machine).toMatch(/, \d+ threads$/);
    for (const { latencyMs } of report.files) expect(latencyMs).toBeGreaterThan(0);
    expect(fileRows(report).map((row) => row['ms a picture'])).toEqual(report.files.map(({ latencyMs }) => latencyMs!.toFixed(1)));
  });

  it('measures what is lost on the test split, for each class and for all', () => {
    const [, int8, float16] = report.files;
    for (const loss of [int8!.loss!, float16!.loss!]) {
      expect([loss.before.count, loss.after.count]).toEqual([tinyCounts.test, tinyCounts.test]);
      expect(loss.agreementByClass).toHaveLength(3);
      expect(loss.largestDifference).toBeGreaterThanOrEqual(loss.meanDifference);
      expect(loss.meanDifference).toBeGreaterThan(0);
    }
    expect(int8!.loss!.meanDifference).toBeLessThan(0.05);
    expect(float16!.loss!.meanDifference).toBeLessThan(0.005);
    const rows = lossRows(report);
    expect(rows.map((row) => row.class)).toEqual([
      ...saved.card.classes,
      'all (36 test pictures)',
      ...saved.card.classes,
      'all (36 test pictures)',
    ]);
    expect(rows[0]!.change).toBeCloseTo(int8!.loss!.after.perClass[0]!.auc! - int8!.loss!.before.perClass[0]!.auc!, 12);
  });

  it('writes into each file what one needs to know to use it, and what it was made of', async () => {
    const { card, onnx: source } = saved;
    const shared = {
      task: 'food',
      run: card.runId,
      classes: JSON.stringify(card.classes),
      preprocessing: 'x / 127.5 - 1',
      decision: JSON.stringify(card.decision),
      data: card.data.name,
      weights: JSON.stringify(card.weights),
    };
    expect(await metadataOf(source)).toMatchObject({ ...shared, kerasSha256: sha256(await readFile(saved.keras)) });
    const made = { ...shared, onnxSha256: sha256(await readFile(source)) };
    const [, int8, float16] = report.files;
    expect(await metadataOf(int8!.file)).toMatchObject({
      ...made,
      variant: 'int8',
      calibration: 'minmax',
      weightBits: '7',
      calibrationPictures: '16',
    });
    expect(await metadataOf(float16!.file)).toMatchObject({ ...made, variant: 'float16' });
  });

  it.each(['int8', 'float16'] as const)('can be predicted with as %s', async (variant) => {
    const picture = path.join(home.workspace.datasetImages, 'test_0000001.jpg');
    const predict = async (form: 'float32' | 'int8' | 'float16'): Promise<readonly number[]> => {
      const predictor = await openPredictor(home.workspace, food.name, { variant: form });
      const [prediction] = await predictor.predict([picture]);
      await predictor.release();
      return prediction!.probabilities;
    };
    const [small, whole] = [await predict(variant), await predict('float32')];
    for (const [index, probability] of small.entries()) expect(Math.abs(probability - whole[index]!)).toBeLessThan(0.2);
    expect(small).not.toEqual(whole);
  });
});

describe('the report of all runs', () => {
  const page = async ({ workspace }: TestHome): Promise<Document> =>
    new JSDOM(await readFile(await writeReport({ workspace, ...(await readRuns(workspace)) }), 'utf8')).window.document;

  it('says what each class loses in a smaller form', async () => {
    const document = await page(home);
    const run = runPageOf(document, saved.card.runId)!;
    const loss = [...run.querySelectorAll('table')].find((table) => table.textContent!.includes('same decision'))!;
    const cells = [...loss.querySelectorAll('tbody tr')].map((row) => [...row.children].slice(0, 2).map((cell) => cell.textContent));
    expect(cells).toEqual(
      ['int8', 'float16'].flatMap((form) => [...saved.card.classes, 'all (36 test pictures)'].map((name) => [form, name])),
    );
    expect(document.querySelector('#g0 .card')!.textContent).toContain('Exported as int8 and float16');
  });

  it('names an export that cannot be read, and shows the rest', async () => {
    const other = await copyOfTrained();
    const file = exportReportFile(other.workspace, food.name, saved.card.runId);
    await writeFile(file, '{"schemaVersion": 1, "ru');
    const document = await page(other);
    expect(document.querySelector('.note.warn li')!.textContent).toContain(file);
    expect(document.querySelector('.note.warn li')!.textContent).toContain(`npm run export -- --run ${saved.card.runId}`);
    expect(runPageOf(document, saved.card.runId)!.querySelector('h1')!.textContent).toContain(saved.card.runId.slice(-6));
  });
});

describe('an export that cannot be', () => {
  it('says which run is missing, and how to make a form that is', async () => {
    const { workspace } = await copyOfTrained();
    await expect(exportModel({ workspace, task: food, run: 'gone' })).rejects.toMatchObject({ code: 'NO_MODEL' });
    const missing = openPredictor(workspace, food.name, { variant: 'int8' });
    await expect(missing).rejects.toMatchObject({
      code: 'NO_VARIANT',
      message: expect.stringMatching(/npm run export -- food --run \S+ --int8/),
    });
  });

  it('refuses a damaged model and leaves nothing behind', async () => {
    const { workspace } = await copyOfTrained();
    const { onnx: file } = await findModel(workspace, food.name);
    await writeFile(file, (await readFile(file)).subarray(0, 5000));
    for (const variant of ['int8', 'float16'] as const) {
      await expect(exportModel({ workspace, task: food, variants: [variant] })).rejects.toMatchObject({ code: 'BAD_ONNX_MODEL' });
      await expect(openPredictor(workspace, food.name, { variant })).rejects.toMatchObject({ code: 'NO_VARIANT' });
    }
  });

  it('needs the data set for int8; float16 goes without, and says that nothing was measured', async () => {
    const { workspace } = await copyOfTrained();
    await rm(workspace.dataset, { recursive: true });
    await expect(exportModel({ workspace, task: food, variants: ['int8'] })).rejects.toMatchObject({ code: 'DATASET_MISSING' });
    const { files, notes } = await exportModel({ workspace, task: food, variants: ['float16'] });
    expect(files.map(({ loss }) => loss)).toEqual([undefined, undefined]);
    expect(notes).toEqual([expect.stringMatching(/no data set/)]);
  });

  it('needs a training picture for int8', async () => {
    const { workspace } = await copyOfTrained();
    const lines = (await readFile(workspace.labelsCsv, 'utf8')).split('\n');
    await writeFile(workspace.labelsCsv, lines.filter((line) => !line.startsWith('train')).join('\n'));
    await expect(exportModel({ workspace, task: food, variants: ['int8'] })).rejects.toMatchObject({ code: 'NO_CALIBRATION' });
  });
});
