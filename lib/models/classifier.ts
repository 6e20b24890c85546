import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import type { TensorFlowModule } from '../engine';
import { type BackboneDesign, buildBackbone } from './backbones';
import type { SavedModel } from './card';
import { assignWeights, readKerasWeights } from './kerasWeights';

/** What a classifier is made of. A task and its settings have all of this. */
export interface ClassifierDesign {
  readonly backbone: BackboneDesign;
  readonly imageSize: number;
  readonly classes: readonly { readonly name: string }[];
  /** Whether a picture may show several classes (sigmoid), which is the default, or shows exactly one (softmax). */
  readonly kind?: 'multilabel' | 'multiclass';
  /** Of the pooled features. */
  readonly dropout: number;
  /** Dense layers with ReLU before the last layer, each with the dropout that follows it; 0 makes no layer. None by default. */
  readonly hiddenLayers?: readonly { readonly units: number; readonly dropout: number }[];
}

/** A backbone with a head on it, and the same backbone alone. Both share their layers, so their weights are the same. */
export interface Classifier {
  readonly model: LayersModel;
  readonly backbone: LayersModel;
  readonly design: ClassifierDesign;
}

/**
 * Backbone, global average pooling, dropout, hidden layers, dense sigmoid or softmax: [batch, size, size, 3], preprocessed as the backbone wants it, to
 * probabilities [batch, classes]. The head's layers have the names that Keras counts up: `dropout`, `dense`, `dropout_1`, `dense_1` and so on. Its weights
 * are drawn from `seed` (Glorot and Bengio 2010, as Keras does).
 *
 * The caller disposes `model`.
 */
export function buildClassifier(tf: TensorFlowModule, design: ClassifierDesign, seed: number): Classifier {
  const backbone = buildBackbone(tf, design.backbone, { imageSize: design.imageSize });
  const pooled = tf.layers.globalAveragePooling2d({ name: 'global_average_pooling2d' }).apply(backbone.outputs) as SymbolicTensor;
  const { hiddenLayers = [], classes, kind = 'multilabel' } = design;
  const dropouts = countedNames('dropout');
  const denses = countedNames('dense');
  const drop = (rate: number, x: SymbolicTensor): SymbolicTensor =>
    tf.layers.dropout({ rate, name: dropouts() }).apply(x) as SymbolicTensor;
  const connect = (units: number, activation: 'relu' | 'sigmoid' | 'softmax', x: SymbolicTensor, index: number): SymbolicTensor => {
    const kernelInitializer = tf.initializers.glorotUniform({ seed: seed + index });
    return tf.layers.dense({ units, activation, kernelInitializer, name: denses() }).apply(x) as SymbolicTensor;
  };
  let x = drop(design.dropout, pooled);
  for (const [index, { units, dropout }] of hiddenLayers.entries()) {
    x = connect(units, 'relu', x, index);
    if (dropout > 0) x = drop(dropout, x);
  }
  const outputs = connect(classes.length, kind === 'multiclass' ? 'softmax' : 'sigmoid', x, hiddenLayers.length);
  return { model: tf.model({ inputs: backbone.inputs, outputs, name: 'classifier' }), backbone, design };
}

/** Names as Keras gives them to layers of one kind: `dense`, `dense_1`, `dense_2`. */
function countedNames(kind: string): () => string {
  let count = 0;
  return () => (count++ === 0 ? kind : `${kind}_${count - 1}`);
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
  const hiddenLayers = card.hiddenLayers as ClassifierDesign['hiddenLayers'];
  const design = { ...card, backbone, ...(hiddenLayers && { hiddenLayers }), classes: card.classes.map((name) => ({ name })) };
  const classifier = buildClassifier(tf, design, 0);
  assignWeights(tf, classifier.model, await readKerasWeights(keras), keras);
  return classifier;
}
