import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Run, type RunRecord, readRuns, runRecordSchema, startRun } from '../lib/experiments';
import { readGit } from '../lib/experiments/environment';
import { sha256 } from '../lib/files';
import { epoch, splitResult, start, temporaryWorkspace } from './experiments.helpers';

function onDisk(run: Run): RunRecord {
  return runRecordSchema.parse(JSON.parse(readFileSync(path.join(run.folder, 'run.json'), 'utf8')));
}

describe('startRun', () => {
  test('writes a whole record at once, in a folder named by time, task and stage', async () => {
    const workspace = temporaryWorkspace();
    const run = await startRun({ ...start, workspace, parent: 'earlier', clock: () => new Date('2026-03-01T09:05:07.123Z') });
    expect(run.id).toMatch(/^20260301T090507Z-food-head-[0-9a-z]{6}$/);
    expect(run.folder).toBe(workspace.experiment(run.id));
    expect(onDisk(run)).toMatchObject({
      ...start,
      id: run.id,
      parent: 'earlier',
      status: 'running',
      process: { pid: process.pid, host: os.hostname() },
      versions: { node: process.versions.node, 'onnxruntime-node': '1.30.0', tfjs: '4.22.0', sharp: '0.35.5', visionbook: '0.1.0' },
      hardware: { cores: os.availableParallelism(), backend: 'tensorflow' },
      epochs: [],
    });
    expect(onDisk(run).peakMemoryMiB).toBeGreaterThan(10);
  });

  test('gives runs that start at the same moment folders of their own', async () => {
    const workspace = temporaryWorkspace();
    const clock = (): Date => new Date(0);
    const runs = await Promise.all(Array.from({ length: 8 }, () => startRun({ ...start, workspace, clock })));
    expect(new Set(runs.map((run) => run.id)).size).toBe(8);
    expect(readdirSync(workspace.experiments)).toHaveLength(8);
  });
});

