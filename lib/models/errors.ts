import { defineError } from '../errors';

export const WeightsMismatch = defineError(
  'WEIGHTS_MISMATCH',
  422,
  (source: string, layer: string, problem: string) =>
    `${source} does not fit this model: layer ${layer} ${problem}. Use weights of the same backbone, alpha and input`,
);
export const WeightsUnreadable = defineError(
  'WEIGHTS_UNREADABLE',
  422,
  (file: string, reason: string) => `${file} cannot be read as Keras weights (.h5, .weights.h5 or .keras): ${reason}`,
);
export const DownloadFailed = defineError(
  'WEIGHTS_DOWNLOAD_FAILED',
  502,
  (url: string, reason: string, file: string) =>
    `${url} could not be downloaded: ${reason}. Bring the file to ${file} by other means, or name a mirror in VISIONBOOK_WEIGHTS_HOST`,
);
export const DownloadRunning = defineError(
  'WEIGHTS_DOWNLOAD_RUNNING',
  409,
  (url: string) => `another process has been downloading ${url} for minutes: wait for it, or stop it`,
);
export const PackageUnreadable = defineError(
  'PACKAGE_UNREADABLE',
  422,
  (name: string, reason: string) =>
    `the weights in the Python package ${name} cannot be read: ${reason}. Install it again, into .venv, by pip`,
);
export const NoWeights = defineError(
  'NO_WEIGHTS',
  422,
  (backbone: string, remedy: string) => `there are no weights of ${backbone} here: ${remedy}`,
);
export const UnsupportedLayer = defineError(
  'UNSUPPORTED_LAYER',
  422,
  (layer: string, kind: string) => `layer ${layer} is a ${kind}, which visionbook cannot export or train yet`,
);
export const NoModel = defineError('NO_MODEL', 503, (task: string, runId?: string) =>
  runId
    ? `run ${runId} has no ${task} model: npm run report lists the runs that have one`
    : `there is no ${task} model yet: run npm run train -- ${task}`,
);
export const UnreadableModel = defineError('UNREADABLE_MODEL', 500, (file: string, reason: string) => `${file} cannot be used: ${reason}`);
export const NoCalibration = defineError(
  'NO_CALIBRATION',
  422,
  () => 'there is no training picture to find the ranges of an 8-bit model with: npm run prepare makes some',
);
export const NoVariant = defineError('NO_VARIANT', 503, (task: string, runId: string, variant: string) => {
  const command = variant === 'float32' ? `npm run train -- ${task}` : `npm run export -- ${task} --run ${runId} --${variant}`;
  return `run ${runId} has no ${variant} model: ${command} makes one`;
});
