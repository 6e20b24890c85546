import { defineError } from '../errors';

export const FigureNotDrawn = defineError(
  'FIGURE_NOT_DRAWN',
  500,
  (title: string, reason: string) => `the figure "${title}" cannot be drawn: ${reason}; check the values in its data and layout`,
);

export const NoSuchMetric = defineError(
  'NO_SUCH_METRIC',
  422,
  (metric: string, known: readonly string[]) => `there is no "${metric}" of these pictures: choose one of ${known.join(', ')}`,
);
