/** Galaxy10: its readers, its data set, and a generated sample for when there is no Galaxy10. */
export { type Balance, type BalancedClass, balanceClasses } from './balance';
export { type GalaxyCard, galaxyCardSchema } from './card';
export { type GalaxyClass, galaxy10Classes, galaxy10Names } from './classes';
export * from './errors';
export { countClasses, type GalaxyPicture, type GalaxySource, type SkyPositions, type UnreadableGalaxy } from './galaxies';
export { type PrepareGalaxiesOptions, prepareGalaxies } from './prepare';
export { buildGalaxySample, type GalaxySampleCard, type GalaxySampleOptions, readGalaxySampleCard } from './sample';
export { openGalaxies } from './source';
export { type SplitShares, type Splittable, splitStratified } from './split';
