import { type CollageTask, type Galaxy10Task, isCollageTask, type SettingsOverrides, type Stage, type Task } from '../tasks';

/** How much is measured. */
export interface BenchConfig {
  readonly quick: boolean;
  /** What is timed beside Keras: from data set to tested model, or an epoch of the last stage, where the whole recipe would take Keras hours. */
  readonly contest: 'recipe' | 'epoch';
  /** What differs from the task's settings. Patience is off: every contender does all epochs. */
  readonly settings: SettingsOverrides;
  /** How often we train, with a cold and then a warm activation store. Keras trains once. */
  readonly recipeRounds: number;
  /** How often our model and TensorFlow Lite's are measured in turn. */
  readonly inferenceRounds: number;
  /** Predictions in each of these rounds. */
  readonly predictions: number;
  readonly coldStarts: number;
}

/** What is measured of a task, or with `quick` so little of everything that it takes less than three minutes on two cores. */
export function benchConfig(task: Task, quick: boolean): BenchConfig {
  return {
    quick,
    ...(isCollageTask(task) ? wholeRecipe(task, quick) : fewEpochs(task, quick)),
    inferenceRounds: quick ? 2 : 3,
    predictions: quick ? 40 : 200,
    coldStarts: quick ? 3 : 7,
  };
}

type Training = Pick<BenchConfig, 'contest' | 'settings' | 'recipeRounds'>;

/** The recipe on 5,800 pictures (with the 453 negatives of the photographs it was tuned on; at most 1,600). */
function wholeRecipe({ defaults: { stages } }: CollageTask, quick: boolean): Training {
  const pictures = quick
    ? { collages: { train: 240, validation: 45, test: 90 }, negatives: { train: 60, validation: 15, test: 30 } }
    : { collages: { train: 4147, validation: 600, test: 600 } };
  return { contest: 'recipe', settings: { ...pictures, ...lasting(stages, quick ? [3, 2] : []) }, recipeRounds: quick ? 1 : 2 };
}

/**
 * An epoch of the head and two of fine-tuning, over as many examples of each class as the task wants: the 12,000 of Galaxy10, or so many made of the sample's
 * 1,400 pictures. Keras would compute other views of a picture anew in every epoch, and here they are computed once: without them both do the same work.
 */
function fewEpochs({ defaults: { stages, perClass, augmentation } }: Galaxy10Task, quick: boolean): Training {
  const examples = { perClass: quick ? 40 : perClass, ...(augmentation && { augmentation: { views: 1 } }) };
  return { contest: 'epoch', settings: { ...examples, ...lasting(stages, [1, 2]) }, recipeRounds: 1 };
}

/** Stages of so many epochs each, or of as many as they have, all of which are trained. */
function lasting(stages: readonly Stage[], epochs: readonly number[]): Pick<SettingsOverrides, 'stages' | 'patience'> {
  const changed = stages.map((stage, index) => ({ ...stage, epochs: epochs[index] ?? stage.epochs }));
  return { stages: changed, patience: Math.max(...changed.map((stage) => stage.epochs)) };
}
