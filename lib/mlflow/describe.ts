import os from 'node:os';
import { flattenConfig, type RunRecord } from '../experiments';
import { splitMetricNames } from '../metrics';
import type { Entry, Metric, RemoteRun } from './api';

/** Limits of older servers than MLflow 3's, which cuts at 6,000 and 8,000 characters; a name may have 250. */
const parameterLength = 500;
const tagLength = 5000;

/** The tag by which a run is known again. */
export const runTag = 'visionbook.run';
/** The tag that makes a run MLflow's child of another. */
export const parentTag = 'mlflow.parentRunId';
/** The tag that is set last: the record's `updatedAt` when all of it had been sent. */
export const completeTag = 'visionbook.updatedAt';
/** The tag that says how much is sent of a run: runs that were complete when less was sent are completed. 2 has what loads the model in Python. */
export const extentTag = 'visionbook.extent';
export const extent = '2';
/** The tag by which runs made elsewhere say that they saw the very same data. */
export const fingerprintTag = 'visionbook.data.fingerprint';

const statuses: Readonly<Record<RunRecord['status'], RemoteRun['status']>> = {
  running: 'RUNNING',
  finished: 'FINISHED',
  failed: 'FAILED',
  interrupted: 'KILLED',
};

export function statusOf({ status }: RunRecord): RemoteRun['status'] {
  return statuses[status];
}

/** Names may have letters, digits and `_-. :/`; every other character is written as its UTF-8 bytes, `_C2_B5`. */
export function mlflowKey(name: string): string {
  const key = name.replace(/[^\p{L}\p{N}_\-. :/]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `_${byte.toString(16).toUpperCase()}`).join(''),
  );
  return key.slice(0, 250);
}

/** The configuration, an entry of each value in it: `stages.0.epochs`. */
export function paramsOf({ config, seed }: RunRecord): Entry[] {
  const values = new Map(flattenConfig(config)).set('seed', seed);
  return [...values].map(([name, value]) => ({ key: mlflowKey(name), value: String(value).slice(0, parameterLength) }));
}

/**
 * The numbers of each epoch as `epoch/validation.loss`, its number as the step, and the final ones as `test.auc`, the epoch whose weights were kept
 * as the step. Whatever was sent before is the same when it is sent again, its time too: so MLflow keeps one of it.
 */
export function metricsOf(record: RunRecord): Metric[] {
  const { epochs, bestEpoch = epochs.length } = record;
  let timestamp = Date.parse(record.startedAt);
  const metrics: Metric[] = [];
  const note = (step: number, values: Readonly<Record<string, unknown>>): void => {
    for (const [name, value] of Object.entries(values))
      if (typeof value === 'number') metrics.push({ key: mlflowKey(name), value, timestamp, step });
  };
  for (const { epoch, seconds, learningRate, train, validation } of epochs) {
    // A record does not say when an epoch ended, only how long it took.
    timestamp += Math.round(1000 * seconds);
    note(epoch, { 'epoch/seconds': seconds, 'epoch/learningRate': learningRate, ...prefixed('epoch/train', train) });
    note(epoch, prefixed('epoch/validation', validation));
  }
  if (record.status === 'running') return metrics;
  timestamp = Date.parse(endOf(record));
  for (const split of ['train', 'validation', 'test'] as const) {
    const result = record.metrics[split];
    if (!result) continue;
    note(bestEpoch, prefixed(split, Object.fromEntries(splitMetricNames.map((name) => [name, result[name]]))));
    for (const [name, { low, high }] of Object.entries(result.intervals ?? {}))
      note(bestEpoch, prefixed(`${split}.${name}`, { low, high }));
    for (const { name, precision, recall, f1, auc } of result.perClass)
      note(bestEpoch, prefixed(`${split}/${name}`, { precision, recall, f1, auc }));
  }
  note(epochs.length, { ...prefixed('seconds', record.timings), peakMemoryMiB: record.peakMemoryMiB });
  return metrics;
}

/** What a run is, in the words that MLflow knows. Only a new run is given these: people may change them there. */
export function firstTagsOf(record: RunRecord): Entry[] {
  const { git } = record;
  return entries({
    [runTag]: record.id,
    'mlflow.runName': record.id,
    'mlflow.user': userName(),
    'mlflow.source.name': `visionbook ${record.task}`,
    'mlflow.source.type': 'LOCAL',
    'mlflow.source.git.commit': git?.commit,
    'visionbook.git.dirty': git?.dirty,
  });
}

/** The rest that is known of a run; a run that continues another is MLflow's child of it. */
export function tagsOf(record: RunRecord, parent?: string): Entry[] {
  const { data, weights, versions, hardware } = record;
  return entries({
    [parentTag]: parent,
    'visionbook.task': record.task,
    'visionbook.stage': record.stage,
    'visionbook.parent': record.parent,
    'visionbook.error': record.error,
    'visionbook.data': data.name,
    'visionbook.data.isSample': data.isSample,
    [fingerprintTag]: data.fingerprint,
    'visionbook.weights': weights.source,
    'visionbook.weights.sha256': weights.sha256,
    'visionbook.weights.isStandIn': weights.isStandIn,
    'visionbook.backend': hardware.backend,
    'visionbook.hardware': `${hardware.cpu}, ${hardware.cores} cores, ${hardware.memoryGiB} GiB, ${hardware.platform}`,
    ...prefixed('visionbook.versions', versions),
  });
}

/** ISO 8601. */
export function endOf({ finishedAt, updatedAt }: RunRecord): string {
  return finishedAt ?? updatedAt;
}

function prefixed(prefix: string, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}

function entries(values: Readonly<Record<string, unknown>>): Entry[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key: mlflowKey(key), value: String(value).slice(0, tagLength) }));
}

function userName(): string | undefined {
  try {
    return os.userInfo().username;
  } catch {
    return undefined; // a container's user may have no name
  }
}
