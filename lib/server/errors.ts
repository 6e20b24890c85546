import { defineError, listProblems } from '../errors';

export const BadServerSettings = defineError(
  'BAD_SERVER_SETTINGS',
  422,
  (problems: readonly string[]) => `the server cannot start with these environment variables:${listProblems(problems)}`,
);
export const PortTaken = defineError(
  'PORT_TAKEN',
  409,
  (host: string, port: number) => `another program listens on ${host}:${port}: stop it, or choose another port with --port`,
);
export const NoPicture = defineError(
  'NO_PICTURE',
  400,
  () => 'the request has no picture: send one or several as multipart/form-data, in fields named "image" or "file"',
);
export const NotMultipart = defineError(
  'NOT_MULTIPART',
  415,
  (contentType: string) => `pictures come as multipart/form-data, and this request is ${contentType || 'of no type'}`,
);
export const MalformedForm = defineError(
  'MALFORMED_FORM',
  400,
  (reason: string) => `the form cannot be read (${reason}): it was cut off on its way, or its sender does not write multipart/form-data`,
);
export const UnknownClass = defineError(
  'UNKNOWN_CLASS',
  422,
  (name: string, classes: readonly string[]) => `there is no class "${name}": use ${classes.join(', ')}`,
);
export const NoLabels = defineError(
  'NO_LABELS',
  422,
  () => 'a correction says which classes a picture shows: send "labels", or "none": true for none of them',
);
export const NoSuchPrediction = defineError('NO_SUCH_PREDICTION', 404, (id: number) => `there is no prediction ${id}`);
export const NoSuchPage = defineError('NO_SUCH_PAGE', 404, (path: string) => `there is nothing at ${path}`);
export const AdminOnly = defineError(
  'ADMIN_ONLY',
  401,
  () => 'this is for administrators: sign in at /sign_in, or send the header "Authorization: Bearer" with the ADMIN_TOKEN of the server',
);
export const AdminClosed = defineError(
  'ADMIN_CLOSED',
  403,
  () => 'this is for administrators, and the server has no ADMIN_TOKEN: whoever runs it must set one and start it again',
);
export const WrongToken = defineError('WRONG_TOKEN', 401, () => 'that is not the token');
export const OtherOrigin = defineError(
  'OTHER_ORIGIN',
  403,
  (origin: string) => `${origin} may not do this here: add it to CORS_ORIGINS if it should`,
);
export const DevelopmentOnly = defineError(
  'DEVELOPMENT_ONLY',
  403,
  () => 'this is possible in development only, and NODE_ENV is production',
);
export const RetrainingRuns = defineError('RETRAINING_RUNS', 409, () => 'a retraining is under way: wait for its end');
export const NothingToRetrainOn = defineError(
  'NOTHING_TO_RETRAIN_ON',
  422,
  () => 'there is no pending correction: correct some predictions first',
);
