import { type Dataset, type LabelledPicture, labelMatrix } from '../data';
import type { SplitPredictions } from '../experiments';
import { answeredLabels, type Judging, type Predictions, pictureLosses } from '../metrics';
import { PicturesGone } from './errors';

/** A picture of the data set, and what a model says of it. */
export interface JudgedPicture extends LabelledPicture {
  /** One for each class, in the task's order. */
  readonly probabilities: readonly number[];
  /** The labels that the model gives it, one 0 or 1 for each class. */
  readonly answered: readonly number[];
  /** Its part of the loss, in nats. */
  readonly loss: number;
  /** Whether every label is right, or the one answer. */
  readonly isRight: boolean;
}

/** Pictures of the data set with their labels as they are there now, and the rows of predictions that are of them. */
export interface JudgedPictures {
  readonly pictures: readonly JudgedPicture[];
  readonly predictions: Predictions;
}

/**
 * Judges a run's predictions by the data set as it is now: a label that was corrected counts as corrected, and a picture that was taken away or replaced
 * is left out.
 *
 * @throws PICTURES_GONE where nothing is left; BAD_PREDICTIONS where the classes differ
 */
export function judgePictures({ pictures: known }: Dataset, made: SplitPredictions, judging: Judging): JudgedPictures {
  const { classes, count, pictures: names, sha256, probabilities } = made;
  const keyOf = (name: string, hash: string): string => `${hash} ${name}`;
  const pictureOf = new Map(known.map((picture) => [keyOf(picture.filename, picture.sha256), picture]));
  const found = names.flatMap((name, row) => {
    const picture = pictureOf.get(keyOf(name, sha256[row]!));
    return picture ? [{ picture, row: Array.from(probabilities.subarray(row * classes.length, (row + 1) * classes.length)) }] : [];
  });
  if (found.length === 0) throw PicturesGone(count);
  const predictions: Predictions = {
    classes,
    count: found.length,
    labels: labelMatrix(found.map(({ picture }) => picture)),
    probabilities: Float32Array.from(found.flatMap(({ row }) => row)),
  };
  const losses = pictureLosses(predictions, judging);
  const answers = answeredLabels(predictions, judging);
  return {
    pictures: found.map(({ picture, row }, index) => {
      const answered = Array.from(answers.subarray(index * classes.length, (index + 1) * classes.length));
      const isRight = picture.labels.every((label, position) => label === answered[position]);
      return { ...picture, probabilities: row, answered, loss: losses[index]!, isRight };
    }),
    predictions,
  };
}
