import { defineError, listProblems } from '../../errors';

export const BadGalaxyFile = defineError(
  'BAD_GALAXY_FILE',
  422,
  (file: string, problem: string) =>
    `${file} cannot be used (${problem}): it should hold \`images\`, [pictures, side, side, 3] in uint8, and \`ans\` or \`labels\`, a class number each; download it again, or make it so`,
);
export const UnknownGalaxyLabels = defineError(
  'UNKNOWN_GALAXY_LABELS',
  422,
  (file: string, classes: number, problems: readonly string[]) =>
    `${file} has labels that are no class number from 0 to ${classes - 1}; correct them and try again:${listProblems(problems)}`,
);
export const UnknownGalaxyFolders = defineError(
  'UNKNOWN_GALAXY_FOLDERS',
  422,
  (folder: string, unknown: readonly string[], classes: readonly string[]) =>
    `${folder} has folders of no known class (${unknown.join(', ')}): name them after ${classes.join(', ')}, or move them away`,
);
export const NoGalaxies = defineError(
  'MISSING_DATA',
  422,
  (folder: string, problem: string) =>
    `${folder} ${problem}: put Galaxy10_DECals.h5 there (https://zenodo.org/records/10845026), or train_128.h5 and val_128.h5, or a folder of pictures for each class, or run \`npm run sample -- galaxy\``,
);
export const TooFewGalaxies = defineError(
  'TOO_FEW_PICTURES',
  422,
  (name: string, pictures: number, split: string) =>
    `of "${name}" there are ${pictures} different pictures, which leaves none for ${split}: add some, or lower the shares of validation and test`,
);
