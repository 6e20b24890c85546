import { defineError } from '../../errors';

export const DatabaseAway = defineError(
  'DATABASE_AWAY',
  503,
  (reason: string) =>
    `the database cannot be reached (${reason}): predictions are answered and written when it is back; try this again in a while`,
);
export const BadCursor = defineError(
  'BAD_CURSOR',
  400,
  () => 'the cursor is none that a page of this list gave: leave it out to begin anew',
);
