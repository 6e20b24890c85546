export { type CalibrateOptions, calibrateLike, calibrateModel, resetCalibration } from './calibrate';
export { type ChosenThreshold, chooseThresholds } from './chooseThresholds';
export { BadGoal, NoThresholds, NotCalibrated, UnreadableCalibration } from './errors';
export { fitTemperature } from './fitTemperature';
export { describeGoal, type Goal, parseGoal } from './goal';
export { type CalibratedSplit, type CalibrationReport, readCalibration, readCalibrations } from './report';
