import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openOnnx } from '../lib/engine';
import { readHead, withOutput } from '../lib/models';
import { type ActivationMap, mapOverlay, openPredictor } from '../lib/prediction';
import { activationMap, contributions, gradients } from '../lib/prediction/maps';
import { Random } from '../lib/random';
import type { Workspace } from '../lib/workspace';
import { blobs, temporaryWorkspace } from './data.fixtures';
import { randomPixels, relativeError } from './models.fixtures';
import { foodClasses, foodModel, galaxyClasses, galaxyHead, galaxyModel, saveRun } from './served.fixture';

let workspace: Workspace;
let foodOnnx: Uint8Array;
let galaxyOnnx: Uint8Array;

beforeAll(async () => {
  workspace = temporaryWorkspace();
  foodOnnx = await foodModel(1);
  galaxyOnnx = await galaxyModel(2);
  await saveRun(workspace, 'food', 'one', foodOnnx);
  await saveRun(workspace, 'galaxy', 'two', galaxyOnnx);
});

/** Runs a model on random pixels: its probabilities, and what its head averages. */
async function run(bytes: Uint8Array, seed: string): Promise<{ probabilities: Float32Array; features: Float32Array }> {
  const { features } = readHead(bytes);
  const model = await openOnnx(withOutput(bytes, features));
  const outputs = await model.run({ image: { data: randomPixels(1, 64, seed), shape: [1, 64, 64, 3] } });
  await model.release();
  return { probabilities: outputs.probabilities as Float32Array, features: outputs[features] as Float32Array };
}

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('an activation map', () => {
  it.each(['a', 'b', 'c'])('of a single dense layer adds up to the logit (picture %s)', async (seed) => {
    const { layers } = readHead(foodOnnx);
    const { probabilities, features } = await run(foodOnnx, seed);
    const [dense] = layers;
    expect(layers).toHaveLength(1);
    const grids = contributions(layers, features);
    expect(grids.map(({ length }) => length)).toEqual([4, 4, 4]);
    for (const [index, grid] of grids.entries()) {
      const logit = mean(grid) + (dense as { bias: Float32Array }).bias[index]!;
      expect(Math.abs(1 / (1 + Math.exp(-logit)) - probabilities[index]!)).toBeLessThan(1e-4);
      if (probabilities[index]! > 1e-3 && probabilities[index]! < 0.999) {
        const measured = Math.log(probabilities[index]! / (1 - probabilities[index]!));
        expect(Math.abs(logit - measured)).toBeLessThan(1e-3);
      }
    }
  });

  it('of several dense layers follows the gradient, as differences of the head in ONNX Runtime have it', async () => {
    const { layers } = readHead(galaxyOnnx);
    const channels = (layers[0] as { kernel: Float32Array }).kernel.length / (layers[0] as { bias: Float32Array }).bias.length;
    const random = new Random('averages');
    const averages = Float32Array.from({ length: channels }, () => Math.abs(random.normal()));
    const head = await openOnnx(galaxyHead(channels, 2));
    const step = 2e-3;
    const probed = Array.from({ length: 40 }, () => random.integer(channels));
    const moved = probed.flatMap((channel) =>
      [step, -step].map((by) => averages.map((value, index) => (index === channel ? value + by : value))),
    );
    const data = Float32Array.from(moved.flatMap((row) => [...row]));
    const { logits } = await head.run({ averages: { data, shape: [moved.length, channels] } });
    await head.release();
    const found = gradients(layers, averages);
    expect(found).toHaveLength(galaxyClasses.length);
    for (const [index, gradient] of found.entries()) {
      const difference = probed.map((_, probe) => {
        const at = (row: number): number => logits![row * galaxyClasses.length + index]!;
        return (at(2 * probe) - at(2 * probe + 1)) / (2 * step);
      });
      const expected = probed.map((channel) => gradient[channel]!);
      expect(relativeError(expected, difference)).toBeLessThan(0.02);
    }
  });

  it('has its 1 where a class gains most, and is 0 where it loses', () => {
    const layers = [{ op: 'dense', kernel: Float32Array.of(2, -1), bias: Float32Array.of(0, 5) }] as const;
    const { rows, columns, maps } = activationMap(layers, Float32Array.of(0, 3, 1.5, -1));
    expect({ rows, columns }).toEqual({ rows: 2, columns: 2 });
    expect(maps.map((map) => [...map])).toEqual([
      [0, 1, 0.5, 0],
      [0, 0, 0, 1],
    ]);
  });

  it('is 0 all over where nothing speaks for a class', () => {
    const layers = [{ op: 'dense', kernel: Float32Array.of(-1), bias: Float32Array.of(9) }] as const;
    expect([...activationMap(layers, Float32Array.of(1, 2, 3, 4)).maps[0]!]).toEqual([0, 0, 0, 0]);
  });
});

