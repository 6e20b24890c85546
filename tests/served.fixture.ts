import { onnx } from 'onnx-proto';
import { loadTensorFlow } from '../lib/engine';
import { writeAtomic } from '../lib/files';
import { foldAffine, graphOf, type ModelCard, modelFiles, preprocessings, toOnnx, writeCard } from '../lib/models';
import { constantsOf, decodeOnnx, floats, integer, operator } from '../lib/models/onnxProto';
import { Random } from '../lib/random';
import { food, galaxy } from '../lib/tasks';
import type { Workspace } from '../lib/workspace';
import { randomClassifier, smallDesign } from './models.fixtures';

export const foodClasses = food.classes.map(({ name }) => name);
export const galaxyClasses = galaxy.classes.map(({ name }) => name);

/** A small food model with random weights, as the training exports it. */
export async function foodModel(seed: number): Promise<Uint8Array> {
  const { tf } = await loadTensorFlow();
  const { model } = randomClassifier(tf, seed);
  const graph = foldAffine(graphOf(model), { acrossTheCut: true });
  model.dispose();
  const outputs = [{ tensor: graph.output, name: 'probabilities' }];
  return toOnnx(graph, { outputs, preprocessing: preprocessings[smallDesign.backbone.name] });
}

/** The same backbone with the galaxy task's kind of head: dense layers with rectifiers between, and a softmax over ten classes. */
export async function galaxyModel(seed: number, activation = 'Relu'): Promise<Uint8Array> {
  const proto = decodeOnnx(await foodModel(seed));
  const graph = proto.graph!;
  const pool = graph.node!.findIndex(({ opType }) => opType === 'ReduceMean');
  const oldKernel = graph.node!.find(({ opType }) => opType === 'Gemm')!.input![1]!;
  const channels = Number(constantsOf(graph).get(oldKernel)!.dims![0]);
  const pooled = graph.node![pool]!.output![0]!;
  graph.node = [...graph.node!.slice(0, pool + 1), ...headNodes(pooled, activation)];
  graph.initializer!.push(...headWeights(channels, seed));
  graph.output![0]!.type!.tensorType!.shape!.dim![1] = { dimValue: galaxyClasses.length };
  return onnx.ModelProto.encode(proto).finish();
}

/** That head alone: from the averages, shape [batch, channels], to the logits. */
export function galaxyHead(channels: number, seed: number): Uint8Array {
  const tensor = (name: string, width: number): onnx.IValueInfoProto => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: width }] } } },
  });
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'head',
      node: headNodes('averages', 'Relu').slice(0, -1),
      initializer: [
        floats('relu6/low', [], Float32Array.of(0)),
        floats('relu6/high', [], Float32Array.of(6)),
        ...headWeights(channels, seed),
      ],
      input: [tensor('averages', channels)],
      output: [tensor('logits', galaxyClasses.length)],
    },
  }).finish();
}

const widths = [24, 16, galaxyClasses.length];

function headNodes(input: string, activation: string): onnx.INodeProto[] {
  return [
    operator('Gemm', [input, 'first/kernel', 'first/bias'], 'first'),
    operator(activation, ['first'], 'first/active'),
    operator('Gemm', ['first/active', 'second/kernel', 'second/bias'], 'second'),
    operator('Clip', ['second', 'relu6/low', 'relu6/high'], 'second/active'),
    operator('Gemm', ['second/active', 'third/kernel', 'third/bias'], 'logits'),
    operator('Softmax', ['logits'], 'probabilities', [integer('axis', -1)]),
  ];
}

function headWeights(channels: number, seed: number): onnx.ITensorProto[] {
  const random = new Random(`head ${seed}`);
  return ['first', 'second', 'third'].flatMap((name, index) => {
    const [inputs, outputs] = [index === 0 ? channels : widths[index - 1]!, widths[index]!];
    const draw = (): number => random.normal() * Math.sqrt(2 / inputs);
    return [
      floats(`${name}/kernel`, [inputs, outputs], Float32Array.from({ length: inputs * outputs }, draw)),
      floats(`${name}/bias`, [outputs], Float32Array.from({ length: outputs }, draw)),
    ];
  });
}

/** Saves a model as a run of a task's. */
export async function saveRun(
  workspace: Workspace,
  task: 'food' | 'galaxy',
  run: string,
  model: Uint8Array,
  overrides: Partial<ModelCard> = {},
): Promise<void> {
  await writeAtomic(modelFiles(workspace, task, run).onnx, model);
  await writeCard(workspace, {
    schemaVersion: 1,
    runId: run,
    task,
    stage: 'finetune',
    kind: task === 'food' ? 'multilabel' : 'multiclass',
    classes: task === 'food' ? foodClasses : galaxyClasses,
    imageSize: smallDesign.imageSize,
    backbone: smallDesign.backbone,
    dropout: 0.2,
    preprocessing: 'mobilenet_v2',
    decision: { threshold: 0.5, noneBelow: 0.45 },
    weights: { source: 'random', sha256: '0', isStandIn: true },
    data: { name: 'test', isSample: true },
    createdAt: '2026-01-01T00:00:00.000Z',
    ...overrides,
  });
}
