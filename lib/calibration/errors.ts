import { defineError } from '../errors';

export const BadGoal = defineError(
  'BAD_GOAL',
  422,
  (text: string) => `"${text}" is no goal: write f1, or precision=0.95 with a number above 0 and up to 1`,
);
export const NoThresholds = defineError(
  'NO_THRESHOLDS',
  422,
  (task: string) =>
    `a picture of ${task} has exactly one class, the most probable one, so there are no thresholds to choose: leave out the goal`,
);
export const NotCalibrated = defineError(
  'NOT_CALIBRATED',
  409,
  (task: string, run: string) => `the model of ${run} is as it was trained: npm run calibrate -- ${task} --run ${run} calibrates it`,
);
export const UnreadableCalibration = defineError(
  'UNREADABLE_CALIBRATION',
  422,
  (file: string, task: string, run: string, reason: string) =>
    `${file} cannot be used: ${reason}; npm run calibrate -- ${task} --run ${run} writes it again`,
);
