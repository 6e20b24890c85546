import type { SettingsOverrides, Task } from '../tasks';

/** How much is measured. */
export interface BenchConfig {
  readonly quick: boolean;
  /** What differs from the task's settings. Patience is off: every contender does all epochs. */
  readonly settings: SettingsOverrides;
  /** How often the recipe is trained, with a cold and then a warm activation store. Keras trains once. */
  readonly recipeRounds: number;
  /** How often our model and TensorFlow Lite's are measured in turn. */
  readonly inferenceRounds: number;
  /** Predictions in each of these rounds. */
  readonly predictions: number;
  readonly coldStarts: number;
}

/**
 * The whole recipe on 5,800 pictures (with the 453 negatives of the photographs it was tuned on; at most 1,600), or with `quick` so little of everything that
 * it takes less than three minutes on two cores.
 */
export function benchConfig(task: Task, quick: boolean): BenchConfig {
  const epochs = quick ? [3, 2] : task.defaults.stages.map((stage) => stage.epochs);
  const stages = task.defaults.stages.map((stage, index) => ({ ...stage, epochs: epochs[index] ?? stage.epochs }));
  const pictures = quick
    ? { collages: { train: 240, validation: 45, test: 90 }, negatives: { train: 60, validation: 15, test: 30 } }
    : { collages: { train: 4147, validation: 600, test: 600 } };
  const patience = Math.max(...stages.map((stage) => stage.epochs));
  return {
    quick,
    settings: { ...pictures, stages, patience },
    recipeRounds: quick ? 1 : 2,
    inferenceRounds: quick ? 2 : 3,
    predictions: quick ? 40 : 200,
    coldStarts: quick ? 3 : 7,
  };
}
