import { defineError } from '../errors';

export const FigureNotDrawn = defineError(
  'FIGURE_NOT_DRAWN',
  500,
  (title: string, reason: string) => `the figure "${title}" cannot be drawn: ${reason}; check the values in its data and layout`,
);
