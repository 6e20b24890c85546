import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type RunRecord, readRun, readRuns, startRun } from '../lib/experiments';
import type { Workspace } from '../lib/workspace';
import { epoch, putRun, runRecord, splitResult, start, temporaryWorkspace } from './experiments.helpers';

function put(workspace: Workspace, changes: Partial<RunRecord>): RunRecord {
  const record = runRecord(changes);
  putRun(workspace, record.id, record);
  return record;
}

async function statusOf(workspace: Workspace, now?: Date): Promise<string> {
  return (await readRuns(workspace, { now })).runs[0]!.status;
}

describe('readRuns', () => {
  test('shows a run whose process was killed as interrupted, with the epochs it had', async () => {
    const workspace = temporaryWorkspace();
    const home = path.dirname(workspace.experiments);
    const script = path.join(home, 'train.ts');
    writeFileSync(
      script,
      `import { startRun } from ${JSON.stringify(path.join(workspace.root, 'lib', 'experiments'))};
       import { openWorkspace } from ${JSON.stringify(path.join(workspace.root, 'lib', 'workspace'))};
       startRun({ workspace: openWorkspace(), ...${JSON.stringify(start)} }).then(async (run) => {
         await run.epoch(${JSON.stringify(epoch(1))});
         console.log('trained');
         setInterval(() => run.update({}), 5);
       });`,
    );
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: workspace.root,
      env: { ...process.env, VISIONBOOK_HOME: home },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(await statusOf(workspace)).toBe('running');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { runs, problems } = await readRuns(workspace);
    expect(problems).toEqual([]);
    expect(runs).toMatchObject([{ status: 'interrupted', epochs: [epoch(1)], process: { pid: child.pid } }]);
  }, 20_000);

  test('takes a run of this very process as running', async () => {
    const workspace = temporaryWorkspace();
    await startRun({ ...start, workspace });
    expect(await statusOf(workspace)).toBe('running');
  });

  test.runIf(existsSync('/proc/self/stat'))('is not taken in by a later process of the same number', async () => {
    const workspace = temporaryWorkspace();
    put(workspace, { status: 'running', process: { pid: process.pid, host: os.hostname(), identity: 'another boot/1' } });
    expect(await statusOf(workspace)).toBe('interrupted');
  });

  test.runIf(existsSync('/proc/self/stat'))('takes a process that ended, but was not waited for, as gone', async () => {
    const workspace = temporaryWorkspace();
    // The shell becomes a program that does not wait for the shell's children.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    put(workspace, { status: 'running', process: { pid, host: os.hostname() } });
    await expect.poll(() => statusOf(workspace), { timeout: 20_000 }).toBe('interrupted');
    expect(() => process.kill(pid, 0)).not.toThrow();
    parent.kill();
  });

  test.each([
    ['running, 9 minutes after its update', 9, 'running'],
    ['interrupted, 11 minutes after its update', 11, 'interrupted'],
  ])('shows a run of another host as %s', async (_, minutes, expected) => {
    const workspace = temporaryWorkspace();
    const { updatedAt } = put(workspace, { status: 'running', process: { pid: process.pid, host: 'elsewhere' } });
    expect(await statusOf(workspace, new Date(Date.parse(updatedAt) + minutes * 60_000))).toBe(expected);
  });

  test('sorts runs by the time they started', async () => {
    const workspace = temporaryWorkspace();
    for (const [id, startedAt] of [
      ['a', '2026-03-03T00:00:00Z'],
      ['b', '2026-03-01T00:00:00Z'],
      ['c', '2026-03-02T00:00:00Z'],
    ] as const)
      put(workspace, { id, startedAt });
    expect((await readRuns(workspace)).runs.map((run) => run.id)).toEqual(['b', 'c', 'a']);
  });

  test('passes over half-written temporary files, other files, and folders without a record', async () => {
    const workspace = temporaryWorkspace();
    const { id } = put(workspace, {});
    writeFileSync(path.join(workspace.experiment(id), 'run.json.1234567'), '{"schemaVersion": 1, "id": "half');
    mkdirSync(workspace.experiment('figures'));
    writeFileSync(workspace.reportHtml, '<html>');
    expect(await readRuns(workspace)).toEqual({ runs: [runRecord()], problems: [] });
  });

  test('finds no run where there is no folder yet', async () => {
    expect(await readRuns(temporaryWorkspace())).toEqual({ runs: [], problems: [] });
  });

  test.each<[string, string, RegExp]>([
    ['cut off', JSON.stringify(runRecord()).slice(0, 300), /no JSON/],
    ['empty', '', /no JSON/],
    ['null', 'null', /schemaVersion is undefined/],
    ['of a later schema', JSON.stringify({ ...runRecord(), schemaVersion: 2 }), /schemaVersion is 2, and this visionbook reads 1/],
    ['of the wrong shape', JSON.stringify({ ...runRecord(), seed: 'x', status: 'lost' }), /status: .*; seed: /],
    ['that of another run', JSON.stringify(runRecord()), /record of 20260301T090507Z-food-head-abc123/],
  ])('reports a record that is %s, and reads the others', async (_, content, reason) => {
    const workspace = temporaryWorkspace();
    const { id } = put(workspace, {});
    putRun(workspace, 'broken', content);
    const { runs, problems } = await readRuns(workspace);
    expect(runs.map((run) => run.id)).toEqual([id]);
    expect(problems).toEqual([{ path: 'broken/run.json', reason: expect.stringMatching(reason) }]);
  });

  test('ignores fields that a later visionbook added', async () => {
    const workspace = temporaryWorkspace();
    put(workspace, { energy: 12 } as Partial<RunRecord>);
    expect((await readRuns(workspace)).runs).toEqual([runRecord()]);
  });

  test('writes nothing', async () => {
    const workspace = temporaryWorkspace();
    const { id } = put(workspace, { status: 'running', process: { pid: 2 ** 30, host: os.hostname() } });
    const before = readFileSync(path.join(workspace.experiment(id), 'run.json'), 'utf8');
    expect(await statusOf(workspace)).toBe('interrupted');
    expect(readFileSync(path.join(workspace.experiment(id), 'run.json'), 'utf8')).toBe(before);
  });

  test('reads 200 runs with all their curves in under a second of processor time', async () => {
    const workspace = temporaryWorkspace();
    const points = Array.from({ length: 200 }, (_, index) => Math.round((index / 199) * 1e5) / 1e5);
    const curves = Object.fromEntries(['lacteos', 'arroz', 'frutas/verduras'].map((name) => [name, { x: points, y: points }]));
    const result = splitResult({ roc: curves, precisionRecall: curves });
    for (let index = 0; index < 200; index++)
      put(workspace, {
        id: `run ${index}`,
        epochs: Array.from({ length: 15 }, (_, one) => epoch(one + 1)),
        metrics: { validation: result, test: result },
      });
    const before = process.cpuUsage();
    const { runs } = await readRuns(workspace);
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(1);
    expect(runs).toHaveLength(200);
  });
});

