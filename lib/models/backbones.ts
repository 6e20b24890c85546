import type { LayersModel } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import { efficientnetB0, efficientnetLite0 } from './efficientnet';
import { mobilenetV2 } from './mobilenetV2';
import type { Preprocessing } from './onnx';

/** Which backbone, with what decides its shapes. */
export type BackboneDesign =
  | { readonly name: 'mobilenet_v2'; readonly alpha: number }
  | { readonly name: 'efficientnet_b0' }
  | { readonly name: 'efficientnet_lite0' };

export type BackboneName = BackboneDesign['name'];

/** How each backbone wants its pixels: Keras' `preprocess_input`, and for EfficientNet-Lite0 the (x - 127) / 128 of its authors. */
export const preprocessings: Readonly<Record<BackboneName, Preprocessing>> = {
  mobilenet_v2: { name: 'x / 127.5 - 1', divisor: 127.5, subtrahend: 1 },
  efficientnet_b0: { name: 'x', divisor: 1, subtrahend: 0 },
  efficientnet_lite0: { name: 'x / 128 - 127 / 128', divisor: 128, subtrahend: 127 / 128 },
};

/** What a backbone is built with, in the words of `keras.applications`. */
export interface BackboneOptions {
  /** Side of the square input, in pixels. */
  readonly imageSize: number;
  /** Adds global average pooling and the ImageNet classifier `predictions`. */
  readonly includeTop?: boolean;
  /** Classes of that classifier: 1000 by default. */
  readonly classes?: number;
}

/** A backbone as a `tf.layers` model with random weights, which reads pixels preprocessed as `preprocessings` says. */
export function buildBackbone(tf: TensorFlowModule, design: BackboneDesign, options: BackboneOptions): LayersModel {
  switch (design.name) {
    case 'mobilenet_v2':
      return mobilenetV2(tf, { ...options, alpha: design.alpha });
    case 'efficientnet_b0':
      return efficientnetB0(tf, options);
    case 'efficientnet_lite0':
      return efficientnetLite0(tf, options);
  }
}