describe('a predictor with maps', () => {
  it.each([
    ['food', foodClasses],
    ['galaxy', galaxyClasses],
  ])('says of a picture what it says without them (%s), and gives a map a class', async (task, classes) => {
    const run = task === 'food' ? 'one' : 'two';
    const [plain, mapped] = await Promise.all([
      openPredictor(workspace, task, { run }),
      openPredictor(workspace, task, { run, withMaps: true }),
    ]);
    const picture = await blobs('lunch');
    const { map, ...prediction } = await mapped.predictWithMap(picture);
    const [expected] = await plain.predict([picture]);
    expect(await mapped.predict([picture])).toEqual([prediction]);
    expect(prediction.decision).toEqual(expected!.decision);
    expect(relativeError(prediction.probabilities, expected!.probabilities)).toBeLessThan(1e-5);
    expect(map.maps).toHaveLength(classes.length);
    for (const grid of map.maps) {
      expect(grid).toHaveLength(map.rows * map.columns);
      expect(grid.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
    await expect(plain.predictWithMap(picture)).rejects.toMatchObject({ code: 'NO_MAPS' });
    await Promise.all([plain.release(), mapped.release()]);
  });

  it('is refused for a quantised model', async () => {
    await expect(openPredictor(workspace, 'food', { run: 'one', variant: 'int8', withMaps: true })).rejects.toMatchObject({
      code: 'NO_MAPS',
      message: expect.stringContaining('float32'),
    });
  });

  it('is refused for a head that maps cannot be computed of, naming what is in the way', async () => {
    await saveRun(workspace, 'galaxy', 'strange', await galaxyModel(2, 'Tanh'));
    await expect(openPredictor(workspace, 'galaxy', { run: 'strange', withMaps: true })).rejects.toMatchObject({
      code: 'UNSUPPORTED_HEAD',
      message: expect.stringContaining('Tanh'),
    });
  });

  it.each<[string, (model: Uint8Array) => Uint8Array]>([
    ['is empty', () => new Uint8Array()],
    ['is cut off', (model) => model.subarray(0, model.length / 2)],
    ['is text', () => Buffer.from('not a model')],
  ])('names the file when it %s', async (_, damage) => {
    await saveRun(workspace, 'food', 'damaged', damage(foodOnnx));
    const refused = openPredictor(workspace, 'food', { run: 'damaged', withMaps: true });
    await expect(refused).rejects.toMatchObject({ code: 'BAD_ONNX_MODEL', message: expect.stringContaining('damaged/model.onnx') });
  });
});

describe('a map over a picture', () => {
  const corner: ActivationMap = { rows: 2, columns: 2, maps: [Float32Array.of(1, 0, 0, 0), new Float32Array(4)] };

  async function pixelsOf(webp: Uint8Array): Promise<{ at: (x: number, y: number) => number[]; width: number; height: number }> {
    const { data, info } = await sharp(webp).raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number): number[] => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    return { at, width: info.width, height: info.height };
  }
  const grey = (width: number, height: number): Sharp => sharp({ create: { width, height, channels: 3, background: '#808080' } });

  it('is bright where the class is, and leaves the rest as it was', async () => {
    const overlay = await mapOverlay(await grey(200, 100).png().toBuffer(), corner, { classIndex: 0 });
    const { at, width, height } = await pixelsOf(overlay);
    expect({ width, height }).toEqual({ width: 200, height: 100 });
    expect(Math.min(...at(5, 5))).toBeGreaterThan(140);
    for (const value of at(195, 95)) expect(Math.abs(value - 128)).toBeLessThan(6);
    const [red, , blue] = at(100, 25); // half as strong, where inferno is red
    expect(red! - blue!).toBeGreaterThan(30);
  });

  it('is the picture alone where a class is nowhere', async () => {
    const { at } = await pixelsOf(await mapOverlay(await grey(64, 64).jpeg().toBuffer(), corner, { classIndex: 1 }));
    for (const place of [0, 32, 63]) for (const value of at(place, place)) expect(Math.abs(value - 128)).toBeLessThan(6);
  });

  it('has no colour of its own', async () => {
    const orange = sharp({ create: { width: 64, height: 64, channels: 3, background: '#f80' } });
    const { at } = await pixelsOf(await mapOverlay(await orange.png().toBuffer(), corner, { classIndex: 1 }));
    const [red, green, blue] = at(32, 32);
    expect(Math.max(red!, green!, blue!) - Math.min(red!, green!, blue!)).toBeLessThan(8);
  });

  it('fits into the size asked for, turned as the camera was held, and never larger than the picture', async () => {
    const turned = await grey(800, 400).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await pixelsOf(await mapOverlay(turned, corner, { classIndex: 0, size: 320 }))).toMatchObject({ width: 160, height: 320 });
    const small = await grey(30, 20).png().toBuffer();
    expect(await pixelsOf(await mapOverlay(small, corner, { classIndex: 0 }))).toMatchObject({ width: 30, height: 20 });
  });

  it('takes a file as well as its content, and refuses what is no picture', async () => {
    await saveRun(workspace, 'food', 'text', foodOnnx);
    const file = `${workspace.model('food', 'text')}/card.json`;
    await expect(mapOverlay(file, corner, { classIndex: 0 })).rejects.toMatchObject({ code: 'UNREADABLE_PICTURE' });
    await expect(mapOverlay(await readFile(file), corner, { classIndex: 0 })).rejects.toMatchObject({ code: 'UNREADABLE_PICTURE' });
  });
});
