import type { RunRecord } from '../lib/experiments';
import { multiclassMetrics } from '../lib/metrics';
import { Random } from '../lib/random';
import {
  classChanges,
  confusedPairs,
  confusionMatrix,
  confusionPerClass,
  coOccurrence,
  type Figure,
  labelCounts,
  learningCurves,
  metricComparison,
  parallelCoordinates,
  paretoFront,
  perClassBars,
  phaseTimings,
  precisionRecallCurves,
  probabilityBars,
  probabilityMatrix,
  reliabilityDiagram,
  rocCurves,
} from '../lib/report';
import { galaxy } from '../lib/tasks';

type Deep<T> = { [K in keyof T]?: T[K] extends object | undefined ? Deep<T[K]> : T[K] };

const classes = ['lacteos', 'arroz', 'frutas/verduras'];

/** A finished run of the food task on the sample, with plausible numbers that depend on `seed`; `changes` replace top-level fields. */
export function makeRun(id: string, changes: Deep<RunRecord> & { seed?: number } = {}): RunRecord {
  const { seed = 1, ...fields } = changes;
  const random = new Random(seed);
  const skill = random.uniform(0.85, 0.95);
  const run: RunRecord = {
    schemaVersion: 1,
    id,
    task: 'food',
    stage: id.includes('finetune') ? 'finetune' : 'head',
    status: 'finished',
    startedAt: `2026-03-0${1 + (seed % 9)}T10:00:00.000Z`,
    updatedAt: `2026-03-0${1 + (seed % 9)}T10:02:10.000Z`,
    finishedAt: `2026-03-0${1 + (seed % 9)}T10:02:10.000Z`,
    process: { pid: 1, host: 'bench' },
    config: { learningRate: 1e-3, dropout: 0.2, negativeWeight: 4 },
    seed: 42,
    data: { name: 'sample', isSample: true, fingerprint: 'f00dfeed'.repeat(8), counts: { train: 1260, validation: 320, test: 320 } },
    weights: { source: 'nsfwjs 4.3.0 (embedded stand-in)', sha256: 'ab'.repeat(32), isStandIn: true },
    versions: { node: '20.20.2', visionbook: '0.1.0' },
    hardware: { cpu: 'Test CPU', cores: 2, memoryGiB: 8, platform: 'linux-x64', backend: 'native' },
    git: { commit: 'c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffe', dirty: false },
    epochs: Array.from({ length: 10 }, (_, index) => epochOf(index + 1, skill, random)),
    bestEpoch: 8,
    metrics: { validation: splitOf(skill, random), test: splitOf(skill - 0.02, random) },
    timings: { activations: 14.2, training: 31.5, evaluation: 4.1 },
    peakMemoryMiB: 812,
    artifacts: [{ path: 'model.onnx', sha256: 'cd'.repeat(32), bytes: 8_912_344 }],
  };
  return { ...run, ...(fields as Partial<RunRecord>) };
}

function epochOf(epoch: number, skill: number, random: Random): RunRecord['epochs'][number] {
  const progress = 1 - Math.exp(-epoch / 3);
  const loss = 0.9 - 0.6 * progress + random.uniform(0, 0.03);
  return {
    epoch,
    seconds: 3,
    train: { loss: loss - 0.08, binaryAccuracy: skill * progress, auc: 0.6 + 0.37 * progress },
    validation: { loss, binaryAccuracy: skill * progress, exactMatch: 0.7 * progress, auc: 0.6 + 0.34 * progress },
  };
}

function splitOf(skill: number, random: Random): NonNullable<RunRecord['metrics']['test']> {
  const interval = (value: number) => ({ low: value - 0.021, high: value + 0.017 });
  const shares = {
    binaryAccuracy: skill,
    exactMatch: skill - 0.2,
    aucKeras: skill + 0.03,
    auc: skill + 0.031,
    f1Macro: skill - 0.04,
    f1Micro: skill - 0.03,
  };
  const all = { ...shares, loss: 1 - skill, hammingLoss: 1 - skill };
  const curve = (power: number) => ({
    x: Array.from({ length: 60 }, (_, index) => index / 59),
    y: Array.from({ length: 60 }, (_, index) => (index / 59) ** power),
  });
  return {
    count: 320,
    ...all,
    intervals: Object.fromEntries(Object.entries(all).map(([name, value]) => [name, interval(value)])),
    perClass: classes.map((name, index) => ({
      name,
      precision: skill - 0.05 * index,
      recall: skill - 0.03 * index,
      f1: skill - 0.04 * index,
      auc: skill + 0.02 - 0.02 * index,
      support: 150,
      truePositives: 140 - 9 * index,
      falsePositives: 12 + 4 * index,
      falseNegatives: 10 + 9 * index,
      trueNegatives: 158 - 4 * index,
    })),
    roc: Object.fromEntries(classes.map((name, index) => [name, curve(0.08 + 0.06 * index)])),
    precisionRecall: Object.fromEntries(
      classes.map((name, index) => [
        name,
        { x: curve(1).x, y: curve(1).x.map((x) => 1 - x ** (6 - index) * 0.55 - random.uniform(0, 0.004)) },
      ]),
    ),
  };
}

