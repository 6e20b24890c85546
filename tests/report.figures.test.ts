import { describe, expect, it } from 'vitest';
import {
  confusedPairs,
  confusionMatrix,
  confusionPerClass,
  groupRuns,
  labelCounts,
  learningCurves,
  metricComparison,
  probabilityBars,
  probabilityMatrix,
  rankRuns,
  reliabilityDiagram,
  rocCurves,
} from '../lib/report';
import { figures, makeGalaxyRun, makeRun, onFood11 } from './report.fixtures';

const run = makeRun('20260301T100000Z-food-head-aaaaaa');
const test = run.metrics.test as NonNullable<typeof run.metrics.test>;

describe('figures', () => {
  it.each(figures)('%s are 700 to 900 pixels wide, titled, and plain JSON', (_, figure) => {
    expect(figure.layout.width).toBeGreaterThanOrEqual(700);
    expect(figure.layout.width).toBeLessThanOrEqual(900);
    expect((figure.layout.title as { text: string }).text).toMatch(/^<b>.+<\/b>$/);
    expect(JSON.parse(JSON.stringify(figure))).toEqual(figure);
    expect(figure.data.length).toBeGreaterThan(0);
  });

  it.each([
    ['no runs', learningCurves([])],
    ['no predictions', probabilityBars([])],
    ['no predictions of many classes', probabilityMatrix([])],
    ['no classes', confusionPerClass([])],
    ['no curves', rocCurves({ roc: undefined, perClass: [] })],
    ['no confusion matrix', confusionMatrix({ perClass: [] })],
    ['no confused pairs', confusedPairs({ perClass: [] })],
    ['no reliability', reliabilityDiagram({ count: 0 })],
    ['no metrics', metricComparison([makeRun('x-food-head-a', { metrics: {} })], { metric: 'auc' })],
  ])('%s make a figure without data, not an error', (_, figure) => {
    expect(JSON.stringify(figure)).not.toContain('NaN');
  });

  it('shows names as text, whatever tags they contain', () => {
    const figure = labelCounts({ '<a href="x">train</a>': { '<b>bold</b>': 1 } });
    expect(JSON.stringify(figure.data)).not.toMatch(/<[ab]/);
  });
});

describe('bars of probabilities', () => {
  it('have one line for the threshold of all classes, or one across each bar where they differ', () => {
    const bars = [1, 2].map((row) => ({ name: `picture ${row}`, probabilities: { rice: 0.3, fruit: 0.8 } }));
    const linesOf = (options: object): number[][] =>
      (probabilityBars(bars, options).layout.shapes as { x0: number; y0: number; y1: number }[]).map(({ x0, y0, y1 }) => [
        x0,
        (y0 + y1) / 2,
      ]);
    expect(linesOf({ threshold: 0.4 })).toEqual([[0.4, 0.5]]);
    const lines = linesOf({ threshold: 0.5, thresholds: [0.2, 0.9] });
    expect(lines.map(([x]) => x)).toEqual([0.2, 0.9, 0.2, 0.9]);
    expect(lines.map(([, y]) => Number(y!.toFixed(3)))).toEqual([-0.195, 0.195, 0.805, 1.195]);
  });
});

describe('a reliability diagram', () => {
  it('is of labels where a picture may have several classes, and of answers elsewhere', () => {
    const reliability = [{ low: 0.8, high: 0.9, count: 10, confidence: 0.85, accuracy: 0.7 }];
    const words = (kind: 'multilabel' | 'multiclass'): string =>
      JSON.stringify(reliabilityDiagram({ kind, reliability, ece: 0.15, count: 4 }));
    expect(words('multilabel')).toMatch(/Share of labels that are present.*Probability of the label/);
    expect(words('multiclass')).toMatch(/Share of right answers.*Probability of the answer/);
  });
});