describe('readRun', () => {
  const ids = ['20260301T090507Z-food-head-abc123', '20260301T090507Z-food-finetune-abd999', '20260302T100000Z-food-head-zz0000'];

  function withRuns(): Workspace {
    const workspace = temporaryWorkspace();
    for (const id of ids) put(workspace, { id });
    return workspace;
  }

  test.each([
    ['its id', ids[0]!, ids[0]!],
    ['the end of it', 'abd999', ids[1]!],
    ['the beginning of it', '20260302', ids[2]!],
  ])('finds a run by %s', async (_, asked, found) => {
    expect((await readRun(withRuns(), asked)).id).toBe(found);
  });

  test('names the runs that look most like one that is not there', async () => {
    await expect(readRun(withRuns(), 'abd998')).rejects.toMatchObject({
      code: 'RUN_NOT_FOUND',
      message: expect.stringContaining(`did you mean ${ids[1]}, ${ids[0]}`),
    });
    await expect(readRun(withRuns(), '')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await expect(readRun(temporaryWorkspace(), 'any')).rejects.toThrow('train one first');
  });

  test('asks for more where several runs fit', async () => {
    await expect(readRun(withRuns(), '20260301')).rejects.toMatchObject({
      code: 'RUN_AMBIGUOUS',
      message: expect.stringContaining(ids[1]!),
    });
  });

  test('says what is wrong with a record that cannot be used', async () => {
    const workspace = withRuns();
    putRun(workspace, 'broken', '{');
    await expect(readRun(workspace, 'broken')).rejects.toMatchObject({
      code: 'RUN_UNREADABLE',
      message: expect.stringMatching(/broken.run\.json.*no JSON/),
    });
  });
});
