import { defineError } from '../errors';

export const RunNotFound = defineError('RUN_NOT_FOUND', 404, (id: string, near: readonly string[]) =>
  near.length > 0
    ? `there is no run "${id}": did you mean ${near.join(', ')}?`
    : `there is no run "${id}", nor any other yet: train one first`,
);
export const RunAmbiguous = defineError(
  'RUN_AMBIGUOUS',
  409,
  (id: string, found: readonly string[]) => `"${id}" may be any of ${found.join(', ')}: give more of its name`,
);
export const RunUnreadable = defineError('RUN_UNREADABLE', 422, (file: string, reason: string) => `${file} cannot be used: ${reason}`);
export const RunEnded = defineError(
  'RUN_ENDED',
  409,
  (id: string, status: string) => `run ${id} is ${status} and changes no more: start another`,
);
export const ArtifactMissing = defineError(
  'ARTIFACT_MISSING',
  422,
  (file: string) => `${file} is no file: save it before adding it to the run`,
);
export const NoPredictions = defineError(
  'NO_PREDICTIONS',
  404,
  (id: string) =>
    `run ${id} has kept no predictions: it is from before runs did, or ended before its model was measured; train again with its settings`,
);
export const NotComparable = defineError('NOT_COMPARABLE', 422, (reason: string) => `the runs cannot be compared: ${reason}`);
