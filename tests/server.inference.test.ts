import { rm, truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as ort from 'onnxruntime-node';
import sharp, { type Sharp } from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findModel, modelFiles, promote, rollback, startTrial, writeDecision } from '../lib/models';
import { type Inference, type InferenceOptions, openInference } from '../lib/server/inference';
import type { Workspace } from '../lib/workspace';
import { blobs, temporaryWorkspace } from './data.fixtures';
import { foodModel, galaxyClasses, galaxyModel, saveRun } from './served.fixture';

let models: Uint8Array[];
let pictures: Buffer[];
let workspace: Workspace;
const opened: Inference[] = [];
const warnings: object[] = [];
const log = { info: (): void => {}, warn: (details: object): void => void warnings.push(details) };

beforeAll(async () => {
  models = await Promise.all([1, 2, 3].map(foodModel));
  pictures = await Promise.all(Array.from({ length: 60 }, (_, index) => blobs(`picture ${index}`, 320, 240)));
});
beforeEach(() => {
  workspace = temporaryWorkspace();
  warnings.length = 0;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.splice(0).map((inference) => inference.close()));
});

async function open(options: Partial<InferenceOptions> = {}): Promise<Inference> {
  const inference = await openInference({ workspace, task: 'food', log, ...options });
  opened.push(inference);
  return inference;
}

/** Runs `first`, `second` and `third`; the first serves. */
async function openWithModels(options: Partial<InferenceOptions> = {}): Promise<Inference> {
  for (const [index, run] of ['first', 'second', 'third'].entries()) await saveRun(workspace, 'food', run, models[index]!);
  await promote(workspace, 'food', 'first', 'test');
  return open(options);
}

/** Counts sessions of ONNX Runtime that were opened from now on and are not released. */
function countSessions(): () => number {
  const { create } = ort.InferenceSession;
  let open = 0;
  vi.spyOn(ort.InferenceSession, 'create').mockImplementation(async (...call: unknown[]) => {
    const session: ort.InferenceSession = await Reflect.apply(create, ort.InferenceSession, call);
    open++;
    const release = session.release.bind(session);
    session.release = () => {
      open--;
      return release();
    };
    return session;
  });
  return () => open;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !isSo(); tries++) await sleep(50);
  expect(isSo()).toBe(true);
}

