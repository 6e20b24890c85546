import { type PredictedSplit, type RunRecord, type SplitPredictions, writePredictions } from '../lib/experiments';
import { Random } from '../lib/random';
import type { Workspace } from '../lib/workspace';
import { putRun, runRecord } from './experiments.helpers';

/** How a model that never was predicts pictures that never were. */
export interface Simulated {
  readonly id: string;
  /** How far apart it holds present and absent classes, in standard deviations; 1.5 by default. */
  readonly skill?: number;
  /** Numbers of the pictures; the first 200 by default. Pictures of one number are the same in every run. */
  readonly numbers?: readonly number[];
  readonly classes?: readonly string[];
  /** Of the run's record; with the kind `multiclass` each picture has one class. */
  readonly record?: Partial<RunRecord>;
  /** Pictures that have other labels than in the other runs. */
  readonly relabelled?: readonly number[];
}

/** Puts a finished run with its predictions into the workspace. */
export async function putSimulated(workspace: Workspace, simulated: Simulated): Promise<RunRecord> {
  const config = { decision: { threshold: 0.5 }, negativeWeight: 4 };
  const record = runRecord({ config, ...simulated.record, id: simulated.id });
  putRun(workspace, record.id, record);
  await writePredictions(workspace, record.id, {
    validation: predictionsOf(simulated, 'validation'),
    test: predictionsOf(simulated, 'test'),
  });
  return record;
}

/** The numbers from `first` to before `end`. */
export function numbers(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index);
}

const foods = ['lacteos', 'arroz', 'frutas/verduras'];

function predictionsOf(simulated: Simulated, split: PredictedSplit): SplitPredictions {
  const { id, skill = 1.5, numbers: pictures = numbers(0, 200), classes = foods, record, relabelled = [] } = simulated;
  const rows = pictures.map((number) => {
    // What is in a picture, and how hard it is, is the same for every model.
    const picture = new Random(`${split} ${number}`);
    const own = new Random(`${id} ${split} ${number}`);
    const drawn = classes.map(() => picture.integer(2));
    const only = picture.integer(classes.length);
    const labels = record?.kind === 'multiclass' ? classes.map((_, index) => Number(index === only)) : drawn;
    const scores = labels.map((label) => Math.exp(skill * (2 * label - 1) + picture.normal() + 0.5 * own.normal()));
    const sum = scores.reduce((total, score) => total + score, 0);
    return {
      labels: relabelled.includes(number) ? labels.map((label) => 1 - label) : labels,
      probabilities: scores.map((score) => (record?.kind === 'multiclass' ? score / sum : score / (1 + score))),
    };
  });
  return {
    classes,
    count: pictures.length,
    labels: Uint8Array.from(rows.flatMap(({ labels }) => labels)),
    probabilities: Float32Array.from(rows.flatMap(({ probabilities }) => probabilities)),
    pictures: pictures.map((number) => `${split}_${number}.jpg`),
    sha256: pictures.map((number) => `${split} ${number}`),
    sources: pictures.map((number) => [`photo ${number % 150}.jpg`, `photo ${150 + (number % 130)}.jpg`]),
  };
}
