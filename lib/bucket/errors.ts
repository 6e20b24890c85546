import { defineError } from '../errors';

export const BadBucket = defineError(
  'BAD_BUCKET',
  422,
  (value: string) => `VISIONBOOK_BUCKET is "${value}": make it s3://bucket or s3://bucket/prefix, or unset it to share a folder`,
);
export const NoBucket = defineError(
  'NO_BUCKET',
  422,
  () => 'VISIONBOOK_BUCKET is not set: set it to the bucket of the workers, such as s3://bucket/prefix',
);
export const BucketMissing = defineError(
  'BUCKET_MISSING',
  404,
  (bucket: string, server: string) => `there is no bucket "${bucket}" at ${server}: create it, or correct VISIONBOOK_BUCKET`,
);
export const NoBucketCredentials = defineError(
  'NO_BUCKET_CREDENTIALS',
  422,
  (bucket: string, reason: string) =>
    `nothing says who may use ${bucket} (${reason}): set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or AWS_PROFILE`,
);
export const BucketDenied = defineError(
  'BUCKET_DENIED',
  403,
  (what: string, reason: string) =>
    `${what} is refused (${reason}): see that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are right, and may list, read, write and delete there`,
);
export const BucketAway = defineError(
  'BUCKET_AWAY',
  503,
  (bucket: string, server: string, reason: string) =>
    `${bucket} cannot be used now: ${server} does not answer as S3 does (${reason}). See AWS_ENDPOINT_URL_S3 and the network, or unset VISIONBOOK_BUCKET`,
);
export const FileChanged = defineError(
  'FILE_CHANGED',
  409,
  (file: string) => `${file} was changed while it was sent to the bucket: give the command again when nothing writes to it`,
);
export const ObjectDamaged = defineError(
  'OBJECT_DAMAGED',
  422,
  (url: string, reason: string) => `${url} is damaged: ${reason}. Delete it and give the command again, which sends it anew`,
);
export const ObjectMissing = defineError(
  'OBJECT_MISSING',
  404,
  (url: string) => `${url} is not there: give the command that sent the job again, with VISIONBOOK_BUCKET set as it is for the workers`,
);
