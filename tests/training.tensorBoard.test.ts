import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadTensorFlow } from '../lib/engine';
import { startRun } from '../lib/experiments';
import { openFollowers } from '../lib/training/followers';
import { writeEvents } from '../lib/training/tensorBoard';
import { epoch, start, temporaryWorkspace } from './experiments.helpers';

/** Prints what TensorFlow reads from the event files of a folder. */
const reader = `
import glob, json, sys
import tensorflow as tf
values = []
for file in sorted(glob.glob(sys.argv[1] + '/events.out.tfevents.*')):
    for record in tf.data.TFRecordDataset(file):
        event = tf.compat.v1.Event.FromString(record.numpy())
        values += [[event.step, value.tag, round(value.simple_value, 4)] for value in event.summary.value]
print(json.dumps(values))`;

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('event files', () => {
  test('have the numbers of every epoch, as TensorFlow itself reads them', async () => {
    const workspace = temporaryWorkspace();
    const onRecord = await writeEvents(workspace, await loadTensorFlow(), { VISIONBOOK_TENSORBOARD: '1' });
    const run = await startRun({ ...start, workspace, onRecord: onRecord! });
    await run.epoch(epoch(1));
    const second = epoch(2);
    await run.epoch({ ...second, validation: { ...second.validation, auc: null } });
    await run.finish({ metrics: {} });
    const { stdout } = await promisify(execFile)(workspace.python, ['-c', reader, path.join(workspace.experiments, run.id)]);
    const values = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(values).toHaveLength(3 + 4 + 3 + 3);
    expect(values).toEqual(
      expect.arrayContaining([
        [1, 'loss/train', 1],
        [1, 'auc/validation', 0.85],
        [2, 'loss/train', 0.5],
        [2, 'loss/validation', 0.6],
      ]),
    );
  });

  test('that cannot be written do not end a run', async () => {
    const workspace = temporaryWorkspace();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('VISIONBOOK_TENSORBOARD', '/proc/nowhere');
    const run = await startRun({ ...start, workspace, onRecord: await openFollowers(workspace, await loadTensorFlow()) });
    for (const number of [1, 2]) await run.epoch(epoch(number));
    await run.finish({ metrics: {} });
    expect(run.record.status).toBe('finished');
    expect(warn.mock.calls).toEqual([[expect.stringContaining('/proc/nowhere')]]);
  });

  test('are not written unless they are asked for', async () => {
    const workspace = temporaryWorkspace();
    for (const VISIONBOOK_TENSORBOARD of [undefined, '', '0'])
      expect(await writeEvents(workspace, { backend: 'native' }, { VISIONBOOK_TENSORBOARD })).toBeUndefined();
  });

  test('need the native TensorFlow, which is said', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(await writeEvents(temporaryWorkspace(), { backend: 'wasm' }, { VISIONBOOK_TENSORBOARD: '1' })).toBeUndefined();
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('native TensorFlow'));
  });
});
