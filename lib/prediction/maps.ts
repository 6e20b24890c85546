import type { HeadLayer } from '../models';

/** Where a model looked: one grid for each class, in the card's order, over the whole picture. */
export interface ActivationMap {
  readonly rows: number;
  readonly columns: number;
  /** Row-major; how much each place speaks for the class, from 0 to 1 at the place that does most. All 0 where none does. */
  readonly maps: readonly Float32Array[];
}

/**
 * Class activation maps (Zhou et al. 2016, arXiv:1512.04150) of one picture. Where the head has several dense layers, a channel's weight is the
 * gradient of the class' logit with respect to its average, at this picture: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391), which for
 * a single dense layer is the same.
 *
 * @param layers from the averages to the logits
 * @param features shape [channels, rows, columns]; pictures are squares, and so are their grids
 */
export function activationMap(layers: readonly HeadLayer[], features: Float32Array): ActivationMap {
  const grids = contributions(layers, features);
  const side = Math.sqrt(grids[0]!.length);
  return { rows: side, columns: side, maps: grids.map(positivePart) };
}

/**
 * What each place adds to each class' logit, as the gradient has it: for a head of one dense layer, a grid's mean plus the bias is the logit.
 *
 * @returns a grid [rows, columns] for each class
 */
export function contributions(layers: readonly HeadLayer[], features: Float32Array): Float32Array[] {
  const channels = widthOf(layers);
  const positions = features.length / channels;
  const averages = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    for (let position = 0; position < positions; position++) sum += features[channel * positions + position]!;
    averages[channel] = sum / positions;
  }
  return gradients(layers, averages).map((weights) => {
    const grid = new Float32Array(positions);
    for (let channel = 0; channel < channels; channel++)
      for (let position = 0; position < positions; position++)
        grid[position]! += weights[channel]! * features[channel * positions + position]!;
    return grid;
  });
}

/** How many features a head takes. */
function widthOf(layers: readonly HeadLayer[]): number {
  for (const layer of layers) if (layer.op === 'dense') return layer.kernel.length / layer.bias.length;
  throw new RangeError('a head has at least one dense layer');
}

/**
 * The gradient of each class' logit with respect to the head's inputs, by backpropagation.
 *
 * @param inputs shape [features]
 * @returns for each class, shape [features]
 */
export function gradients(layers: readonly HeadLayer[], inputs: Float32Array): Float32Array[] {
  const reached: Float32Array[] = [];
  let values = inputs;
  for (const layer of layers) {
    reached.push(values);
    values = forward(layer, values);
  }
  return Array.from(values, (_, index) => {
    const logit = Float32Array.from(values, (__, other) => Number(other === index));
    return layers.reduceRight<Float32Array>((gradient, layer, depth) => backward(layer, reached[depth]!, gradient), logit);
  });
}

function forward(layer: HeadLayer, inputs: Float32Array): Float32Array {
  if (layer.op === 'clip') return inputs.map((value) => Math.min(Math.max(value, layer.low), layer.high));
  const { kernel, bias } = layer;
  const outputs = Float32Array.from(bias);
  for (let input = 0; input < inputs.length; input++)
    for (let output = 0; output < outputs.length; output++) outputs[output]! += inputs[input]! * kernel[input * outputs.length + output]!;
  return outputs;
}

function backward(layer: HeadLayer, inputs: Float32Array, gradient: Float32Array): Float32Array {
  if (layer.op === 'clip') return gradient.map((value, index) => (inputs[index]! > layer.low && inputs[index]! < layer.high ? value : 0));
  const { kernel } = layer;
  const before = new Float32Array(inputs.length);
  for (let input = 0; input < before.length; input++)
    for (let output = 0; output < gradient.length; output++)
      before[input]! += gradient[output]! * kernel[input * gradient.length + output]!;
  return before;
}

function positivePart(grid: Float32Array): Float32Array {
  const highest = grid.reduce((most, value) => Math.max(most, value), 0);
  return grid.map((value) => (highest > 0 ? Math.max(value, 0) / highest : 0));
}
