import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, type TensorFlowEngine } from '../lib/engine';
import { judgePredictions } from '../lib/metrics';
import { cutGraph, foldAffine, type Graph, graphOf, parametersOf, tensorShapes, trainableLayers } from '../lib/models';
import { Random } from '../lib/random';
import type { Activations } from '../lib/training';
import { type EpochResult, predictExamples, type TrainingRequest, trainTail } from '../lib/training/trainer';
import { temporaryFolder } from './data.fixtures';
import { randomClassifier } from './models.fixtures';

/** Activations made up in memory: the labels can be told from the features. */
function madeUp(inputs: Graph['inputs'], labels: readonly number[][]): Activations {
  const random = new Random('features');
  const rows = labels.map((label) =>
    inputs.map(({ shape }) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return Float32Array.from({ length: size }, (_, index) => random.normal() + 2 * label[index % label.length]!);
    }),
  );
  const read = (name: string, indices: readonly number[]): Float32Array => {
    const position = inputs.findIndex((input) => input.name === name);
    return Float32Array.from(indices.flatMap((index) => Array.from(rows[index]![position]!)));
  };
  return { read } as unknown as Activations;
}

describe('the trainer', () => {
  let engine: TensorFlowEngine;
  const labels = Array.from({ length: 48 }, (_, index) => [index & 1, (index >> 1) & 1, (index >> 2) & 1]);

  beforeAll(async () => {
    engine = await loadTensorFlow();
  });

  function request(trainable: number, changes: Partial<TrainingRequest> = {}): TrainingRequest {
    const classifier = randomClassifier(engine.tf);
    const graph = foldAffine(graphOf(classifier.model, trainableLayers(classifier, trainable)));
    const { tail } = cutGraph(graph, tensorShapes(graph));
    const rows = [...labels.keys()];
    const examples = (part: readonly number[]): TrainingRequest['train'] => ({
      rows: part,
      labels: Uint8Array.from(part.flatMap((row) => labels[row]!)),
    });
    return {
      engine,
      tail,
      activations: madeUp(tail.inputs, labels),
      classes: ['a', 'b', 'c'],
      train: examples(rows.slice(0, 32)),
      validation: examples(rows.slice(32)),
      stage: { name: 'test', learningRate: 1e-2, epochs: 4 },
      batchSize: 8,
      judging: { threshold: 0.5, negativeWeight: 4 },
      patience: 10,
      random: new Random(1),
      ...changes,
    };
  }
  const parameters = (graph: Graph): Float32Array[] => graph.nodes.flatMap(parametersOf).map(({ values }) => values);

  it.each([0, 15, 30])('learns with the last %i layers of the backbone free, and leaves no tensor behind', async (trainable) => {
    const training = request(trainable, { stage: { name: 'test', learningRate: trainable ? 1e-3 : 1e-2, epochs: 6 } });
    const before = engine.tf.memory().numTensors;
    const epochs: EpochResult[] = [];
    const result = await trainTail({ ...training, onEpoch: async (epoch) => void epochs.push(epoch) });
    expect(engine.tf.memory().numTensors).toBe(before);
    expect(epochs.length).toBe(6);
    expect(epochs.at(-1)!.train.loss).toBeLessThan(0.6 * epochs[0]!.train.loss);
    const best = judgePredictions(await predictExamples({ ...training, tail: result.tail }, training.validation), training.judging);
    expect(best.loss).toBeCloseTo(Math.min(...epochs.map(({ validation }) => validation.loss)), 5);
    expect(result.bestEpoch).toBe(epochs.findIndex(({ validation }) => Math.abs(validation.loss - best.loss) < 1e-5) + 1);
  });

  it('gives the same numbers for the same seed, and others for another', async () => {
    const train = async (seed: number): Promise<Float32Array[]> =>
      parameters((await trainTail(request(15, { random: new Random(seed) }))).tail);
    const first = await train(1);
    expect(await train(1)).toEqual(first);
    expect(await train(2)).not.toEqual(first);
  });

  it('computes an example that stands there several times once, and gives it each time', async () => {
    const { activations, ...training } = request(15);
    const read: number[] = [];
    const watched = {
      read(name: string, rows: readonly number[]) {
        read.push(...rows);
        return activations.read(name, rows);
      },
    };
    const rows = [3, 5, 3, 40, 5, 3];
    const seen = await predictExamples(
      { ...training, activations: watched as unknown as Activations },
      { rows, labels: new Uint8Array(18) },
    );
    expect(read.slice(0, 3)).toEqual([3, 5, 40]);
    expect(read.length).toBe(3 * training.tail.inputs.length);
    const alone = await predictExamples({ ...training, activations }, { rows: [3, 5, 40], labels: new Uint8Array(9) });
    const row = (from: Float32Array, index: number): number[] => Array.from(from.subarray(3 * index, 3 * index + 3));
    expect(rows.map((_, index) => row(seen.probabilities, index))).toEqual(
      rows.map((one) => row(alone.probabilities, [3, 5, 40].indexOf(one))),
    );
  });

  it('changes what learns and nothing else', async () => {
    const training = request(15);
    const { tail } = await trainTail(training);
    training.tail.nodes.forEach((node, index) => {
      const [before, after] = [parametersOf(node), parametersOf(tail.nodes[index]!)];
      before.forEach(({ name, values }, position) => {
        const same = values.every((value, at) => value === after[position]!.values[at]);
        expect([name, same]).toEqual([name, !node.trainable]);
      });
    });
  });

  it('stops when the validation loss has not fallen for so many epochs, and keeps the best weights', async () => {
    const epochs: EpochResult[] = [];
    // Labels turned round: the better it learns, the worse validation gets.
    const training = request(0);
    const turned = { ...training.validation, labels: training.validation.labels.map((label) => 1 - label) };
    const result = await trainTail({
      ...training,
      validation: turned,
      patience: 2,
      stage: { name: 'test', learningRate: 1e-2, epochs: 9 },
      onEpoch: async (epoch) => void epochs.push(epoch),
    });
    expect(result.bestEpoch).toBe(1);
    expect(epochs.length).toBe(3);
  });

  it('trains all epochs and keeps the last weights without patience', async () => {
    const training = request(0, { patience: null, stage: { name: 'test', learningRate: 1e-2, epochs: 4 } });
    const turned = { ...training.validation, labels: training.validation.labels.map((label) => 1 - label) };
    const losses: number[] = [];
    const result = await trainTail({
      ...training,
      validation: turned,
      onEpoch: async ({ validation }) => void losses.push(validation.loss),
    });
    expect([result.bestEpoch, losses.length]).toEqual([4, 4]);
    expect(losses.at(-1)).toBeGreaterThan(losses[0]!);
    const kept = judgePredictions(await predictExamples({ ...training, tail: result.tail }, turned), training.judging);
    expect(kept.loss).toBeCloseTo(losses.at(-1)!, 5);
  });

  it('stops within an epoch when it is told to, with the best so far', async () => {
    const controller = new AbortController();
    const saved: Graph[] = [];
    const result = await trainTail({
      ...request(0),
      signal: controller.signal,
      onEpoch: async ({ epoch }, best) => {
        if (best) saved.push(best);
        if (epoch === 2) controller.abort();
      },
    });
    expect(result.interrupted).toBe(true);
    expect(result.tail).toBe(saved.at(-1));
  });

  it('has nothing to give when it is stopped before the first epoch ends', async () => {
    await expect(trainTail({ ...request(0), signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  it('says so when the loss is no number any more', async () => {
    const training = request(0);
    const read = (): Float32Array => new Float32Array(8 * 1280).fill(Number.NaN);
    await expect(trainTail({ ...training, activations: { read } as unknown as Activations })).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
    });
  });

  it('counts pictures of no class by their weight', async () => {
    const training = request(0, { stage: { name: 'test', learningRate: 1e-9, epochs: 1 } });
    const lossWith = async (negativeWeight: number): Promise<number> => {
      let loss = 0;
      const onEpoch = async (epoch: EpochResult): Promise<void> => {
        loss = epoch.train.loss;
      };
      await trainTail({ ...training, random: new Random(1), judging: { threshold: 0.5, negativeWeight }, onEpoch });
      return loss;
    };
    const [plain, double, triple] = [await lossWith(1), await lossWith(2), await lossWith(3)];
    expect(triple - double).toBeCloseTo(double - plain, 4);
    expect(double).toBeGreaterThan(plain);
  });

  it("takes TensorFlow's own gradient of ReLU6, which is 1 between 0 and 6 and else 0", async () => {
    const { Tail } = await import('../lib/training/tail');
    const node = { op: 'relu6', name: 'relu', inputs: ['x'], trainable: false } as const;
    const tail = new Tail(engine, { inputs: [{ name: 'x', shape: [5] }], nodes: [node], output: 'relu' });
    const { tf } = engine;
    const gradient = tf.grad((x) => tail.logits(new Map([['x', x]])).sum())(tf.tensor2d([[-1, 0.5, 3, 5.9, 7]]));
    expect(Array.from(gradient.dataSync())).toEqual([0, 1, 1, 1, 0]);
    tail.dispose();
  });

  it('learns the same on WebAssembly, which has no gradient of a depthwise convolution', async () => {
    const folder = temporaryFolder();
    const script = path.join(folder, 'wasm.ts');
    const training = request(15, { random: new Random(3), stage: { name: 'test', learningRate: 1e-3, epochs: 2 } });
    const native: number[] = [];
    await trainTail({ ...training, onEpoch: async (epoch) => void native.push(epoch.train.loss, epoch.validation.loss) });
    const inputs = training.tail.inputs.map(({ name }) => [
      name,
      labels.map((_, row) => Array.from(training.activations.read(name, [row]))),
    ]);
    const { engine: _, activations: __, random: ___, ...plain } = training;
    writeFileSync(
      path.join(folder, 'request.json'),
      JSON.stringify({ plain, inputs }, (_key, value) => (ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value)),
    );
    writeFileSync(
      script,
      `import { readFileSync } from 'node:fs';
       import { loadTensorFlow } from ${JSON.stringify(path.resolve('lib/engine'))};
       import { Random } from ${JSON.stringify(path.resolve('lib/random'))};
       import { trainTail } from ${JSON.stringify(path.resolve('lib/training/trainer'))};
       const { plain, inputs } = JSON.parse(readFileSync(${JSON.stringify(path.join(folder, 'request.json'))}, 'utf8'));
       const stored = new Map(inputs);
       const activations = { read: (name, rows) => Float32Array.from(rows.flatMap((row) => stored.get(name)[row])) };
       for (const part of [plain.train, plain.validation]) part.labels = Uint8Array.from(part.labels);
       for (const node of plain.tail.nodes) for (const key of ['kernel', 'bias', 'scale', 'offset']) if (node[key]) node[key].values = Float32Array.from(node[key].values);
       loadTensorFlow().then(async (engine) => {
         const losses = [];
         const onEpoch = async (epoch) => void losses.push(epoch.train.loss, epoch.validation.loss);
         await trainTail({ ...plain, engine, activations, random: new Random(3), onEpoch });
         console.log(JSON.stringify({ backend: engine.backend, losses }));
         process.exit(0);
       });`,
    );
    const child = spawnSync(process.execPath, ['--import', 'tsx', script], {
      encoding: 'utf8',
      env: { ...process.env, VISIONBOOK_BACKEND: 'wasm' },
    });
    expect(child.stderr).not.toMatch(/Error/);
    const { backend, losses } = JSON.parse(child.stdout.trim().split('\n').at(-1)!);
    expect(backend).toBe('wasm');
    for (const [index, loss] of losses.entries()) expect(loss).toBeCloseTo(native[index]!, 3);
  });
});
