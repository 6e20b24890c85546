import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Bucket, openBucket } from '../lib/bucket';
import { loadTensorFlow } from '../lib/engine';
import { readRun, readRuns } from '../lib/experiments';
import { sha256 } from '../lib/files';
import { batchesOf, openQueue, type Queue, sendTraining, sendTrials, type Trained, work } from '../lib/jobs';
import { buildClassifier, kerasArchive, officialWeights, standInName } from '../lib/models';
import { beginSweep, readOutcome } from '../lib/sweeps';
import { food } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';
import { motoPython, type S3Server, startS3 } from './bucket.fixture';
import { temporaryFolder } from './data.fixtures';
import { copyOfTrained, type TestHome, tinySettings } from './pipeline.fixture';
import { type CollectedLog, collectLog } from './server.database.fixtures';

const overrides = { ...tinySettings, stages: tinySettings.stages.slice(0, 1) };
const officialName = officialWeights({ name: 'mobilenet_v2' }, 224)!.file;

/** In the place of Keras' own, which are better than what packages bring, and so are taken before. */
let official: Uint8Array;
let home: TestHome;
let queue: Queue;
beforeAll(async () => {
  const { tf } = await loadTensorFlow();
  const classifier = buildClassifier(tf, { ...food, backbone: { name: 'mobilenet_v2', alpha: 1 }, dropout: 0 }, 1);
  official = unzipSync(await kerasArchive(classifier))['model.weights.h5']!;
  classifier.model.dispose();
  home = await copyOfTrained();
});
beforeEach(async () => {
  queue = await openQueue({ workspace: home.workspace, log: collectLog(), env: {} });
  onTestFinished(() => queue.close());
});

const fileIn = ({ weights }: Workspace): string => path.join(weights, officialName);

async function putOfficial(workspace: Workspace): Promise<void> {
  await mkdir(workspace.weights, { recursive: true });
  await writeFile(fileIn(workspace), official);
}

/** Works until nothing is left that it can do. @returns how often it took a job, and what it said */
async function drain(workspace: Workspace, bucket?: Bucket): Promise<{ readonly taken: number; readonly lines: CollectedLog['lines'] }> {
  const log = collectLog();
  let taken = 0;
  const counting: Queue = {
    ...queue,
    take: async () => {
      const job = await queue.take();
      if (job) taken++;
      return job;
    },
  };
  await work({ workspace, queue: counting, signal: new AbortController().signal, drains: true, log, ...(bucket && { bucket }) });
  return { taken, lines: log.lines };
}

describe('a worker without the weights that a job was sent with', () => {
  it('leaves a training and a trial to others, says what to bring, and does them when they are there', async () => {
    const { workspace } = home;
    await putOfficial(workspace);
    const training = await sendTraining(queue, { workspace, task: food, overrides });
    const sweep = await beginSweep({ workspace, task: food, overrides, grid: { dropout: [0.3] } });
    await sendTrials(workspace, queue, sweep);
    const elsewhere = path.join(temporaryFolder(), officialName);
    await rename(fileIn(workspace), elsewhere);
    const known = (await readRuns(workspace)).runs.length;

    const { taken, lines } = await drain(workspace);
    expect(taken).toBe(2);
    const titles = [training, `trial 1 of ${sweep.id}`].map((title) => `${title}: left to other workers`);
    expect(lines.map(({ level, message }) => [level, message])).toEqual(titles.map((title) => ['error', title]));
    const reason = `this begins with the weights ${officialName}, with the SHA-256 ${sha256(official)}, and here are only ${standInName}: npm run weights -- fetch downloads the official ones; or copy ${officialName} to ${workspace.weights} from the machine that has it`;
    const jobs = await queue.list();
    expect(jobs).toMatchObject(
      [training, sweep.id].map((batch) => ({ job: { batch }, state: 'created', retries: 0, output: { message: reason } })),
    );
    expect(batchesOf(jobs).map(({ failures, refusals }) => [failures, refusals])).toEqual(Array(2).fill([[], [reason]]));
    expect(await queue.take()).toBeUndefined();
    expect((await readRuns(workspace)).runs).toHaveLength(known);

    await rename(elsewhere, fileIn(workspace));
    await vi.waitUntil(async () => (await drain(workspace)).taken > 0, { timeout: 30_000, interval: 500 });
    await drain(workspace);
    const [done] = await queue.list(training);
    expect(done).toMatchObject({ state: 'completed', retries: 0 });
    const { best } = await readOutcome(workspace, sweep);
    const trained = await readRun(workspace, (done!.output as Trained).current);
    for (const run of [trained, best!]) expect(run.weights).toEqual({ source: officialName, sha256: sha256(official), isStandIn: false });
  });
});

describe.skipIf(!motoPython)('a worker that shares a bucket', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3(motoPython!);
  });
  afterAll(() => server.close());

  it.each([{ which: 'official' }, { which: 'named' }])('brings $which weights that it lacks', async ({ which }) => {
    const { workspace } = home;
    for (const [name, value] of Object.entries(server.env(which))) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const bucket = await openBucket();
    const named = path.join(temporaryFolder(), 'mine.h5');
    await writeFile(named, Buffer.concat([official, Buffer.from(which)]));
    await putOfficial(workspace);
    const batch = await sendTraining(queue, { workspace, task: food, overrides, bucket, ...(which === 'named' && { weightsFile: named }) });
    const folder = temporaryFolder();
    const machine = openWorkspace({ env: { VISIONBOOK_HOME: folder, VISIONBOOK_RAW: path.join(folder, 'raw') } });
    expect(await drain(machine, bucket)).toMatchObject({ lines: [{ level: 'info' }] });
    const [job] = await queue.list(batch);
    const key = `experiments/${(job!.output as Trained).current}/run.json`;
    const { weights } = JSON.parse((await bucket.read(key))!.toString());
    const [source, content] = which === 'named' ? ['mine.h5', Buffer.concat([official, Buffer.from(which)])] : [officialName, official];
    expect(weights).toEqual({ source, sha256: sha256(content!), isStandIn: false });
  });
});
