import type { Command } from 'commander';
import { stopOnInterrupt } from '../interrupt';
import { openWorkspace } from '../workspace';
import { bucketIfAny, load, terminalLog, wholeNumber, withQueue } from './shared';

/** Registers what goes on until it is ended, and the jobs that are sent to it: `worker`, `jobs` and `serve`. */
export function registerServer(program: Command): void {
  program
    .command('worker')
    .description(
      'do the jobs that --jobs sent; any number of workers share the database of DATABASE_URL, and the folder of VISIONBOOK_HOME or VISIONBOOK_BUCKET',
    )
    .option('--drain', 'end when no job is left that can be done here')
    .action(startWorker);
  const jobs = program.command('jobs').description('what the workers have to do');
  jobs.command('ls').description('sweeps, trainings and predictions that were sent, and how far they are').action(listJobs);
  jobs
    .command('cancel')
    .description('take back what is not done')
    .argument('<batch>', 'as ls names it; the end of its name will do')
    .action(cancelJobs);
  jobs
    .command('fetch')
    .description('bring what was made so far from VISIONBOOK_BUCKET, where nobody waited for it')
    .argument('<batch>', 'as ls names it; the end of its name will do')
    .action(fetchJobs);
  program
    .command('serve')
    .description('start the web app and the API')
    .option('--port <number>', 'instead of PORT, or 5000', wholeNumber)
    .option('--host <address>', 'instead of HOST, or 127.0.0.1; 0.0.0.0 lets the network in')
    .action(serveAll);
}

async function startWorker({ drain }: { drain?: true }): Promise<void> {
  const workspace = openWorkspace();
  const { work } = load('jobs');
  const signal = stopOnInterrupt({ keeps: 'what is at work is given back', signals: ['SIGINT', 'SIGTERM'] });
  const bucket = await bucketIfAny();
  await withQueue(workspace, (queue) => {
    const where = queue.kind === 'pglite' ? workspace.jobs : 'the database of DATABASE_URL';
    console.log(`waiting for jobs in ${where}${bucket ? `, with their files in ${bucket.url}` : ''}; Ctrl-C ends it`);
    return work({ workspace, queue, signal, log: terminalLog, ...(bucket && { bucket }), ...(drain && { drains: drain }) });
  });
}

async function listJobs(): Promise<void> {
  const { batchesOf, batchRows } = load('jobs');
  const { textTable } = load('report');
  const batches = await withQueue(openWorkspace(), async (queue) => batchesOf(await queue.list()));
  console.log(batches.length > 0 ? textTable(batchRows(batches)) : 'there are no jobs');
  for (const { batch, failures, refusals } of batches) {
    for (const reason of failures) console.log(`\n${batch}\n  ${reason}`);
    for (const reason of refusals) console.log(`\n${batch}, where a worker left it to others\n  ${reason}`);
  }
}

async function cancelJobs(name: string): Promise<void> {
  const { cancelBatch } = load('jobs');
  const { batch, jobs } = await withQueue(openWorkspace(), (queue) => cancelBatch(queue, name));
  console.log(`${jobs} jobs of ${batch} are cancelled`);
}

async function fetchJobs(name: string): Promise<void> {
  const workspace = openWorkspace();
  const { batchRows, fetchBatch } = load('jobs');
  const { textTable } = load('report');
  const bucket = await load('bucket').openBucket();
  const { batch, folder } = await withQueue(workspace, (queue) => fetchBatch(workspace, queue, bucket, name));
  console.log(`${textTable(batchRows([batch]))}\nwhat was made is in ${folder}`);
}

async function serveAll(options: { port?: number; host?: string }): Promise<void> {
  const { serve, serverConfig } = load('server');
  const server = await serve({ workspace: openWorkspace(), config: serverConfig(process.env, options) });
  console.error(`visionbook is at ${server.address} (Ctrl-C ends it)`);
  const stop = (): void => {
    // A second time it is meant at once.
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
    void server.close();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop);
}