describe('inference without a model', () => {
  it('says what to run, and serves by itself as soon as there is one', async () => {
    const inference = await open();
    expect(inference.state()).toEqual({ queued: 0, problem: expect.stringContaining('npm run train -- food') });
    await expect(inference.predict(pictures[0]!)).rejects.toMatchObject({ code: 'NO_MODEL', status: 503 });
    await saveRun(workspace, 'food', 'first', models[0]!);
    await promote(workspace, 'food', 'first', 'test');
    await until(() => inference.state().run === 'first');
    expect(inference.state().problem).toBeUndefined();
    expect((await inference.predict(pictures[0]!)).card.runId).toBe('first');
  });

  it('says so when the only model cannot be loaded: that is no fault of the picture', async () => {
    await saveRun(workspace, 'food', 'first', models[0]!.subarray(0, 1000));
    await promote(workspace, 'food', 'first', 'test');
    const inference = await open();
    await expect(inference.predict(pictures[0]!)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', status: 503 });
  });
});

describe('a prediction', () => {
  it('has probabilities, a decision, the content’s hash and the time it took', async () => {
    const inference = await openWithModels();
    const answer = await inference.predict(pictures[0]!);
    expect(answer.prediction.probabilities).toHaveLength(3);
    expect(answer).toMatchObject({ card: { runId: 'first' }, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(answer.milliseconds).toBeGreaterThan(0);
    expect(answer).not.toHaveProperty('map');
    expect(answer).not.toHaveProperty('other');
    const { map, prediction } = await inference.predict(pictures[0]!, { withMap: true });
    expect(map).toMatchObject({ rows: 2, columns: 2 });
    expect(prediction).toEqual(answer.prediction);
  });

  it('is the most probable of ten classes for galaxies', async () => {
    await saveRun(workspace, 'galaxy', 'one', await galaxyModel(4));
    await promote(workspace, 'galaxy', 'one', 'test');
    const inference = await open({ task: 'galaxy' });
    const { prediction, map } = await inference.predict(pictures[0]!, { withMap: true });
    const { probabilities, decision } = prediction;
    expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 5);
    expect(decision).toEqual({ kind: 'classes', classes: [galaxyClasses[probabilities.indexOf(Math.max(...probabilities))]] });
    expect(map!.maps).toHaveLength(10);
  });

  const colour = (): Sharp => sharp({ create: { width: 60, height: 40, channels: 3, background: '#c80' } });
  it.each<[string, () => Promise<Uint8Array>]>([
    ['16 bits a channel', () => colour().toColourspace('rgb16').png().toBuffer()],
    ['CMYK', () => colour().toColourspace('cmyk').jpeg().toBuffer()],
    ['an orientation in EXIF', () => colour().withMetadata({ orientation: 6 }).jpeg().toBuffer()],
    ['transparency', () => colour().ensureAlpha(0.3).webp().toBuffer()],
    ['grey with transparency', () => colour().greyscale().ensureAlpha(0.3).png().toBuffer()],
    ['one pixel', () => colour().resize(1, 1).png().toBuffer()],
    [
      'several frames',
      async () =>
        sharp([pictures[0]!, pictures[1]!], { join: { animated: true } })
          .webp({ delay: [50, 50] })
          .toBuffer(),
    ],
  ])('is given for a picture with %s', async (_, make) => {
    const inference = await openWithModels();
    const { prediction } = await inference.predict(await make());
    expect(prediction.probabilities.every((share) => share >= 0 && share <= 1)).toBe(true);
  });

  it.each<[string, () => Promise<Uint8Array> | Uint8Array, string, number]>([
    ['an SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'NOT_A_PICTURE', 415],
    ['a GIF', () => sharp(pictures[0]!).gif().toBuffer(), 'NOT_A_PICTURE', 415],
    ['a TIFF', () => sharp(pictures[0]!).tiff().toBuffer(), 'NOT_A_PICTURE', 415],
    ['text', () => Buffer.from('hello'), 'NOT_A_PICTURE', 415],
    ['nothing', () => new Uint8Array(), 'NOT_A_PICTURE', 415],
    ['a JPEG’s first half', () => pictures[0]!.subarray(0, pictures[0]!.length / 2), 'UNREADABLE_PICTURE', 422],
    ['a JPEG’s signature', () => pictures[0]!.subarray(0, 3), 'UNREADABLE_PICTURE', 422],
    [
      'a PNG of 100 million pixels',
      () =>
        sharp({ create: { width: 10_000, height: 10_000, channels: 3, background: '#000' }, limitInputPixels: false })
          .png()
          .toBuffer(),
      'PICTURE_TOO_LARGE',
      413,
    ],
  ])('is refused for %s, and the next picture is not the worse for it', async (_, make, code, status) => {
    const inference = await openWithModels();
    await expect(inference.predict(await make())).rejects.toMatchObject({ code, status });
    expect((await inference.predict(pictures[1]!)).card.runId).toBe('first');
  });

  it('is refused when the queue is full, and given again when it is not', async () => {
    const inference = await openWithModels({ concurrency: 1, maxQueued: 4 });
    const results = await Promise.allSettled(Array.from({ length: 1000 }, () => inference.predict(pictures[0]!)));
    const refused = results.filter((result): result is PromiseRejectedResult => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(900);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'BUSY', status: 503 });
    expect(results.length - refused.length).toBe(5);
    expect(inference.state().queued).toBe(0);
    await inference.predict(pictures[0]!);
  });
});

it('small pictures pass by large ones, of which one is decoded at a time', async () => {
  const inference = await openWithModels();
  const large = await sharp(pictures[0]!).resize(3600, 2700).jpeg().toBuffer();
  const order: string[] = [];
  const predict = (name: string, picture: Uint8Array): Promise<unknown> => inference.predict(picture).then(() => order.push(name));
  await Promise.all([
    ...Array.from({ length: 6 }, () => predict('large', large)),
    ...Array.from({ length: 6 }, () => predict('small', pictures[0]!)),
  ]);
  expect(order.slice(-4)).toEqual(['large', 'large', 'large', 'large']);
});

describe('a switch to another model', () => {
  it('happens under load without a failed or mixed-up request, and the old model is released after its last one', async () => {
    const count = countSessions();
    const inference = await openWithModels();
    const expected = new Map<string, readonly number[]>();
    for (const run of ['second', 'third', 'first']) {
      await promote(workspace, 'food', run, 'test');
      await inference.refresh();
      expected.set(run, (await inference.predict(pictures[0]!)).prediction.probabilities);
    }
    const counts = new Map<string, number>();
    let isOver = false;
    const clients = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const { card, prediction } = await inference.predict(pictures[0]!);
        expect(prediction.probabilities).toEqual(expected.get(card.runId));
        counts.set(card.runId, (counts.get(card.runId) ?? 0) + 1);
      }
    });
    for (const run of ['second', 'third', 'first', 'third', 'second']) {
      await promote(workspace, 'food', run, 'test');
      await Promise.all([inference.refresh(), inference.refresh()]);
      await sleep(100);
    }
    isOver = true;
    await Promise.all(clients);
    expect([...counts.keys()].sort()).toEqual(['first', 'second', 'third']);
    expect(inference.state().run).toBe('second');
    expect(count()).toBe(1);
  });

  it('follows a rollback', async () => {
    const inference = await openWithModels();
    await promote(workspace, 'food', 'second', 'test');
    await inference.refresh();
    await rollback(workspace, 'food');
    await inference.refresh();
    expect(inference.state().run).toBe('first');
  });

  it('is not needed for a calibration of the model that serves, which is followed by itself, and given up again', async () => {
    const count = countSessions();
    const inference = await openWithModels();
    const trained = (await inference.predict(pictures[0]!)).prediction;
    const { card } = await findModel(workspace, 'food', 'first');
    await writeDecision(workspace, card, { ...card.decision, temperature: 2, thresholds: [0, 1, 1] });
    await vi.waitFor(() => expect(inference.state().card?.decision.temperature).toBe(2), 5000);
    const { prediction } = await inference.predict(pictures[0]!);
    for (const [index, share] of prediction.probabilities.entries())
      expect(Math.log(share / (1 - share))).toBeCloseTo(
        Math.log(trained.probabilities[index]! / (1 - trained.probabilities[index]!)) / 2,
        4,
      );
    expect(prediction.decision).toEqual({ kind: 'classes', classes: [card.classes[0]] });
    await writeDecision(workspace, card, card.decision);
    await inference.refresh();
    expect((await inference.predict(pictures[0]!)).prediction).toEqual(trained);
    expect(count()).toBe(1);
  });

  it.each<[string, RegExp, (files: { onnx: string; card: string; current: string }) => Promise<unknown>]>([
    ['half-written', /second.*no ONNX model/, ({ onnx }) => truncate(onnx, 50_000)],
    ['without its ONNX file', /second.*no such file/, ({ onnx }) => rm(onnx)],
    ['without its card', /second has no food model/, ({ card }) => rm(card)],
    ['with a damaged card', /card\.json/, ({ card }) => writeFile(card, '{')],
    ['that a damaged current.json names', /current\.json/, ({ current }) => writeFile(current, '{"run":')],
    ['that nothing names any more', /npm run train/, ({ current }) => rm(current)],
  ])('to one %s does not happen: the old one goes on, and the state says why', async (_, problem, damage) => {
    const inference = await openWithModels();
    await promote(workspace, 'food', 'second', 'test');
    const { onnx, card } = modelFiles(workspace, 'food', 'second');
    await damage({ onnx, card, current: workspace.currentModel('food') });
    await inference.refresh();
    await inference.refresh();
    expect(inference.state()).toMatchObject({ run: 'first', problem: expect.stringMatching(problem) });
    expect(warnings).toHaveLength(1);
    expect((await inference.predict(pictures[0]!)).card.runId).toBe('first');
    await saveRun(workspace, 'food', 'second', models[1]!);
    await promote(workspace, 'food', 'third', 'mended');
    await inference.refresh();
    expect(inference.state()).toMatchObject({ run: 'third' });
    expect(inference.state().problem).toBeUndefined();
  });

  it('does not come when inference is closed: what is under way is answered, nothing after it, and the model is released', async () => {
    const count = countSessions();
    const inference = await openWithModels();
    const underWay = Promise.all(pictures.map((picture) => inference.predict(picture)));
    const closing = inference.close();
    await expect(inference.predict(pictures[0]!)).rejects.toMatchObject({ code: 'STOPPING', status: 503 });
    await closing;
    expect(await underWay).toHaveLength(pictures.length);
    expect(count()).toBe(0);
  });
});

