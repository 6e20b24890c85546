import type { layers, Tensor } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import type { WeightArray } from './kerasWeights';

/**
 * Keras' `Normalization` over the last axis, which TensorFlow.js lacks: (x − mean) / √variance. Its weights are those of Keras' layer: mean and variance
 * [channels], and the count of numbers that they were taken of; none of them learns.
 */
export function normalization(tf: TensorFlowModule, name: string): layers.Layer {
  class Normalization extends tf.layers.Layer {
    static readonly className = 'Normalization';

    override build(shape: (number | null)[]): void {
      const channels = shape.at(-1)!;
      this.addWeight('mean', [channels], 'float32', tf.initializers.zeros(), undefined, false);
      this.addWeight('variance', [channels], 'float32', tf.initializers.ones(), undefined, false);
      this.addWeight('count', [], 'float32', tf.initializers.zeros(), undefined, false);
      super.build(shape);
    }

    override call(inputs: Tensor | Tensor[]): Tensor {
      return tf.tidy(() => {
        const [mean, variance] = this.weights.map((weight) => weight.read());
        return (Array.isArray(inputs) ? inputs[0]! : inputs).sub(mean!).div(variance!.sqrt());
      });
    }
  }
  return new Normalization({ name });
}

/** Standard deviations of ImageNet's pixels, red, green and blue in [0, 1]. */
const imageNetDeviation = [0.229, 0.224, 0.225];

/**
 * Mean, variance and count of a normalisation, with the variance put right where it is ImageNet's standard deviation: so it stands in Google's weights of
 * EfficientNet, and Keras, built with `weights='imagenet'`, divides by √deviation once more in a rescaling layer without weights (tensorflow/tensorflow
 * issue 49930). Our model has no such layer, so its variance is deviation².
 */
export function withTrueVariance(arrays: readonly WeightArray[]): readonly WeightArray[] {
  const [mean, variance, ...rest] = arrays;
  const isDeviation =
    variance?.values.length === 3 && imageNetDeviation.every((value, channel) => Math.abs(variance.values[channel]! - value) < 1e-4);
  return isDeviation ? [mean!, { ...variance, values: variance.values.map((value) => value * value) }, ...rest] : arrays;
}
