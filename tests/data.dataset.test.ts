import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readDataset, syncLabels } from '../lib/data';
import { food } from '../lib/tasks';
import type { Workspace } from '../lib/workspace';
import { put, temporaryFolder, temporaryWorkspace } from './data.fixtures';

const header = 'filename,lacteos,arroz,frutas/verduras,source';
const names = ['train_0000001.jpg', 'val_none_0000001.jpg', 'test_0000001.jpg', 'mine.jpg'];
const rows = [`${names[0]},1,0,1,a.jpg|b.jpg`, `${names[1]},0,0,0,c.jpg`, `${names[2]},0,1,0,d.jpg`, `${names[3]},0,1,0,`];
let workspace: Workspace;

function write(...lines: string[]): void {
  put(workspace.dataset, 'labels.csv', `${lines.join('\n')}\n`);
}

beforeEach(() => {
  workspace = temporaryWorkspace();
  for (const name of names) put(workspace.datasetImages, name, `content of ${name}`);
  write(header, ...rows);
});

describe('reading the data set', () => {
  it('gives pictures with labels, split and photographs', async () => {
    const { pictures, counts, card } = await readDataset(workspace, food);
    expect(pictures[0]).toEqual({
      filename: names[0],
      path: path.join(workspace.datasetImages, names[0]!),
      labels: [1, 0, 1],
      split: 'train',
      sources: ['a.jpg', 'b.jpg'],
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(pictures.map(({ split }) => split)).toEqual(['train', 'validation', 'test', 'train']);
    expect(pictures[3]!.sources).toEqual([]);
    expect(counts).toEqual({ train: 2, validation: 1, test: 1 });
    expect(card).toEqual({ name: 'unknown', isSample: false });
  });

  it('has a fingerprint that depends on names, contents and labels, and on nothing else', async () => {
    const { fingerprint } = await readDataset(workspace, food);
    write(header, ...[...rows].reverse());
    expect((await readDataset(workspace, food)).fingerprint).toBe(fingerprint);
    write(header, ...rows.slice(0, 3), `${names[3]},1,1,0,`);
    expect((await readDataset(workspace, food)).fingerprint).not.toBe(fingerprint);
    write(header, ...rows);
    put(workspace.datasetImages, names[3]!, 'other content');
    expect((await readDataset(workspace, food)).fingerprint).not.toBe(fingerprint);
  });

  it.each<[string, string[]]>([
    ['in any order', ['source,arroz,filename,frutas/verduras,lacteos', `x.jpg,0,${names[0]},1,1`]],
    ['without a source', ['filename,lacteos,arroz,frutas/verduras', `${names[0]},1,0,1`]],
    ['with semicolons, a byte order mark and spaces', [`\ufeff${header.replace(/,/g, ';')}`, `${names[0]}; 1;0;1;x.jpg`]],
    ['with Windows line ends', [`${header}\r`, `${names[0]},1,0,1,x.jpg\r`]],
  ])('takes columns %s', async (_, lines) => {
    write(...lines);
    expect((await readDataset(workspace, food)).pictures.map(({ labels }) => labels)).toEqual([[1, 0, 1]]);
  });

  it.each<[string, string[], RegExp]>([
    ['an unknown column', [`${header},pan`, `${rows[0]},1`], /line 1: unknown column "pan"/],
    ['a missing column', ['filename,lacteos,arroz,source', `${names[0]},1,0,x`], /line 1: column "frutas\/verduras" is missing/],
    ['a column twice', [`${header},arroz`, `${rows[0]},1`], /line 1: column "arroz" comes twice/],
    ['a label that is neither 0 nor 1', [header, rows[0]!, `${names[1]},0,0.5,0,`], /line 3: "arroz" is "0\.5", but must be 0 or 1/],
    ['an empty label', [header, `${names[1]},0,,0,`], /line 2: "arroz" is ""/],
    ['too few fields', [header, `${names[1]},0,1`], /line 2: 3 fields, but the header has 5/],
    ['a name twice', [header, rows[0]!, rows[1]!, rows[0]!], /line 4: train_0000001\.jpg already stands in line 2/],
    ['a picture that is not there', [header, rows[0]!, 'gone.jpg,1,0,0,'], /line 3: there is no picture .*gone\.jpg/],
    ['a way out of the folder', [header, '../labels.csv,1,0,0,'], /line 2: "\.\.\/labels\.csv" is not the plain name/],
    ['a way out on Windows', [header, '..\\labels.csv,1,0,0,'], /is not the plain name/],
    ['an absolute path', [header, '/etc/passwd,1,0,0,'], /is not the plain name/],
    ['a quote that does not close', [header, `"${names[0]},1,0,1,x`], /line 2/],
    ['no rows', [header], /no picture below the header/],
    ['nothing at all', [''], /column "filename" is missing/],
  ])('refuses %s and gives the line', async (_, lines, message) => {
    write(...lines);
    const refusal = await readDataset(workspace, food).catch((error) => error);
    expect(refusal).toMatchObject({ code: 'BAD_LABELS', message: expect.stringMatching(message) });
    expect(refusal.message).toContain(workspace.labelsCsv);
  });

  it('shows the first five problems and counts the rest', async () => {
    write(header, ...Array.from({ length: 8 }, (_, index) => `gone${index}.jpg,1,0,0,`));
    await expect(readDataset(workspace, food)).rejects.toThrow(/gone4\.jpg\n {2}and 3 more$/);
  });

  it('says how to make a data set where there is none', async () => {
    unlinkSync(workspace.labelsCsv);
    await expect(readDataset(workspace, food)).rejects.toMatchObject({
      code: 'DATASET_MISSING',
      message: expect.stringContaining('npm run prepare -- food'),
    });
  });

  it('refuses a card that it cannot understand', async () => {
    writeFileSync(workspace.datasetCard, '{"version": 1}');
    await expect(readDataset(workspace, food)).rejects.toMatchObject({ code: 'BAD_DATASET_CARD' });
  });
});

describe('synchronising labels', () => {
  const pending = () => readFileSync(workspace.labelsPendingCsv, 'utf8');
  const labels = () => readFileSync(workspace.labelsCsv, 'utf8');

  beforeEach(() => {
    put(workspace.datasetImages, 'new.jpg', 'one');
    put(workspace.datasetImages, 'newer.png', 'two');
    put(workspace.datasetImages, 'notes.txt', 'no picture');
  });

  it('lists pictures without a row, and leaves the labels alone', async () => {
    const before = labels();
    expect(await syncLabels(workspace, food)).toEqual({ pictures: 6, labelled: 4, pending: 2, edited: 0, merged: 0, dropped: 0 });
    expect(pending()).toBe(`${header}\nnew.jpg,0,0,0,new.jpg\nnewer.png,0,0,0,newer.png\n`);
    expect(labels()).toBe(before);
  });

  it('keeps rows that somebody has edited, and drops those whose picture is gone', async () => {
    put(workspace.dataset, 'labels_pending.csv', `${header}\nnew.jpg,0,1,1,new.jpg\ngone.jpg,1,0,0,\n${rows[0]}\n`);
    expect(await syncLabels(workspace, food)).toMatchObject({ pending: 2, edited: 1, dropped: 1 });
    expect(pending()).toBe(`${header}\nnew.jpg,0,1,1,new.jpg\nnewer.png,0,0,0,newer.png\n`);
  });

  it('merges the pending rows, as edited, and empties the pending file', async () => {
    put(workspace.dataset, 'labels_pending.csv', `${header}\nnew.jpg,0,1,1,new.jpg\n`);
    const report = await syncLabels(workspace, food, { merge: true });
    expect(report).toEqual({ pictures: 6, labelled: 6, pending: 0, edited: 1, merged: 2, dropped: 0 });
    expect(labels()).toBe(`${[header, ...rows].join('\n')}\nnew.jpg,0,1,1,new.jpg\nnewer.png,0,0,0,newer.png\n`);
    expect(pending()).toBe(`${header}\n`);
    expect(await syncLabels(workspace, food, { merge: true })).toMatchObject({ labelled: 6, merged: 0 });
    expect((await readDataset(workspace, food)).pictures).toHaveLength(6);
  });

  it('begins the labels where there are none', async () => {
    unlinkSync(workspace.labelsCsv);
    expect(await syncLabels(workspace, food, { merge: true })).toMatchObject({ labelled: 6, merged: 6 });
  });

  it('works on other paths', async () => {
    const folder = temporaryFolder();
    put(folder, 'images/a.jpg', 'a');
    const options = {
      labelsCsv: path.join(folder, 'l.csv'),
      imagesDir: path.join(folder, 'images'),
      pendingCsv: path.join(folder, 'deep', 'p.csv'),
    };
    expect(await syncLabels(workspace, food, options)).toMatchObject({ pictures: 1, pending: 1 });
    expect(existsSync(options.pendingCsv)).toBe(true);
    expect(existsSync(workspace.labelsPendingCsv)).toBe(false);
  });

  it('writes nothing when a file has an error', async () => {
    const wrong = `${header}\nnew.jpg,0,2,1,\n`;
    put(workspace.dataset, 'labels_pending.csv', wrong);
    const before = labels();
    await expect(syncLabels(workspace, food, { merge: true })).rejects.toMatchObject({ code: 'BAD_LABELS' });
    expect([labels(), pending()]).toEqual([before, wrong]);
  });
});