/** A finished run of the galaxy task on the sample, which confuses what is alike; as `makeRun`. */
export function makeGalaxyRun(id: string, changes: Deep<RunRecord> & { seed?: number } = {}): RunRecord {
  const random = new Random(changes.seed ?? 1);
  const names = galaxy.classes.map(({ name }) => name);
  const [count, width] = [300, names.length];
  const labels = Uint8Array.from({ length: count * width }, (_, cell) => Number(cell % width === Math.floor(cell / width) % width));
  const scores = Float32Array.from(labels, (label, cell) => Math.exp(3 * label + 1.5 * labels[cell - 1]! + 1.2 * random.normal()) || 1);
  const probabilities = scores.map((score, cell) => {
    const first = cell - (cell % width);
    return score / scores.subarray(first, first + width).reduce((sum, other) => sum + other, 0);
  });
  const test = multiclassMetrics({ classes: names, count, labels, probabilities });
  const numbers = { loss: test.loss, accuracy: test.accuracy, auc: test.auc };
  return makeRun(id, {
    task: 'galaxy',
    kind: 'multiclass',
    data: { name: 'sample', isSample: true, fingerprint: 'a11'.repeat(21), counts: { train: 1400, validation: 300, test: 300 } },
    epochs: [1, 2, 3].map((epoch) => ({ epoch, seconds: 2, learningRate: 1e-3, train: numbers, validation: numbers })),
    bestEpoch: 2,
    metrics: { validation: test, test: { ...test, intervals: { accuracy: { low: test.accuracy - 0.03, high: test.accuracy + 0.03 } } } },
    ...changes,
  } as Parameters<typeof makeRun>[1]);
}

/** Fields of a run on real photographs. */
export const onFood11 = {
  data: { name: 'food11', isSample: false, fingerprint: 'ff'.repeat(32), counts: { train: 4200, validation: 800, test: 800 } },
  weights: { source: 'Keras applications', sha256: 'ee'.repeat(32), isStandIn: false },
} as const;

const run = makeRun('20260301T100000Z-food-head-aaaaaa');
const test = run.metrics.test as NonNullable<typeof run.metrics.test>;
const galaxyRun = makeGalaxyRun('20260301T100000Z-galaxy-head-gggggg');
const ofGalaxies = galaxyRun.metrics.test as NonNullable<typeof run.metrics.test>;

const variants = ['bbbbbb', 'cccccc', 'dddddd'].map((id, index) =>
  makeRun(`20260301T100000Z-food-head-${id}`, { seed: 2 + index, config: { dropout: 0.1 * index, learningRate: 10 ** -(index + 2) } }),
);
const forms = (['float32', 'int8', 'float16'] as const).map((form, index) => ({
  run,
  form,
  bytes: 13e6 / (1 + index),
  latencyMs: 4 - index,
  value: 0.98 - 0.01 * index,
}));

/** One figure of each kind. */
export const figures: readonly (readonly [string, Figure])[] = [
  ['learning curves', learningCurves([run, makeRun('20260301T100000Z-food-head-bbbbbb', { seed: 2 })])],
  ['phase timings', phaseTimings(run)],
  ['label counts', labelCounts({ train: { lacteos: 512, arroz: 498 }, test: { lacteos: 140, arroz: 133 } })],
  [
    'co-occurrence',
    coOccurrence(
      ['lacteos', 'arroz'],
      [
        [512, 260],
        [260, 498],
      ],
    ),
  ],
  ['confusion', confusionPerClass(test.perClass)],
  ['per-class bars', perClassBars(test.perClass)],
  ['confusion matrix', confusionMatrix(ofGalaxies)],
  ['reliability diagram', reliabilityDiagram(ofGalaxies)],
  ['most confused pairs', confusedPairs(ofGalaxies)],
  ['per-class bars of ten classes', perClassBars(ofGalaxies.perClass)],
  ['learning curves of both kinds', learningCurves([galaxyRun, run])],
  ['ROC curves', rocCurves(test)],
  ['precision-recall curves', precisionRecallCurves(test)],
  [
    'probability bars',
    probabilityBars([{ name: 'a-picture-with-a-name-that-is-much-too-long-for-an-axis.jpg', probabilities: { lacteos: 0.9, arroz: 0.1 } }]),
  ],
  ['probability matrix', probabilityMatrix([{ name: 'a.jpg', probabilities: { Disturbed: 0.9, Merging: 0.1 } }])],
  ['changes by class', classChanges(run, variants)!],
  ['parallel coordinates', parallelCoordinates([run, ...variants], { metric: 'auc' })!],
  ['a Pareto front', paretoFront(forms, { metric: 'auc', split: 'test', kind: 'multilabel' })],
  ['metric comparison', metricComparison([run, makeRun('20260301T100000Z-food-head-cccccc', { seed: 3, ...onFood11 })], { metric: 'auc' })],
];
