export { type Batch, type BatchWatch, batchesOf, batchRows, cancelBatch, waitForBatch } from './batches';
export * from './errors';
export { fetchBatch } from './fetch';
export type { Job } from './job';
export { type PredictionsRequest, sendPredictions, waitForPredictions } from './predictions';
export { type JobState, type ListedJob, openQueue, type Queue, type QueueOptions } from './queue';
export { checkNotQueued, runSweepByJobs, sendTrials } from './sweeps';
export { sendTraining, type Trained, waitForTraining } from './trainings';
export { type WorkOptions, work } from './work';
