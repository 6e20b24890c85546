import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { datasetOf, openWorkspace, type Workspace } from '../lib/workspace';

let checkout: string;

beforeAll(() => {
  checkout = mkdtempSync(path.join(os.tmpdir(), 'visionbook-checkout-'));
  mkdirSync(path.join(checkout, 'notebooks/food'), { recursive: true });
  writeFileSync(path.join(checkout, 'package.json'), '{"name":"visionbook"}');
  mkdirSync(path.join(checkout, 'inner/deep'), { recursive: true });
  writeFileSync(path.join(checkout, 'inner/package.json'), '{"name":"another"}');
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

const written = (workspace: Workspace): string[] => [
  workspace.sample,
  workspace.labelsCsv,
  workspace.datasetImages,
  workspace.activations,
  workspace.pendingCsv,
  workspace.reportHtml,
  workspace.executedNotebooks,
  workspace.experiment('a'),
  workspace.model('food', 'a'),
  workspace.currentModel('food'),
];

describe('the workspace', () => {
  it.each(['.', 'notebooks', 'notebooks/food', 'inner/deep'])('is the checkout, seen from %s', (folder) => {
    const workspace = openWorkspace({ env: {}, cwd: path.join(checkout, folder) });
    expect(workspace.root).toBe(checkout);
    expect(workspace.raw).toBe(path.join(checkout, 'raw'));
    for (const file of written(workspace)) expect(file.startsWith(checkout + path.sep)).toBe(true);
  });

  it('says where to go when it is opened outside of a checkout', () => {
    expect(() => openWorkspace({ env: {}, cwd: os.tmpdir() })).toThrow(
      /is not inside a visionbook checkout: run this in the folder you cloned/,
    );
  });

  it('writes all below VISIONBOOK_HOME, and reads the downloads where they were', () => {
    const workspace = openWorkspace({ env: { VISIONBOOK_HOME: '/elsewhere' }, cwd: checkout });
    for (const file of written(workspace)) expect(file.startsWith('/elsewhere/')).toBe(true);
    expect(workspace.raw).toBe(path.join(checkout, 'raw'));
    expect(workspace.notebooks).toBe(path.join(checkout, 'notebooks'));
    expect(workspace.venvBin.startsWith(checkout)).toBe(true);
  });

  it('reads the downloads from VISIONBOOK_RAW, and writes where it did', () => {
    const workspace = openWorkspace({ env: { VISIONBOOK_RAW: '/photos' }, cwd: checkout });
    expect(workspace.raw).toBe('/photos');
    expect(workspace.sample).toBe(path.join(checkout, 'raw/sample'));
  });

  it("keeps food's data set where it always was, and every other task's in a folder of its own", () => {
    const workspace = openWorkspace({ env: {}, cwd: checkout });
    const { dataset, labelsCsv, datasetCard, datasetCardText } = workspace;
    expect(datasetOf(workspace, 'food')).toMatchObject({ dataset, labelsCsv, datasetCard, datasetCardText });
    expect(datasetOf(workspace, 'galaxy').labelsCsv).toBe(path.join(dataset, 'galaxy/labels.csv'));
    expect(datasetOf(workspace, 'galaxy').datasetImages).toBe(path.join(dataset, 'galaxy/images'));
  });

  it('takes relative folders from where one is', () => {
    const env = { VISIONBOOK_HOME: 'mine', VISIONBOOK_RAW: '../photos' };
    const workspace = openWorkspace({ env, cwd: path.join(checkout, 'notebooks') });
    expect(workspace.dataset).toBe(path.join(checkout, 'notebooks/mine/dataset'));
    expect(workspace.raw).toBe(path.join(checkout, 'photos'));
  });
});
