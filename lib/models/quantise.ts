import { onnx } from 'onnx-proto';
import { NoCalibration } from './errors';
import { halveTensors } from './float16';
import { constant, constantsOf, decodeOnnx, floatValues, integer, operator, scalar } from './onnxProto';
import { type Calibration, findRanges, findShifts } from './quantiseCalibrate';
import { biasesOf, type QuantisedKernel, quantiseKernels, type WeightBits } from './quantiseKernel';
import { type PixelInput, planQuantisation, type QuantisationPlan, quantisations } from './quantisePlan';
import type { Quantisation } from './quantiseRange';

/** How to quantise. */
export interface QuantiseOptions extends Calibration {
  /** 7 give the same answers on every processor; 8 are a little closer to float32 where the processor has VNNI. */
  readonly weightBits: WeightBits;
}

/**
 * A float32 model of `toOnnx` in 8 bits: convolutions with a scale for each output channel, sums, products, and all tensors between them. It is
 * written as QuantizeLinear and DequantizeLinear around the float32 operators ("QDQ"), which ONNX Runtime fuses into integer ones and any
 * other runtime can execute as it stands. What stays float32 (see `planQuantisation`) has its weights stored in float16.
 *
 * @throws BAD_ONNX_MODEL, NO_CALIBRATION
 */
export async function quantise(model: Uint8Array, options: QuantiseOptions): Promise<Uint8Array> {
  if (options.pictures.length === 0) throw NoCalibration();
  const proto = decodeOnnx(model);
  const graph = proto.graph!;
  graph.node = poolWhatStaysPicture(graph.node!);
  const plan = planQuantisation(graph);
  const quantisation = quantisations(plan, await findRanges(model, plan.tensors, options));
  const kernels = quantiseKernels(graph, plan, quantisation, options.weightBits);
  const shifts = await findShifts(model, kernels, options);
  const writer = new QuantisedGraph(graph, plan, quantisation, kernels, shifts);
  for (const node of graph.node!) writer.add(node);
  const used = new Set(writer.nodes.flatMap(({ input }) => input!));
  graph.node = writer.nodes;
  graph.initializer = [...graph.initializer!, ...writer.initializers].filter(({ name }) => used.has(name!));
  const weights = new Set(writer.nodes.flatMap(({ opType, input }) => (opType === 'Conv' || opType === 'Gemm' ? input![1]! : [])));
  halveTensors(graph, ({ name }) => weights.has(name!));
  return onnx.ModelProto.encode(proto).finish();
}

/** ReduceMean and Unsqueeze, by which squeeze-and-excitation begins, as the one operator for which ONNX Runtime has an 8-bit form. */
function poolWhatStaysPicture(nodes: readonly onnx.INodeProto[]): onnx.INodeProto[] {
  const averages = new Map(nodes.flatMap((node) => (node.opType === 'ReduceMean' ? [[node.output![0]!, node]] : [])));
  const pooled = nodes.map((node) => {
    const average = node.opType === 'Unsqueeze' ? averages.get(node.input![0]!) : undefined;
    return average ? operator('GlobalAveragePool', average.input!, node.output![0]!) : node;
  });
  const used = new Set(pooled.flatMap(({ input }) => input!));
  return pooled.filter(({ opType, output }) => opType !== 'ReduceMean' || used.has(output![0]!));
}

/** The quantised graph as it grows, node by node in the order of the float32 one. */
class QuantisedGraph {
  readonly nodes: onnx.INodeProto[] = [];
  readonly initializers: onnx.ITensorProto[] = [];
  private readonly constants: ReadonlyMap<string, onnx.ITensorProto>;
  private readonly dropped: ReadonlySet<string>;

  constructor(
    graph: onnx.IGraphProto,
    private readonly plan: QuantisationPlan,
    private readonly quantisation: ReadonlyMap<string, Quantisation>,
    private readonly kernels: ReadonlyMap<string, QuantisedKernel>,
    private readonly shifts: ReadonlyMap<string, Float32Array>,
  ) {
    this.constants = constantsOf(graph);
    this.dropped = new Set([...plan.absorbed.values(), ...(plan.pixels?.nodes ?? [])]);
  }

  add(node: onnx.INodeProto): void {
    const output = node.output![0]!;
    const { pixels } = this.plan;
    if (output === pixels?.tensor) this.addPixels(node, pixels);
    else if (this.dropped.has(output)) return;
    else if (this.kernels.has(output)) this.addConvolution(node);
    else {
      this.nodes.push({ ...node, input: node.input!.map((name) => this.readable(name)) });
      this.requantise(output, output);
    }
  }

