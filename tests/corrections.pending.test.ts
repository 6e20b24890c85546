import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pendingColumns, readPending } from '../lib/corrections';
import { sha256 } from '../lib/files';
import { food } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';

const header = 'timestamp,image_path,lacteos,arroz,frutas/verduras,status';
const time = '2026-03-01T09:05:07Z';
let home: string;
let workspace: Workspace;

beforeAll(async () => {
  home = await mkdtemp(path.join(os.tmpdir(), 'visionbook-pending-'));
  workspace = openWorkspace({ env: { VISIONBOOK_HOME: home } });
  await mkdir(workspace.correctionImages, { recursive: true });
  for (const name of ['a.jpg', 'b.jpg', 'with, comma.jpg'])
    await writeFile(path.join(workspace.correctionImages, name), `content of ${name}`);
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** What is read of the lines, as `file labels`. */
async function read(...lines: string[]): Promise<string[]> {
  await writeFile(workspace.pendingCsv, lines.join('\n'));
  const corrections = await readPending(workspace, food);
  return corrections.map((one) => `${path.relative(workspace.corrections, one.path)} ${one.labels.join('')}`);
}

describe('pending corrections', () => {
  it('are none where there is no file', async () => {
    expect(await readPending(openWorkspace({ env: { VISIONBOOK_HOME: '/nowhere' } }), food)).toEqual([]);
  });

  it('carry the path, the hash of the content, the labels in the order of the task and the time', async () => {
    await writeFile(workspace.pendingCsv, `${header}\n${time},images/a.jpg,1,0,1,pending\n`);
    const file = path.join(workspace.correctionImages, 'a.jpg');
    expect(await readPending(workspace, food)).toEqual([
      { path: file, sha256: sha256('content of a.jpg'), labels: [1, 0, 1], timestamp: time },
    ]);
  });

  const row = (file: string, labels: string, status = 'pending'): string => `${time},${file},${labels},${status}`;
  it.each<[string, string[], string[]]>([
    ['of all rows that are pending', [header, row('images/a.jpg', '1,0,0', 'done'), row('images/b.jpg', '0,0,0')], ['images/b.jpg 000']],
    ['not of other rows, whatever they hold', [header, row('images/gone.jpg', '7,,x', 'rejected')], []],
    ['of no row', [header], []],
    ['by absolute path', [header, row(`ABSOLUTE/b.jpg`, '0,1,0')], ['images/b.jpg 010']],
    ['with a comma in the name', [header, row('"images/with, comma.jpg"', '0,1,0')], ['images/with, comma.jpg 010']],
    [
      'with the columns in another order',
      ['status,frutas/verduras,arroz,lacteos,image_path,timestamp', `pending,1,0,0,images/a.jpg,${time}`],
      ['images/a.jpg 001'],
    ],
    [
      'after a byte-order mark, with CRLF and blanks',
      [`\uFEFF"timestamp"${header.slice('timestamp'.length)}\r`, `${row(' images/a.jpg ', ' 1, 0,0')}\r`, '\r'],
      ['images/a.jpg 100'],
    ],
    ['with semicolons', [header.replaceAll(',', ';'), row('images/a.jpg', '1,0,0').replaceAll(',', ';')], ['images/a.jpg 100']],
    [
      'the later one for a picture, however it is written',
      [header, row('images/a.jpg', '1,0,0'), row('images/b.jpg', '1,1,1'), row('images/../images/a.jpg', '0,1,0')],
      ['images/a.jpg 010', 'images/b.jpg 111'],
    ],
  ])('are read: %s', async (_, lines, expected) => {
    expect(await read(...lines.map((line) => line.replace('ABSOLUTE', workspace.correctionImages)))).toEqual(expected);
  });

  it.each<[string, string[], string]>([
    ['an unknown column', [`${header},note`, `${row('images/a.jpg', '1,0,0')},hm`], 'line 1: column note is unknown'],
    ['a missing column', [header.replace(',arroz', ''), row('images/a.jpg', '1,0')], 'line 1: column arroz is missing'],
    ['no header', [row('images/a.jpg', '1,0,0')], 'line 1: column timestamp is missing'],
    ['a label that is no number', [header, row('images/a.jpg', '1,yes,0')], 'line 2: "yes" is no label of arroz: write 0 or 1'],
    ['a label of 2', [header, row('images/b.jpg', '1,0,0'), row('images/a.jpg', '2,0,0')], 'line 3: "2" is no label of lacteos'],
    ['an empty label', [header, row('images/a.jpg', '1,0,')], 'line 2: "" is no label of frutas/verduras'],
    ['a missing picture', [header, '', row('images/gone.jpg', '1,0,0')], 'line 3: there is no picture '],
    ['a folder for a picture', [header, row('images', '1,0,0')], 'line 2: there is no picture '],
    ['a field too few', [header, row('images/a.jpg', '1,0')], 'line 2'],
    ['a quote that is not closed', [header, row('"images/a.jpg', '1,0,0')], 'line 2'],
  ])('are refused as a whole for %s, with its line', async (_, lines, problem) => {
    await expect(read(...lines)).rejects.toMatchObject({
      code: 'BAD_CORRECTIONS',
      message: expect.stringMatching(new RegExp(`pending\\.csv cannot be used.*\n.*${problem}`, 's')),
    });
  });

  it('name five problems and count the others', async () => {
    const lines = Array.from({ length: 8 }, (_, index) => row(`images/gone${index}.jpg`, '1,0,0'));
    await expect(read(header, ...lines)).rejects.toThrow(/line 6: [^\n]*\n {2}and 3 more$/);
  });

  it('have the columns of the task', () => {
    expect(pendingColumns(food).join()).toBe(header);
  });
});
