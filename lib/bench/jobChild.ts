import type { OnProgress } from '../progress';

/** Progress is told so often, in ms. */
const every = 200;

/** Runs a job in this process and reports on stdout, as `runJob` reads it. */
export async function runJobHere<Request>(
  job: (request: Request, onProgress: OnProgress) => Promise<unknown>,
  request: Request,
): Promise<void> {
  let sentAt = 0;
  const result = await job(request, (progress) => {
    if (progress.done < progress.total && performance.now() - sentAt < every) return;
    sentAt = performance.now();
    send({ progress });
  });
  send({ result });
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