  /** What reads a tensor in float32. */
  private readable(tensor: string): string {
    return this.quantisation.has(tensor) ? `${tensor}/dequantised` : tensor;
  }

  private addPixels(transpose: onnx.INodeProto, pixels: PixelInput): void {
    this.nodes.push({ ...transpose, input: ['image'], output: [`${pixels.tensor}/quantised`] });
    this.dequantise(pixels.tensor, pixels);
  }

  private addConvolution(node: onnx.INodeProto): void {
    const [input, weights] = node.input! as [string, string];
    const output = node.output![0]!;
    const kernel = this.constants.get(weights)!;
    const quantised = this.kernels.get(output)!;
    const channels = quantised.scales.length;
    const biases = this.biases(node, kernel);
    const { scale: inputScale } = this.quantisation.get(input)!;
    const biasScales = quantised.scales.map((scale) => scale * inputScale);
    this.initializers.push(
      constant(`${weights}/quantised`, kernel.dims!.map(Number), quantised.numbers),
      constant(`${weights}/scale`, [channels], quantised.scales),
      constant(`${weights}/zero_point`, [channels], new Int8Array(channels)),
      constant(
        `${output}/bias/quantised`,
        [channels],
        Int32Array.from(biases, (bias, channel) => Math.round(bias / biasScales[channel]!)),
      ),
      constant(`${output}/bias/scale`, [channels], biasScales),
    );
    const perOutput = [integer('axis', 0)];
    const quantisedKernel = [`${weights}/quantised`, `${weights}/scale`, `${weights}/zero_point`];
    const quantisedBias = [`${output}/bias/quantised`, `${output}/bias/scale`];
    this.nodes.push(
      operator('DequantizeLinear', quantisedKernel, `${weights}/dequantised`, perOutput),
      operator('DequantizeLinear', quantisedBias, `${output}/bias/dequantised`, perOutput),
      { ...node, input: [this.readable(input), `${weights}/dequantised`, `${output}/bias/dequantised`] },
    );
    this.requantise(output, this.plan.absorbed.get(output) ?? output);
  }

  /**
   * Biases of a convolution: its own, less what the rounding of its weights adds on average (Nagel et al. 2019, arXiv:1906.04721, section 4.2),
   * and with what the pixels' whole zero point leaves. (Where the first convolution reads padding, the latter is too much by a 500th of a weight.)
   */
  private biases(node: onnx.INodeProto, kernel: onnx.ITensorProto): Float32Array {
    const [input, , bias] = node.input! as [string, string, string | undefined];
    const shifts = this.shifts.get(node.output![0]!)!;
    const own = biasesOf(this.constants, bias, shifts.length);
    const corrected = own.map((value, channel) => value - shifts[channel]!);
    const { pixels } = this.plan;
    if (input !== pixels?.tensor) return corrected;
    const values = floatValues(kernel);
    const perChannel = values.length / shifts.length;
    for (const [index, value] of values.entries()) corrected[Math.floor(index / perChannel)]! += pixels.offset * value;
    return corrected;
  }

  /** Quantises what a node gave in float32, as the tensor that it is or that absorbed it. */
  private requantise(given: string, tensor: string): void {
    const quantisation = this.quantisation.get(tensor);
    if (!quantisation) return;
    this.nodes.push(operator('QuantizeLinear', [given, ...this.numberNames(tensor)], `${tensor}/quantised`));
    this.dequantise(tensor, quantisation);
  }

  private dequantise(tensor: string, { scale, zeroPoint }: Quantisation): void {
    const [scaleName, zeroPointName] = this.numberNames(tensor);
    this.initializers.push(scalar(scaleName, scale), constant(zeroPointName, [], Uint8Array.of(zeroPoint)));
    this.nodes.push(operator('DequantizeLinear', [`${tensor}/quantised`, scaleName, zeroPointName], `${tensor}/dequantised`));
  }

  /** Names of a tensor's scale and zero point. A normalisation has a scale of its own by the first of them. */
  private numberNames(tensor: string): readonly [scale: string, zeroPoint: string] {
    const owner = this.constants.has(`${tensor}/scale`) ? `${tensor}/quantised` : tensor;
    return [`${owner}/scale`, `${owner}/zero_point`];
  }
}