describe('figures of multi-class results', () => {
  it("write every probability that rounds to more than nothing, in the classes' order", () => {
    const probabilities = { Merging: 0.006, 'Round Smooth': 0.99, Disturbed: 0.004 };
    const [{ x, y, z, text }] = probabilityMatrix([{ name: 'a.jpg', probabilities }]).data as unknown as [Record<string, unknown>];
    expect({ x, y, z }).toEqual({ x: Object.keys(probabilities), y: ['a.jpg'], z: [[0.006, 0.99, 0.004]] });
    expect(text).toEqual([['0.01', '0.99', '']]);
  });

  const run = makeGalaxyRun('20260301T100000Z-galaxy-head-gggggg');
  const result = run.metrics.test!;

  it('shade the confusion matrix by the share of the row, and leave zeros unsaid', () => {
    const [{ z, text }] = confusionMatrix(result).data as unknown as [{ z: number[][]; text: string[][] }];
    for (const row of z) expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
    expect(text[0]![0]).toBe(String(result.confusion![0]![0]));
    expect(text.flat().filter((cell) => cell === '').length).toBe(result.confusion!.flat().filter((cell) => cell === 0).length);
  });

  it('set the share of right answers against their probability, bin by bin', () => {
    const [bars, confidence] = reliabilityDiagram(result).data as unknown as { x: number[]; y: number[] }[];
    const filled = result.reliability!.filter(({ count }) => count > 0);
    expect(bars!.y).toEqual(filled.map(({ accuracy }) => accuracy));
    expect(confidence!.x).toEqual(filled.map(({ confidence }) => confidence));
  });

  it('leave runs without the metric out of a comparison, and show accuracy where the AUC of food stands', () => {
    const food = makeRun('20260301T100000Z-food-head-aaaaaa');
    expect(metricComparison([food, run], { metric: 'accuracy' }).data).toHaveLength(1);
    expect(metricComparison([food, run], { metric: 'auc' }).data).toHaveLength(2);
    const titles = JSON.stringify(learningCurves([food, run]).layout.annotations);
    expect(titles).toContain('AUC or Accuracy');
    expect(JSON.stringify(learningCurves([food]).layout.annotations)).toContain('<b>AUC</b>');
  });
});

describe('learning curves', () => {
  it('continue where the parent kept its weights', () => {
    const head = makeRun('20260301T100000Z-food-head-aaaaaa', { bestEpoch: 8 });
    const finetune = makeRun('20260301T110000Z-food-finetune-bbbbbb', { parent: head.id });
    const firstEpochs = learningCurves([head, finetune])
      .data.filter((trace) => trace.showlegend)
      .map((trace) => (trace.x as number[])[0]);
    expect(firstEpochs).toEqual([1, 9]);
    expect(learningCurves([finetune]).data[0]?.x).toContain(1);
  });

  it('end although two runs name each other as parent', () => {
    const one = makeRun('x-food-head-a', { parent: 'x-food-head-b' });
    const other = makeRun('x-food-head-b', { parent: 'x-food-head-a' });
    expect(learningCurves([one, other]).data.length).toBeGreaterThan(0);
  });

  it('leave out runs without an epoch', () => {
    expect(learningCurves([makeRun('x-food-head-a', { epochs: [] })]).data).toEqual([]);
  });
});

describe('metric comparison', () => {
  it('never puts the sample and real data on the same axes', () => {
    const { data } = metricComparison([run, makeRun('x-food-head-real', { ...onFood11 })], { metric: 'auc' });
    expect(data.map((trace) => trace.xaxis)).toEqual(['x', 'x2']);
  });

  it('draws intervals as distances from the value, never negative', () => {
    const odd = makeRun('x-food-head-a', { metrics: { test: { ...test, auc: 0.9, intervals: { auc: { low: 0.91, high: 0.95 } } } } });
    const error = metricComparison([odd], { metric: 'auc' }).data[0]?.error_x as { array: number[]; arrayminus: number[] };
    expect(error.array[0]).toBeCloseTo(0.05);
    expect(error.arrayminus[0]).toBe(0);
  });
});

describe('groups and ranks', () => {
  it('keep tasks and data apart, real data before the sample', () => {
    const groups = groupRuns([
      makeRun('x-food-head-sample'),
      makeRun('x-food-head-real', { ...onFood11 }),
      makeRun('x-galaxy-head-other', { task: 'galaxy' }),
    ]);
    expect(groups.map((group) => group.title).sort()).toEqual(['food on food11', 'food on the sample', 'galaxy on the sample']);
    expect(groups[0]?.data.name).toBe('food11');
  });

  it('name the version where one data set was prepared twice', () => {
    const again = { data: { ...run.data, fingerprint: '12345678'.repeat(8) } };
    const titles = groupRuns([run, makeRun('x-food-head-b', again)]).map((group) => group.title);
    expect(titles.sort()).toEqual(['food on the sample, version 12345678', 'food on the sample, version f00dfeed']);
  });

  it.each([
    ['auc', ['high', 'low', 'none']],
    ['loss', ['low', 'high', 'none']],
  ] as const)('rank by %s towards its good end, runs without it last', (metric, expected) => {
    const of = (id: string, value: number) => makeRun(id, { metrics: { test: { ...test, [metric]: value } } });
    const ranked = rankRuns([makeRun('none', { metrics: {} }), of('low', 0.1), of('high', 0.9)], { metric, split: 'test' });
    expect(ranked.map(({ id }) => id)).toEqual(expected);
  });
});
