import { defineError, isErrorOf } from '../errors';

export const NoTrackingServer = defineError(
  'NO_TRACKING_SERVER',
  422,
  () => 'MLFLOW_TRACKING_URI is not set: set it to the address of an MLflow server, such as http://127.0.0.1:5000',
);
export const BadTrackingUri = defineError(
  'BAD_TRACKING_URI',
  422,
  (uri: string) =>
    `MLFLOW_TRACKING_URI is "${uri}": only a server can be spoken to, by http or https. For a local folder or database, start one: mlflow server --backend-store-uri ${uri}`,
);
export const MlflowUnreachable = defineError(
  'MLFLOW_UNREACHABLE',
  503,
  (url: string, reason: string) => `MLflow at ${url} cannot be used now: ${reason}`,
);
export const MlflowRefused = defineError(
  'MLFLOW_REFUSED',
  502,
  (url: string, path: string, reason: string) => `MLflow at ${url} refuses ${path}: ${reason}`,
);
export const MlflowUnreadable = defineError(
  'MLFLOW_UNREADABLE',
  502,
  (url: string, path: string, reason: string) =>
    `${url} does not answer ${path} as MLflow does (${reason}): see whether MLFLOW_TRACKING_URI names an MLflow server`,
);
export const RunBeingSent = defineError(
  'RUN_BEING_SENT',
  409,
  (id: string) => `another process is sending run ${id} to MLflow: try again when it has ended`,
);
export const NoSuchExperiment = defineError(
  'NO_SUCH_EXPERIMENT',
  404,
  (name: string, names: readonly string[]) => `MLflow has no experiment "${name}", but ${names.join(', ') || 'none at all'}`,
);

/** Whether an error says that the server cannot be used at all now, and not that something is wrong with what it was sent. */
export function isServerAway(error: unknown): boolean {
  return isErrorOf(error, 'MLFLOW_UNREACHABLE', 'MLFLOW_UNREADABLE');
}
