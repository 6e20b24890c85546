import { defineError } from '../errors';

export const PicturesGone = defineError(
  'PICTURES_GONE',
  422,
  (pictures: number) =>
    `none of the ${pictures} pictures that the run predicted is in the data set any more: train again, or choose a run of this data set`,
);
