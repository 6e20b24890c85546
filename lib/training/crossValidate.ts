import { type LabelledPicture, labelMatrix, picturesBySplit } from '../data';
import type { Predictions } from '../metrics';
import { graphOf, preprocessings } from '../models';
import { Random } from '../random';
import { openActivations } from './activations';
import { TooFewPhotographs } from './errors';
import { tailOf } from './examples';
import { partsOf } from './folds';
import { judgingOf } from './stage';
import { beginTraining, type TrainingBeginning } from './train';
import { type Examples, predictExamples, trainTail } from './trainer';

/** What to cross-validate. */
export interface CrossValidation extends TrainingBeginning {
  /** Those of the data set's training split by default. */
  readonly pictures?: readonly LabelledPicture[];
  /** 5 by default. */
  readonly folds?: number;
}

/**
 * What models that have not seen a picture, nor any photograph in it, say of it: heads on the frozen backbone, trained as the recipe's first stage is,
 * one for each part of `partsOf`, on as many steps as all pictures would give. The frozen layers come from the activation store, so that a head takes
 * seconds. Pictures are taken as they are, not augmented.
 *
 * @returns predictions in the order of the pictures
 * @throws TOO_FEW_PHOTOGRAPHS, the signal's reason, TRAINING_DIVERGED, and what `beginTraining` and `openActivations` throw
 */
export async function crossValidate({ pictures: given, folds = 5, ...beginning }: CrossValidation): Promise<Predictions> {
  const { workspace, task, settings, dataset, onProgress, signal } = beginning;
  const pictures = given ?? picturesBySplit(dataset).train;
  const random = new Random(settings.seed).fork('cross-validation');
  const parts = partsOf(pictures, folds, random.fork('folds'));
  if (parts.length === 0 || parts.some(({ train }) => train.length === 0)) throw TooFewPhotographs(pictures.length, folds);
  const { engine, classifier } = await beginTraining(beginning);
  try {
    const stage = { ...settings.stages[0]!, trainableLayers: 0 };
    const tail = tailOf(classifier, stage);
    const activations = await openActivations({
      folder: workspace.activations,
      frozen: graphOf(classifier.model),
      tensors: tail.inputs.map(({ name }) => name),
      preprocessing: preprocessings[classifier.design.backbone.name],
      pictures,
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    });
    try {
      const classes = task.classes.map(({ name }) => name);
      const context = { engine, tail, activations, classes, batchSize: settings.batchSize };
      const examplesOf = (members: readonly number[]): Examples => ({
        rows: members,
        labels: labelMatrix(members.map((member) => pictures[member]!)),
      });
      const probabilities = new Float32Array(pictures.length * classes.length);
      for (const [index, { heldOut, train }] of parts.entries()) {
        signal?.throwIfAborted();
        const judged = examplesOf(heldOut);
        const result = await trainTail({
          ...context,
          train: examplesOf(train),
          validation: judged, // measured, but without patience nothing is chosen by it
          stage: { ...stage, epochs: Math.round((stage.epochs * pictures.length) / train.length) },
          judging: judgingOf(task, settings),
          patience: null,
          random: random.fork(index),
          ...(signal && { signal }),
        });
        const predicted = await predictExamples({ ...context, tail: result.tail }, judged);
        for (const [position, member] of heldOut.entries()) {
          const row = predicted.probabilities.subarray(position * classes.length, (position + 1) * classes.length);
          probabilities.set(row, member * classes.length);
        }
        onProgress?.({ label: 'cross-validation', done: index + 1, total: parts.length });
      }
      signal?.throwIfAborted();
      return { classes, count: pictures.length, labels: labelMatrix(pictures), probabilities };
    } finally {
      activations.close();
    }
  } finally {
    classifier.model.dispose();
  }
}
