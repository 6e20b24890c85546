/** The generated food sample, for when there is no Food-11. */
export { buildFoodSample, type SampleOptions } from './build';
export { readSampleCard, type SampleCard, sampleCardSchema } from './card';
export { MissingArtwork, NoDrawings, NotASample, SampleBusy, SampleDiskFull } from './errors';
export { type SampleCounts, sampleCounts } from './plan';
