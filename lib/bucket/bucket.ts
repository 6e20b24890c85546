import { BadBucket } from './errors';

/** An object, as a listing names it. */
export interface ListedObject {
  /** From the bucket's prefix. */
  readonly key: string;
  readonly bytes: number;
}

/** When an object is written: only where there is none, or only in place of what had this tag. */
export type WriteCondition = 'absent' | { readonly tag: string };

/**
 * Objects by their keys, in a bucket or below a prefix of it. An object appears whole or not at all, and whoever lists or reads after a write sees it. Every
 * method throws BUCKET_MISSING, NO_BUCKET_CREDENTIALS, BUCKET_DENIED, BUCKET_AWAY.
 */
export interface Bucket {
  /** Such as `s3://bucket/prefix`. */
  readonly url: string;
  /** Objects whose keys begin so, in the order of their keys. */
  list(prefix: string): Promise<ListedObject[]>;
  /** What is in an object; undefined where there is none. @throws OBJECT_DAMAGED where it is not what was written */
  read(key: string): Promise<Buffer | undefined>;
  /** The tag of an object, which every write changes that changes the content; undefined where there is none. */
  tagOf(key: string): Promise<string | undefined>;
  /** @returns the tag; undefined where the condition does not hold */
  write(key: string, content: Uint8Array, condition?: WriteCondition): Promise<string | undefined>;
  remove(key: string): Promise<void>;
}

/** Where a bucket is. */
export interface BucketPlace {
  readonly name: string;
  /** Of every key: empty, or with a slash at its end. */
  readonly prefix: string;
  /** Of a server that is not Amazon's. */
  readonly endpoint?: string;
  readonly region?: string;
}

/**
 * The bucket of `VISIONBOOK_BUCKET`; undefined where it is not set. Endpoint and region are those of the AWS SDK's environment.
 *
 * @throws BAD_BUCKET
 */
export function bucketPlace(env: Readonly<Record<string, string | undefined>>): BucketPlace | undefined {
  const { VISIONBOOK_BUCKET: value } = env;
  if (!value) return undefined;
  const [, name, path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(value) ?? [];
  if (name === undefined) throw BadBucket(value);
  const prefix = path.replace(/^\/+|\/+$/g, '');
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  // Servers that are not Amazon's have no regions, but a signature needs the name of one.
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || (endpoint && 'us-east-1');
  return { name, prefix: prefix && `${prefix}/`, ...(endpoint && { endpoint }), ...(region && { region }) };
}

/** How people write where a bucket is. */
export function bucketUrl({ name, prefix }: BucketPlace): string {
  return `s3://${name}/${prefix}`.replace(/\/$/, '');
}
