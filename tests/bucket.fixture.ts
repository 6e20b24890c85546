import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { openWorkspace } from '../lib/workspace';

const { root } = openWorkspace({ env: {} });

/** The Python that has moto, an S3 server, in an environment of its own; undefined where there is none, and its tests are skipped. */
export const motoPython = [process.env.VISIONBOOK_MOTO, path.join(root, '.venv-s3/bin/python')].find(
  (python) => python && existsSync(python),
);

/** An S3 server. */
export interface S3Server {
  readonly url: string;
  /** What brings a process to a bucket of it, under a prefix. */
  env(prefix: string): Record<string, string>;
  close(): Promise<void>;
}

export async function startS3(python: string): Promise<S3Server> {
  const child = spawn(python, [path.join(root, 'tests/bucket.server.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const { value: line } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
  if (line === undefined) throw new Error(`${python} tests/bucket.server.py ended at once: is moto installed, with flask?`);
  const { url, id, secret } = JSON.parse(line) as { url: string; id: string; secret: string };
  return {
    url,
    env: (prefix) => ({
      VISIONBOOK_BUCKET: `s3://visionbook/${prefix}`,
      AWS_ENDPOINT_URL_S3: url,
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
    }),
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
