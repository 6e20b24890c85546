import type { S3Client } from '@aws-sdk/client-s3';
import { sha256 } from '../files';
import { type Bucket, type BucketPlace, bucketPlace, bucketUrl, type ListedObject } from './bucket';
import { BucketAway, BucketDenied, BucketMissing, NoBucket, NoBucketCredentials, ObjectDamaged } from './errors';

/** A request that fails for the network's or the server's sake is sent so often, with longer and longer pauses: some seconds in all. */
const maxAttempts = 6;
/** What arrives damaged, or in part, is asked for so often. */
const readAttempts = 3;
/** Longer than a segment of activations takes on a slow line, in ms. */
const requestTimeout = 300_000;

/** What the SDK throws, as far as it matters here. */
interface S3Error extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/**
 * Opens the bucket of `VISIONBOOK_BUCKET`, and sees that it answers. The SDK is loaded here and nowhere else; who may use the bucket, its region and its
 * endpoint it finds in its own standard environment. Every object has the SHA-256 of its content among its metadata, and is checked when it is read.
 *
 * @throws NO_BUCKET, BAD_BUCKET, and what every method of a bucket throws
 */
export async function openBucket(env: Readonly<Record<string, string | undefined>> = process.env): Promise<Bucket> {
  const place = bucketPlace(env);
  if (!place) throw NoBucket();
  // Of Node 20, which is older than the newest versions of the SDK want; this one runs on it.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    ...(place.region && { region: place.region }),
    ...(place.endpoint && { endpoint: place.endpoint, forcePathStyle: true }),
    followRegionRedirects: true,
    maxAttempts,
    requestHandler: { connectionTimeout: 5000, requestTimeout },
    // SHA-256 is sent and checked here; the SDK's own CRC is unknown to older servers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const bucket = bucketOf(place, sdk, client);
  await bucket.list('.');
  return bucket;
}

function bucketOf(place: BucketPlace, sdk: typeof import('@aws-sdk/client-s3'), client: S3Client): Bucket {
  const url = bucketUrl(place);
  const at = (key: string): { Bucket: string; Key: string } => ({ Bucket: place.name, Key: `${place.prefix}${key}` });

  /** What a request answers, or undefined where the answer is one of these codes of HTTP. */
  async function unless<Answer>(codes: readonly number[], what: string, request: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await request();
    } catch (error) {
      const { name, $metadata } = error as S3Error;
      if (name !== 'NoSuchBucket' && codes.includes($metadata?.httpStatusCode ?? 0)) return undefined;
      throw explain(place, what, error as S3Error);
    }
  }

  /** An object's content, undefined where the connection broke in the middle, and what its SHA-256 is to be. */
  async function get(key: string): Promise<{ content: Uint8Array | undefined; wanted: string | undefined } | undefined> {
    return unless([404], `reading ${url}/${key}`, async () => {
      const { Body, Metadata } = await client.send(new sdk.GetObjectCommand(at(key)));
      return { content: await Body!.transformToByteArray().catch(() => undefined), wanted: Metadata?.sha256 };
    });
  }

  return {
    url,
    async list(prefix) {
      const listed: ListedObject[] = [];
      let token: string | undefined;
      do {
        const request = { Bucket: place.name, Prefix: `${place.prefix}${prefix}`, ...(token && { ContinuationToken: token }) };
        const page = (await unless([], `listing ${url}`, () => client.send(new sdk.ListObjectsV2Command(request))))!;
        for (const { Key, Size } of page.Contents ?? []) listed.push({ key: Key!.slice(place.prefix.length), bytes: Size! });
        token = page.NextContinuationToken;
      } while (token);
      return listed;
    },
    async read(key) {
      for (let attempt = 1; ; attempt++) {
        const got = await get(key);
        if (!got) return undefined;
        const { content, wanted } = got;
        const found = content && sha256(content);
        if (found && found === wanted) return Buffer.from(content);
        if (attempt < readAttempts) continue;
        if (!found) throw BucketAway(url, serverOf(place), `the connection broke while ${key} was read`);
        throw ObjectDamaged(`${url}/${key}`, wanted ? `its SHA-256 is ${found} and not ${wanted}` : 'nothing says what its SHA-256 is');
      }
    },
    async tagOf(key) {
      return (await unless([404], `reading ${url}/${key}`, () => client.send(new sdk.HeadObjectCommand(at(key)))))?.ETag;
    },
    async write(key, content, condition) {
      const hash = sha256(content);
      const request = {
        ...at(key),
        Body: content,
        ChecksumSHA256: Buffer.from(hash, 'hex').toString('base64'),
        Metadata: { sha256: hash },
        ...(condition === 'absent' && { IfNoneMatch: '*' }),
        ...(typeof condition === 'object' && { IfMatch: condition.tag }),
      };
      // 404: what was to be replaced is gone; 409: another write of the same moment won.
      const refusals = condition ? [404, 409, 412] : [];
      return (await unless(refusals, `writing ${url}/${key}`, () => client.send(new sdk.PutObjectCommand(request))))?.ETag;
    },
    async remove(key) {
      await unless([404], `removing ${url}/${key}`, () => client.send(new sdk.DeleteObjectCommand(at(key))));
    },
  };
}

/** What to tell the user of a failure. */
function explain(place: BucketPlace, what: string, error: S3Error): Error {
  const { name, message, code, $metadata } = error;
  const server = serverOf(place);
  const status = $metadata?.httpStatusCode;
  if (name === 'NoSuchBucket') return BucketMissing(place.name, server);
  if (name === 'CredentialsProviderError' || message === 'Region is missing') return NoBucketCredentials(bucketUrl(place), message);
  if (status === 401 || status === 403) return BucketDenied(what, name === 'Unknown' ? `status ${status}` : `${name}: ${message}`);
  return BucketAway(bucketUrl(place), server, [code ?? name, message].filter(Boolean).join(': '));
}

function serverOf({ endpoint }: BucketPlace): string {
  return endpoint ?? 'Amazon S3';
}
