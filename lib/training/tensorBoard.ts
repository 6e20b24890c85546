import path from 'node:path';
import type { TensorFlowEngine } from '../engine';
import type { RunRecord } from '../experiments';
import type { Workspace } from '../workspace';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Writes each epoch's numbers as TensorBoard's event files: with `VISIONBOOK_TENSORBOARD=1` beside the run's record, so that
 * `tensorboard --logdir experiments` shows all runs; any other value names a folder, which gets a folder a run.
 *
 * @returns whom to tell every record of a run; undefined where nothing is asked for, or without the native TensorFlow, which writes the files
 */
export async function writeEvents(
  { experiments }: Pick<Workspace, 'experiments'>,
  { backend }: Pick<TensorFlowEngine, 'backend'>,
  { VISIONBOOK_TENSORBOARD: wanted }: Environment = process.env,
): Promise<((record: Readonly<RunRecord>) => void) | undefined> {
  if (!wanted || wanted === '0') return undefined;
  if (backend !== 'native') {
    console.warn('VISIONBOOK_TENSORBOARD is set, but only the native TensorFlow writes event files (npm run doctor says how to get it)');
    return undefined;
  }
  const { node } = await import('@tensorflow/tfjs-node');
  const folder = wanted === '1' ? experiments : path.resolve(wanted);
  let written = 0;
  return ({ id, epochs }) => {
    const news = epochs.slice(written);
    if (news.length === 0) return;
    const writer = node.summaryFileWriter(path.join(folder, id));
    for (const { epoch, train, validation } of news) {
      for (const [split, numbers] of Object.entries({ train, validation })) {
        for (const [name, value] of Object.entries(numbers)) if (value !== null) writer.scalar(`${name}/${split}`, value, epoch);
      }
    }
    writer.flush();
    written = epochs.length;
  };
}