describe('a trial', () => {
  it('sends its share of pictures to the second model, the same ones each time, and says what the first thinks', async () => {
    const inference = await openWithModels();
    const before = await Promise.all(pictures.map((picture) => inference.predict(picture)));
    await startTrial(workspace, 'food', 'second', 0.4);
    await inference.refresh();
    expect(inference.state()).toMatchObject({ run: 'first', trial: { run: 'second', share: 0.4 } });
    const answers = await Promise.all(pictures.map((picture) => inference.predict(picture)));
    const again = await Promise.all(pictures.map((picture) => inference.predict(picture)));
    expect(again.map(({ card }) => card.runId)).toEqual(answers.map(({ card }) => card.runId));
    const tried = answers.filter(({ card }) => card.runId === 'second');
    expect(tried.length / answers.length).toBeGreaterThan(0.2);
    expect(tried.length / answers.length).toBeLessThan(0.6);
    for (const [index, { card, prediction, other }] of answers.entries()) {
      const first = before[index]!.prediction;
      if (card.runId === 'first') expect({ prediction, other }).toEqual({ prediction: first, other: undefined });
      else {
        const agrees = JSON.stringify(prediction.decision) === JSON.stringify(first.decision);
        expect(other).toEqual({ run: 'first', probabilities: first.probabilities, agrees });
      }
    }
  });

  it('that cannot be loaded leaves the first model alone', async () => {
    const inference = await openWithModels();
    await startTrial(workspace, 'food', 'second', 1);
    await truncate(modelFiles(workspace, 'food', 'second').onnx, 5000);
    await inference.refresh();
    expect(inference.state()).toMatchObject({ run: 'first', problem: expect.stringContaining('second') });
    expect(inference.state().trial).toBeUndefined();
    expect((await inference.predict(pictures[0]!)).card.runId).toBe('first');
  });

  it('whose model is promoted takes it over as it is loaded', async () => {
    const count = countSessions();
    const inference = await openWithModels();
    await startTrial(workspace, 'food', 'second', 1);
    await inference.refresh();
    expect(count()).toBe(2);
    await rm(modelFiles(workspace, 'food', 'second').onnx); // it could not be loaded again
    await promote(workspace, 'food', 'second', 'test');
    await inference.refresh();
    expect(inference.state()).toMatchObject({ run: 'second' });
    expect(inference.state().problem).toBeUndefined();
    expect(count()).toBe(1);
  });
});

it('2,000 predictions, with and without maps, leave memory as it was', async () => {
  const inference = await openWithModels();
  const predictMany = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done += 50)
      await Promise.all(Array.from({ length: 50 }, (_, index) => inference.predict(pictures[index]!, { withMap: index % 10 === 0 })));
  };
  await predictMany(500);
  const before = process.memoryUsage.rss();
  await predictMany(2000);
  expect((process.memoryUsage.rss() - before) / 1e6).toBeLessThan(80);
});