describe('a run', () => {
  test('writes every epoch, in order, however quickly they come', async () => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    await Promise.all(numbers.map((number) => run.epoch(epoch(number))));
    expect(onDisk(run).epochs).toEqual(numbers.map(epoch));
    expect(run.record.epochs).toHaveLength(20);
    expect(readdirSync(run.folder)).toEqual(['run.json']);
  });

  test('adds to config, metrics and extra, and keeps what was there', async () => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    await run.update({ config: { dropout: 0.2 }, metrics: { validation: splitResult() }, extra: { first: 1 } });
    await run.update({ metrics: { train: splitResult({ loss: 0.1 }) }, extra: { second: 2 } });
    expect(onDisk(run)).toMatchObject({
      config: { ...start.config, dropout: 0.2 },
      metrics: { validation: { loss: 0.4 }, train: { loss: 0.1 } },
      extra: { first: 1, second: 2 },
    });
  });

  test('tells a listener every record when it is on disk, from the first to the last', async () => {
    const told: [onDisk: string, record: RunRecord][] = [];
    const workspace = temporaryWorkspace();
    const onRecord = (record: RunRecord): void => {
      told.push([readFileSync(path.join(workspace.experiment(record.id), 'run.json'), 'utf8'), record]);
    };
    const run = await startRun({ ...start, workspace, onRecord });
    await Promise.all([run.epoch(epoch(1)), run.epoch(epoch(2))]);
    await run.finish({ metrics: {} });
    expect(told.map(([, { status, epochs }]) => [status, epochs.length])).toEqual([
      ['running', 0],
      ['running', 1],
      ['running', 2],
      ['finished', 2],
    ]);
    for (const [text, record] of told) expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(record)));
  });

  test('adds up the seconds of a phase, also of one that fails', async () => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    const wait = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 30, 'done'));
    expect(await run.phase('features', wait)).toBe('done');
    const once = run.record.timings.features!;
    const failing = run.phase('features', async () => {
      await wait();
      throw new Error('no disk space');
    });
    await expect(failing).rejects.toThrow('no disk space');
    expect(once).toBeGreaterThan(0.02);
    expect(onDisk(run).timings.features).toBeGreaterThan(once + 0.02);
  });

  test('notes artifacts by path from the home folder, size and SHA-256, each path once', async () => {
    const workspace = temporaryWorkspace();
    const run = await startRun({ ...start, workspace });
    const model = path.join(workspace.model('food', run.id), 'model.onnx');
    mkdirSync(path.dirname(model), { recursive: true });
    writeFileSync(model, 'first');
    await run.artifact(model);
    writeFileSync(model, 'weights');
    const noted = { path: `outputs/food/${run.id}/model.onnx`, sha256: sha256('weights'), bytes: 7 };
    expect(await run.artifact(model)).toEqual(noted);
    expect(onDisk(run).artifacts).toEqual([noted]);
    await expect(run.artifact(`${model}.missing`)).rejects.toThrow('model.onnx.missing is no file');
  });

  test('finishes with its metrics, curves on one line each', async () => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    const test = splitResult({ roc: { arroz: { x: [0, 0.5, 1], y: [0, 0.9, 1] } }, intervals: { auc: { low: 0.9, high: 0.99 } } });
    await run.finish({ metrics: { test }, bestEpoch: 3 });
    expect(onDisk(run)).toMatchObject({ status: 'finished', metrics: { test }, bestEpoch: 3 });
    expect(Date.parse(run.record.finishedAt!)).toBeGreaterThanOrEqual(Date.parse(run.record.startedAt));
    expect(readFileSync(path.join(run.folder, 'run.json'), 'utf8')).toContain('"x": [0, 0.5, 1]');
  });

  test.each<[string, (run: Run) => Promise<void>, Partial<RunRecord>]>([
    ['failed', (run) => run.fail(new TypeError('shapes differ')), { status: 'failed', error: 'TypeError: shapes differ' }],
    ['failed by something that is no error', (run) => run.fail('out of memory'), { status: 'failed', error: 'out of memory' }],
    ['interrupted', (run) => run.interrupt(), { status: 'interrupted' }],
  ])('can be %s, and keeps its epochs', async (_, end, expected) => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    await run.epoch(epoch(1));
    await end(run);
    expect(onDisk(run)).toMatchObject({ ...expected, epochs: [epoch(1)] });
    expect(run.record.finishedAt).toBeDefined();
  });

  test('changes no more once it has ended', async () => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    await run.finish({ metrics: {} });
    await run.fail(new Error('too late'));
    await run.interrupt();
    await expect(run.epoch(epoch(1))).rejects.toMatchObject({ code: 'RUN_ENDED' });
    await expect(run.finish({ metrics: {} })).rejects.toMatchObject({ code: 'RUN_ENDED' });
    expect(onDisk(run)).toMatchObject({ status: 'finished', epochs: [] });
  });

  test('whose disk fails says so, harms nothing written, and goes on when the disk does', async () => {
    const run = await startRun({ ...start, workspace: temporaryWorkspace() });
    await run.epoch(epoch(1));
    renameSync(run.folder, `${run.folder}.away`);
    writeFileSync(run.folder, 'no folder');
    await expect(run.epoch(epoch(2))).rejects.toThrow();
    expect(run.record.epochs).toEqual([epoch(1)]);
    rmSync(run.folder);
    renameSync(`${run.folder}.away`, run.folder);
    await run.epoch(epoch(2));
    expect(onDisk(run).epochs).toEqual([epoch(1), epoch(2)]);
  });

  test('that diverged can still be read', async () => {
    const workspace = temporaryWorkspace();
    const run = await startRun({ ...start, workspace });
    const diverged = { ...epoch(1), train: { loss: Number.NaN, binaryAccuracy: 0.5, auc: null } };
    await run.epoch(diverged);
    const { runs, problems } = await readRuns(workspace);
    expect(problems).toEqual([]);
    expect(runs[0]!.epochs).toEqual([diverged]);
  });
});

describe('readGit', () => {
  test('gives the commit, and whether something differs from it', async () => {
    const folder = temporaryWorkspace().experiments;
    mkdirSync(folder);
    const git = (...words: string[]): string =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...words], { cwd: folder, encoding: 'utf8' });
    expect(await readGit(folder)).toBeNull();
    writeFileSync(path.join(folder, 'package.json'), '{}');
    git('init', '--quiet');
    expect(await readGit(folder)).toBeNull();
    git('add', 'package.json');
    git('commit', '--quiet', '-m', 'first');
    const commit = git('rev-parse', 'HEAD').trim();
    expect(await readGit(folder)).toEqual({ commit, dirty: false });
    writeFileSync(path.join(folder, 'package.json'), '{"changed":true}');
    expect(await readGit(folder)).toEqual({ commit, dirty: true });
  });

  test('is not taken in by a repository around the checkout', async () => {
    const folder = temporaryWorkspace().experiments;
    const inner = path.join(folder, 'unpacked');
    mkdirSync(inner, { recursive: true });
    writeFileSync(path.join(inner, 'package.json'), '{}');
    execFileSync('git', ['init', '--quiet'], { cwd: folder });
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '--quiet', '--allow-empty', '-m', 'theirs'], {
      cwd: folder,
    });
    expect(await readGit(inner)).toBeNull();
  });
});
