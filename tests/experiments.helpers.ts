import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { EpochRecord, RunRecord, SplitResult } from '../lib/experiments';
import { openWorkspace, type Workspace } from '../lib/workspace';

/** A workspace that writes to a folder of its own, which goes when the test ends. */
export function temporaryWorkspace(): Workspace {
  const home = mkdtempSync(path.join(os.tmpdir(), 'visionbook-experiments-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return openWorkspace({ env: { VISIONBOOK_HOME: home } });
}

export const start = {
  task: 'food',
  stage: 'head',
  config: { learningRate: 1e-3, decision: { threshold: 0.5 } },
  seed: 42,
  data: { name: 'sample', isSample: true, fingerprint: 'f1', counts: { train: 10 } },
  weights: { source: 'embedded stand-in', sha256: 'ab', isStandIn: true },
  hardware: { backend: 'tensorflow' },
};

export function epoch(number: number): EpochRecord {
  return {
    epoch: number,
    seconds: 1.5,
    train: { loss: 1 / number, binaryAccuracy: 0.8, auc: 0.9 },
    validation: { loss: 1.2 / number, binaryAccuracy: 0.7, exactMatch: 0.5, auc: 0.85 },
  };
}

export function splitResult(changes: Partial<SplitResult> = {}): SplitResult {
  return {
    count: 10,
    loss: 0.4,
    binaryAccuracy: 0.9,
    exactMatch: 0.7,
    aucKeras: 0.94,
    auc: 0.95,
    f1Macro: 0.8,
    f1Micro: 0.82,
    hammingLoss: 0.1,
    perClass: [],
    ...changes,
  };
}

/** A finished run's record. */
export function runRecord(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    schemaVersion: 1,
    id: '20260301T090507Z-food-head-abc123',
    task: 'food',
    stage: 'head',
    status: 'finished',
    startedAt: '2026-03-01T09:05:07.000Z',
    updatedAt: '2026-03-01T09:06:07.000Z',
    finishedAt: '2026-03-01T09:06:07.000Z',
    process: { pid: process.pid, host: os.hostname() },
    config: start.config,
    seed: 42,
    data: start.data,
    weights: start.weights,
    versions: { node: '20.9.0' },
    hardware: { cpu: 'a processor', cores: 2, memoryGiB: 8, platform: 'linux x64', backend: 'tensorflow' },
    git: null,
    epochs: [epoch(1), epoch(2)],
    bestEpoch: 2,
    metrics: { validation: splitResult(), test: splitResult() },
    timings: { training: 40 },
    artifacts: [],
    ...changes,
  };
}

/** Puts a record, or any other text, where a run's is. */
export function putRun(workspace: Workspace, id: string, content: RunRecord | string): void {
  mkdirSync(workspace.experiment(id), { recursive: true });
  writeFileSync(path.join(workspace.experiment(id), 'run.json'), typeof content === 'string' ? content : JSON.stringify(content));
}
