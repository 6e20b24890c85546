import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';
import { expect, test } from 'vitest';
import { type ForeignRun, readForeignRuns } from '../lib/experiments';
import { writeReport } from '../lib/report';
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
