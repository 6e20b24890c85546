import type { TensorFlowModule } from '../lib/engine';
import { type BackboneDesign, buildClassifier, type Classifier } from '../lib/models';
import { Random } from '../lib/random';
import { food } from '../lib/tasks';

/** A design like the food task's, small enough for tests. */
export const smallDesign = {
  backbone: { name: 'mobilenet_v2', alpha: 0.35 },
  imageSize: 64,
  classes: food.classes,
  dropout: 0.2,
} as const;

/** The backbones at their smallest. */
export const backbones: readonly BackboneDesign[] = [
  { name: 'mobilenet_v2', alpha: 0.35 },
  { name: 'efficientnet_b0' },
  { name: 'efficientnet_lite0' },
];

/** Limits of gamma, beta, mean and variance. */
const batchNormalisation = [
  [0.6, 1.4],
  [-0.3, 0.3],
  [-0.2, 0.2],
  [0.5, 1.5],
] as const;

/** Limits of mean, variance and count. */
const normalisation = [
  [0.3, 0.6],
  [0.05, 0.1],
  [1, 1],
] as const;

/** A classifier whose every weight is random, batch normalisation included, so that no mistake cancels out. */
export function randomClassifier(tf: TensorFlowModule, seed = 1, backbone: BackboneDesign = smallDesign.backbone): Classifier {
  const classifier = buildClassifier(tf, { ...smallDesign, backbone }, seed);
  const random = new Random(`weights ${seed}`);
  const limits: Record<string, readonly (readonly [number, number])[]> = {
    BatchNormalization: batchNormalisation,
    Normalization: normalisation,
  };
  tf.tidy(() => {
    for (const layer of classifier.model.layers) {
      const own = limits[layer.getClassName()];
      layer.setWeights(
        layer.weights.map(({ shape }, index) => {
          const sides = shape as number[];
          const size = sides.reduce((product, side) => product * side, 1);
          const deviation = Math.sqrt(2 / (size / (sides.at(-1) ?? 1)));
          const draw = (): number => (own ? random.uniform(...own[index]!) : deviation * random.normal());
          return tf.tensor(Float32Array.from({ length: size }, draw), sides);
        }),
      );
    }
  });
  return classifier;
}

/** Random pixels: shape [count, size, size, 3]. */
export function randomPixels(count: number, size: number, seed = 'pixels'): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length: count * size * size * 3 }, () => random.integer(256));
}

/** The largest difference between two lists of numbers, relative to the largest of them. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = (values: ArrayLike<number>): number => Array.from(values).reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  return largest(Array.from(expected, (value, index) => value - actual[index]!)) / largest(expected);
}
