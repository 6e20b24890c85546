import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Response } from 'undici';
import { VisionbookError } from '../errors';
import { withLock } from '../lock';
import type { OnProgress } from '../progress';
import { DownloadFailed, DownloadRunning } from './errors';
import { type OfficialBackbone, type OfficialWeights, officialWeights } from './officialWeights';
import { cachedWeights, recordDownload, type StoredWeights } from './weightsCache';

/** How to download. */
export interface DownloadOptions {
  /** Where downloads are kept. */
  readonly folder: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Seconds to wait for a connection: little, so that work without internet is not held up. */
  readonly connectSeconds?: number;
  /** Seconds without a byte after which a download is given up. */
  readonly silenceSeconds?: number;
}

const hdf5Signature = Buffer.from('\x89HDF', 'latin1');

/** A connection that breaks half-way is tried so often. */
const attempts = 2;

/** Downloads that failed in this process: they are not tried again, and not reported again, until it ends. */
const failed = new Set<string>();

/**
 * A backbone's official weights: from the folder of downloads, or else downloaded into it. Where that is not possible it says so in one line,
 * once a process. `VISIONBOOK_OFFLINE=1` tries no download.
 *
 * @returns undefined where they cannot be had
 */
export async function findOfficialWeights(
  backbone: OfficialBackbone,
  imageSize: number,
  options: DownloadOptions,
): Promise<StoredWeights | undefined> {
  const official = officialWeights(backbone, imageSize);
  if (!official) return undefined;
  const cached = await cachedWeights(options.folder, official);
  if (cached || process.env.VISIONBOOK_OFFLINE === '1' || failed.has(official.url)) return cached;
  try {
    return await downloadWeights(official, options);
  } catch (error) {
    if (!(error instanceof VisionbookError)) throw error;
    failed.add(official.url);
    console.warn(`${error.message}. Until then, what packages bring is used (VISIONBOOK_OFFLINE=1 skips the attempt)`);
    return undefined;
  }
}

/**
 * Downloads weights into the folder, unless they are there already: size, hash (where Keras names one) and file type are checked, and the file
 * appears whole or not at all. Two processes download it once. `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` count.
 *
 * @throws WEIGHTS_DOWNLOAD_FAILED, WEIGHTS_DOWNLOAD_RUNNING; the file system's errors; `signal`'s reason
 */
export async function downloadWeights(official: OfficialWeights, options: DownloadOptions): Promise<StoredWeights> {
  const file = path.join(options.folder, official.file);
  await mkdir(options.folder, { recursive: true });
  return withLock(options.folder, {
    lockFile: `${file}.lock`,
    retries: { retries: 1200, minTimeout: 250, maxTimeout: 250 },
    busy: () => DownloadRunning(official.url),
    work: async () => (await cachedWeights(options.folder, official)) ?? (await downloadUnderLock(official, file, options)),
  });
}

async function downloadUnderLock(official: OfficialWeights, file: string, options: DownloadOptions): Promise<StoredWeights> {
  const part = `${file}.part`;
  try {
    for (let attempt = 1; ; attempt++) {
      const response = await connect(official, options);
      try {
        const sha256 = await receive(response, official, part, options);
        await recordDownload({ file, sha256 }, official.url);
        await rename(part, file);
        return { file, sha256 };
      } catch (error) {
        if (!(error instanceof BrokenConnection)) throw error;
        if (attempt === attempts) throw failure(official, options, error.message);
      }
    }
  } finally {
    await rm(part, { force: true });
  }
}

function failure({ url, file }: OfficialWeights, { folder }: DownloadOptions, reason: string): VisionbookError {
  return DownloadFailed(url, reason, path.join(folder, file));
}

/** The server's answer, once it has begun. */
async function connect(official: OfficialWeights, options: DownloadOptions): Promise<Response> {
  const { url } = official;
  const { signal, connectSeconds = 3, silenceSeconds = 20 } = options;
  const { EnvHttpProxyAgent, fetch } = await import('undici');
  const patience = { timeout: 1000 * connectSeconds };
  const limits = {
    connect: patience,
    proxyTls: patience, // the connection to a proxy: its type leaves this out
    requestTls: patience,
    headersTimeout: 1000 * silenceSeconds,
    bodyTimeout: 1000 * silenceSeconds,
  };
  const dispatcher = new EnvHttpProxyAgent(limits);
  let response: Response;
  try {
    response = await fetch(url, { dispatcher, ...(signal && { signal }), headers: { 'accept-encoding': 'identity' } });
  } catch (error) {
    signal?.throwIfAborted();
    throw failure(official, options, describeFailure(error, url));
  }
  if (response.ok && response.body) return response;
  await response.body?.cancel();
  throw failure(official, options, `the server answers ${response.status} ${response.statusText}`.trim());
}

/** A connection that broke while the file was on its way: worth another try. */
class BrokenConnection extends Error {}

/** Writes what comes to `part`, and checks it. */
async function receive(response: Response, official: OfficialWeights, part: string, options: DownloadOptions): Promise<string> {
  const { file, md5 } = official;
  const { onProgress, signal } = options;
  const total = Number(response.headers.get('content-length') ?? 0);
  const hashes = { md5: createHash('md5'), sha256: createHash('sha256') };
  const target = await open(part, 'w');
  let received = 0;
  let start: Uint8Array = new Uint8Array();
  try {
    for await (const chunk of chunksOf(response, () => received, total, signal)) {
      if (received === 0) start = chunk.subarray(0, hdf5Signature.length);
      await target.writeFile(chunk);
      hashes.md5.update(chunk);
      hashes.sha256.update(chunk);
      received += chunk.length;
      onProgress?.({ label: `downloading ${file}`, done: mebibytes(received), total: mebibytes(total), note: 'MiB' });
    }
    await target.sync();
  } finally {
    await target.close();
  }
  if (received === 0 || received < total) throw new BrokenConnection(describeBreak(received, total));
  if (!hdf5Signature.equals(start))
    throw failure(official, options, 'what came is no HDF5 file (perhaps the page of a network that wants a login)');
  const got = hashes.md5.digest('hex');
  if (md5 && got !== md5) throw failure(official, options, `what came is another file: its MD5 is ${got} and not ${md5}`);
  return hashes.sha256.digest('hex');
}

async function* chunksOf(response: Response, received: () => number, total: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body!) yield chunk as Uint8Array;
  } catch {
    signal?.throwIfAborted();
    throw new BrokenConnection(describeBreak(received(), total));
  }
}

function describeBreak(received: number, total: number): string {
  return `the connection broke after ${mebibytes(received)}${total > 0 ? ` of ${mebibytes(total)}` : ''} MiB`;
}

/** Why no answer came. undici wraps the reason, and Node wraps those of several addresses. */
function describeFailure(error: unknown, url: string): string {
  const reasons: NodeJS.ErrnoException[] = [];
  for (let at = error as (Error & { cause?: unknown; errors?: unknown[] }) | undefined; at; at = (at.cause ?? at.errors?.[0]) as typeof at)
    reasons.push(at);
  const { code, message } = reasons.find((reason) => reason.code) ?? reasons.at(-1)!;
  const { host } = new URL(url);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ECONNREFUSED':
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `there is no connection to ${host} (${code})`;
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
      return `${host} does not answer`;
    default:
      return message;
  }
}

function mebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}
