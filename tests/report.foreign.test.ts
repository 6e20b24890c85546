import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';
import { expect, test } from 'vitest';
import { type CurvePoint, type ForeignRun, readForeignRuns } from '../lib/experiments';
import { foreignCurves, writeReport } from '../lib/report';
import type { Workspace } from '../lib/workspace';
import { runRecord, temporaryWorkspace } from './experiments.helpers';

const keras: ForeignRun = {
  schemaVersion: 1,
  from: 'mlflow',
  server: 'http://127.0.0.1:5000',
  experiment: 'baseline',
  id: 'ab12',
  name: 'keras <b>',
  status: 'finished',
  startedAt: '2026-03-01T10:00:00.000Z',
  params: { learning_rate: '0.01' },
  metrics: { val_auc: 0.999, val_loss: Number.NaN },
};

function put(workspace: Workspace, name: string, content: unknown): void {
  mkdirSync(workspace.foreignRuns, { recursive: true });
  writeFileSync(workspace.foreignRun(name), typeof content === 'string' ? content : JSON.stringify(content));
}

test('runs from elsewhere stand in a table of their own, say whether the data are ours, and are no best run', async () => {
  const workspace = temporaryWorkspace();
  const ours = runRecord();
  put(workspace, 'ab12', keras);
  put(workspace, 'cd34', { ...keras, id: 'cd34', name: 'same', startedAt: '2026-03-02T10:00:00.000Z', fingerprint: ours.data.fingerprint });
  const { document } = new JSDOM(readFileSync(await writeReport({ workspace, runs: [ours] }), 'utf8')).window;
  const textsOf = (row: Element): (string | null)[] => [...row.children].map((cell) => cell.textContent);
  expect(textsOf(document.querySelector('#foreign thead tr')!)).toEqual([
    'Run',
    'Status',
    'Experiment',
    'Data',
    'val_auc',
    'val_loss',
    'learning_rate',
    'Started',
  ]);
  expect([...document.querySelectorAll('#foreign tbody tr')].map(textsOf)).toEqual([
    ['same', 'finished', 'baseline', 'the same as of our food on sample', '0.999', '–', '0.01', '2026-03-02 10:00 UTC'],
    ['keras <b>', 'finished', 'baseline', 'not known to be ours', '0.999', '–', '0.01', '2026-03-01 10:00 UTC'],
  ]);
  expect(document.querySelector('.card h3')?.textContent).not.toContain('keras');
});

test('their curves are drawn over the steps that they were logged with: validation solid, training dotted, what is no number a gap', () => {
  const point = (step: number, value: number): CurvePoint => ({ step, value });
  const curves = { accuracy: [point(0, 0.5), point(5, 0.6)], val_loss: [point(0, 0.9), point(5, Number.NaN), point(9, 0.7)] };
  const { data, layout } = foreignCurves([
    { ...keras, id: 'nan', curves: { loss: [point(0, Number.NaN), point(1, Number.NaN)] } },
    { ...keras, curves },
  ])!;
  expect(data).toMatchObject([
    { xaxis: 'x', x: [0, 5, 9], y: [0.9, null, 0.7], name: 'keras &lt;b&gt;', showlegend: true, line: { width: 2.5 } },
    { xaxis: 'x2', x: [0, 5], y: [0.5, 0.6], showlegend: false, line: { dash: 'dot' } },
  ]);
  expect(JSON.stringify(layout.annotations)).toMatch(/Loss.*Accuracy/);
  expect(JSON.stringify(layout.annotations)).not.toContain('AUC');
  expect(foreignCurves([keras])).toBeUndefined();
});

test('a report of many draws the curves of the newest', async () => {
  const workspace = temporaryWorkspace();
  for (let day = 1; day <= 9; day++) {
    const curves = { loss: [0, 1].map((step) => ({ step, value: step })) };
    put(workspace, `run${day}`, { ...keras, id: `run${day}`, name: `day ${day}`, startedAt: `2026-03-0${day}T10:00:00.000Z`, curves });
  }
  const { document } = new JSDOM(readFileSync(await writeReport({ workspace, runs: [runRecord()] }), 'utf8')).window;
  const { data } = JSON.parse(document.querySelector('#foreign figure script')!.textContent!) as { data: { name: string }[] };
  expect(data.map(({ name }) => name)).toEqual([9, 8, 7, 6, 5, 4, 3, 2].map((day) => `day ${day}`));
  expect(document.querySelector('#foreign')!.textContent).toContain('the 8 newest of 9 runs');
});

test('a damaged file is named, and hides no other', async () => {
  const workspace = temporaryWorkspace();
  put(workspace, 'ab12', keras);
  put(workspace, 'broken', '{');
  put(workspace, 'other', { ...keras, metrics: { val_auc: 'high' } });
  const { runs, problems } = await readForeignRuns(workspace);
  expect(runs.map((run) => run.id)).toEqual(['ab12']);
  expect(problems.map((problem) => problem.path).sort()).toEqual(['mlflow/broken.json', 'mlflow/other.json']);
  expect(problems.map((problem) => problem.reason).join()).toMatch(/no JSON.*metrics\.val_auc/s);
});

test('without runs from elsewhere the report says nothing of them', async () => {
  const workspace = temporaryWorkspace();
  expect(readFileSync(await writeReport({ workspace, runs: [runRecord()] }), 'utf8')).not.toContain('from MLflow');
});
