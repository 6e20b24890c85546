import { BadTrackingUri } from './errors';

/** Which MLflow server, and how to speak to it. */
export interface MlflowSettings {
  /** The server's address, without a user's name in it and without a slash at its end. */
  readonly url: string;
  /** The `authorization` header. */
  readonly authorization?: string;
  /** The experiment of every run, instead of one a task. */
  readonly experiment?: string;
  /** How long a call may take, in seconds. */
  readonly timeout?: number;
}

/**
 * MLflow's own variables, as its Python client reads them: `MLFLOW_TRACKING_URI`, `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`, or
 * else `MLFLOW_TRACKING_TOKEN`, `MLFLOW_EXPERIMENT_NAME`, and `MLFLOW_HTTP_REQUEST_TIMEOUT` in seconds.
 *
 * @returns undefined without `MLFLOW_TRACKING_URI`
 * @throws BAD_TRACKING_URI where it is no http or https address
 */
export function mlflowSettings(env: Readonly<Record<string, string | undefined>> = process.env): MlflowSettings | undefined {
  const { MLFLOW_TRACKING_URI: uri, MLFLOW_EXPERIMENT_NAME: experiment } = env;
  if (!uri) return undefined;
  const address = parseUrl(uri);
  if (!address || !/^https?:$/.test(address.protocol)) throw BadTrackingUri(uri);
  const username = decodeURIComponent(address.username) || env.MLFLOW_TRACKING_USERNAME;
  const password = decodeURIComponent(address.password) || env.MLFLOW_TRACKING_PASSWORD;
  const { MLFLOW_TRACKING_TOKEN: token } = env;
  const timeout = Number(env.MLFLOW_HTTP_REQUEST_TIMEOUT ?? 0);
  const authorization =
    username && password ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : token && `Bearer ${token}`;
  return {
    url: `${address.origin}${address.pathname}`.replace(/\/+$/, ''),
    ...(authorization && { authorization }),
    ...(experiment && { experiment }),
    ...(timeout > 0 && { timeout }),
  };
}

/** @returns undefined where the text is no address */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
