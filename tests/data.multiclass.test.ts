import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readDataset, syncLabels } from '../lib/data';
import { galaxy } from '../lib/tasks';
import { datasetOf, openWorkspace, type Workspace } from '../lib/workspace';
import { put, temporaryFolder } from './data.fixtures';

let workspace: Workspace;
const header = 'filename,label,source';
const rows = ['train_0000001.jpg,Barred Spiral,a.h5#1', 'val_0000001.jpg,Merging,a.h5#2', 'test_0000001.jpg,Edge-on with Bulge,a.h5#3'];
const write = (lines: readonly string[]): void => put(places().dataset, 'labels.csv', `${lines.join('\n')}\n`);
const places = () => datasetOf(workspace, galaxy.name);
const position = (name: string): number => galaxy.classes.findIndex((one) => one.name === name);

beforeEach(() => {
  workspace = openWorkspace({ env: { VISIONBOOK_HOME: temporaryFolder() } });
  write([header, ...rows]);
  for (const row of rows) put(places().datasetImages, row.split(',')[0]!, row);
});

describe('labels.csv of a task whose pictures have exactly one class', () => {
  it("names the class, and lies in the task's own folder", async () => {
    expect(places().labelsCsv).toBe(path.join(workspace.dataset, 'galaxy', 'labels.csv'));
    const { pictures, counts } = await readDataset(workspace, galaxy);
    expect(counts).toEqual({ train: 1, validation: 1, test: 1 });
    expect(pictures.map(({ labels }) => labels.indexOf(1))).toEqual(['Barred Spiral', 'Merging', 'Edge-on with Bulge'].map(position));
    expect(pictures.map(({ labels }) => [labels.length, labels.filter((label) => label === 1).length])).toEqual(new Array(3).fill([10, 1]));
  });

  it.each([
    ['a class that there is not', [header, 'a.jpg,Quasar,x'], 'line 2: "label" is "Quasar", but must be one of Disturbed, Merging'],
    ['an alias, which names another class in other programs', [header, 'a.jpg,merger,x'], 'line 2: "label" is "merger"'],
    ['no class', [header, 'a.jpg,,x'], 'line 2: "label" is ""'],
    [
      "another kind of task's columns",
      ['filename,Merging,source', 'a.jpg,1,x'],
      'line 1: unknown column "Merging" (known: filename, label, source)',
    ],
    ['a name that comes twice', [header, rows[0]!, rows[0]!], 'line 3: train_0000001.jpg already stands in line 2'],
  ])('is refused with %s', async (_, lines, problem) => {
    write(lines);
    await expect(readDataset(workspace, galaxy)).rejects.toMatchObject({ code: 'BAD_LABELS', message: expect.stringContaining(problem) });
  });

  it('takes pending pictures in when they have a class, and leaves the others waiting', async () => {
    put(places().datasetImages, 'new.jpg', 'one');
    put(places().datasetImages, 'newer.jpg', 'two');
    expect(await syncLabels(workspace, galaxy)).toMatchObject({ pictures: 5, labelled: 3, pending: 2, edited: 0, merged: 0 });
    expect(readFileSync(places().labelsPendingCsv, 'utf8')).toBe(`${header}\nnew.jpg,,new.jpg\nnewer.jpg,,newer.jpg\n`);
    writeFileSync(places().labelsPendingCsv, `${header}\nnew.jpg,Round Smooth,new.jpg\nnewer.jpg,,newer.jpg\n`);
    expect(await syncLabels(workspace, galaxy, { merge: true })).toMatchObject({ labelled: 4, pending: 1, edited: 1, merged: 1 });
    expect(readFileSync(places().labelsPendingCsv, 'utf8')).toBe(`${header}\nnewer.jpg,,newer.jpg\n`);
    const { pictures } = await readDataset(workspace, galaxy);
    expect(pictures.at(-1)).toMatchObject({ filename: 'new.jpg', split: 'train' });
    expect(existsSync(workspace.labelsCsv)).toBe(false);
  });
});
