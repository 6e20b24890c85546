import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import { type BackboneDesign, buildBackbone } from './backbones';
import type { SavedModel } from './card';
import { assignWeights, readKerasWeights } from './kerasWeights';

/** What a classifier is made of. A task has all of this. */
export interface ClassifierDesign {
  readonly backbone: BackboneDesign;
  readonly imageSize: number;
  readonly classes: readonly { readonly name: string }[];
  readonly dropout: number;
}

/** A backbone with a head on it, and the same backbone alone. Both share their layers, so their weights are the same. */
export interface Classifier {
  readonly model: LayersModel;
  readonly backbone: LayersModel;
  readonly design: ClassifierDesign;
}

/**
 * Backbone, global average pooling, dropout, dense sigmoid: [batch, size, size, 3], preprocessed as the backbone wants it, to probabilities [batch, classes].
 * The head's weights are drawn from `seed` (Glorot and Bengio 2010, as Keras does).
 *
 * The caller disposes `model`.
 */
export function buildClassifier(tf: TensorFlowModule, design: ClassifierDesign, seed: number): Classifier {
  const backbone = buildBackbone(tf, design.backbone, { imageSize: design.imageSize });
  const pooled = tf.layers.globalAveragePooling2d({ name: 'global_average_pooling2d' }).apply(backbone.outputs) as SymbolicTensor;
  const dropped = tf.layers.dropout({ rate: design.dropout, name: 'dropout' }).apply(pooled) as SymbolicTensor;
  const kernelInitializer = tf.initializers.glorotUniform({ seed });
  const dense = tf.layers.dense({ units: design.classes.length, activation: 'sigmoid', kernelInitializer, name: 'dense' });
  const model = tf.model({ inputs: backbone.inputs, outputs: dense.apply(dropped) as SymbolicTensor, name: 'classifier' });
  return { model, backbone, design };
}

/** Names of the layers that learn when the backbone's last `count` layers, counted in Keras' order, and the head are free. */
export function trainableLayers({ model, backbone }: Classifier, count: number): Set<string> {
  const inBackbone = new Set(backbone.layers.map((layer) => layer.name));
  const head = model.layers.filter((layer) => !inBackbone.has(layer.name));
  const tail = count === 0 ? [] : backbone.layers.slice(-count);
  return new Set([...tail, ...head].map((layer) => layer.name));
}

/**
 * A saved classifier, ready to be trained on.
 *
 * @throws WEIGHTS_UNREADABLE, WEIGHTS_MISMATCH
 */
export async function loadClassifier(tf: TensorFlowModule, { card, keras }: SavedModel): Promise<Classifier> {
  // Notebooks are compiled without `strict`, where zod's types lose which fields are required.
  const backbone = card.backbone as BackboneDesign;
  const design = { ...card, backbone, classes: card.classes.map((name) => ({ name })) };
  const classifier = buildClassifier(tf, design, 0);
  assignWeights(tf, classifier.model, await readKerasWeights(keras), keras);
  return classifier;
}
