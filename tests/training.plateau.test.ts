import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../lib/random';
import { reduceOnPlateau } from '../lib/training/plateau';
import { openWorkspace } from '../lib/workspace';

const { python } = openWorkspace();

/** Feeds losses to Keras' own callback and prints the learning rate after each. */
const oracle = `
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
given = json.load(sys.stdin)
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(given["initial"]), "mse")
callback = keras.callbacks.ReduceLROnPlateau(factor=given["factor"], patience=given["patience"], min_lr=given["minLearningRate"])
callback.set_model(model)
callback.on_train_begin()
rates = []
for epoch, loss in enumerate(given["losses"]):
    callback.on_epoch_end(epoch, {"val_loss": loss})
    rates.append(float(model.optimizer.learning_rate))
print(json.dumps(rates))
`;

describe('the learning rate on a plateau', () => {
  it('stays while the loss falls, and then falls by the factor after each wait, but never below the least', () => {
    const next = reduceOnPlateau({ factor: 0.5, patience: 2, minLearningRate: 2e-4 }, 1e-3);
    expect([1, 0.9, 0.8, 0.85, 0.81, 0.8, 0.8, 0.8, 0.8, 0.5, 0.6].map(next)).toEqual([
      1e-3, 1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4, 2.5e-4, 2e-4, 2e-4, 2e-4,
    ]);
  });

  it('is not raised to the least where it begins below it', () => {
    const next = reduceOnPlateau({ factor: 0.5, patience: 1, minLearningRate: 1e-4 }, 1e-5);
    expect([1, 1, 1].map(next)).toEqual([1e-5, 1e-5, 1e-5]);
  });

  it.skipIf(!existsSync(python))(
    'is that of Keras, epoch by epoch',
    () => {
      const random = new Random('losses');
      const settings = { factor: 0.5, patience: 3, minLearningRate: 1e-7 };
      const initial = 1e-5;
      // Falling, in smaller and smaller steps, some too small to count, with noise.
      const losses = Array.from({ length: 60 }, (_, epoch) => 1 / (1 + epoch) ** 2 + 2e-4 * random.normal());
      const { stdout, stderr, status } = spawnSync(python, ['-c', oracle], {
        input: JSON.stringify({ ...settings, initial, losses }),
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      const keras = JSON.parse(stdout.trim().split('\n').at(-1)!) as number[];
      const ours = losses.map(reduceOnPlateau(settings, initial));
      expect(new Set(keras).size).toBeGreaterThan(4);
      for (const [epoch, rate] of keras.entries()) expect(Math.abs(ours[epoch]! / rate - 1), `epoch ${epoch + 1}`).toBeLessThan(1e-6);
    },
    60_000,
  );
});
