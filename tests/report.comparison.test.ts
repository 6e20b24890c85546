import { describe, expect, test } from 'vitest';
import { compareRuns, type RunComparison, type RunDifference } from '../lib/experiments';
import type { SplitMetricName } from '../lib/metrics';
import { comparisonTable, differenceForest, mcnemarTable, metricsOf, textTable, verdictsOn } from '../lib/report';
import { putSimulated } from './compare.fixture';
import { temporaryWorkspace } from './experiments.helpers';

type Given = Partial<Record<SplitMetricName, readonly [difference: number, low: number, high: number]>>;

function other(id: string, given: Given): RunDifference {
  const differences = Object.entries(given).map(([metric, [difference, low, high]]) => [
    metric,
    { before: 0.8, after: 0.8 + difference, difference, interval: { low, high } },
  ]);
  return {
    run: { id: `20260301T090507Z-food-finetune-${id}`, stage: 'finetune' },
    differences: Object.fromEntries(differences),
    mcnemar: { onlyBefore: 9, onlyAfter: 24, method: 'mid-p', pValue: 0.01, adjusted: 0.02 },
  };
}

function comparison(...others: readonly RunDifference[]): RunComparison {
  const reference = { id: '20260301T090507Z-food-head-aaaaaa', stage: 'head' };
  return { task: 'food', kind: 'multilabel', split: 'test', reference, others, pictures: 600, notes: [] };
}

function words(given: Given, metric: SplitMetricName, kind: RunComparison['kind'] = 'multilabel'): string {
  return verdictsOn({ ...comparison(other('bbbbbb', given)), kind }, metric)[0]!.words;
}

describe('a verdict in words', () => {
  test.each<[SplitMetricName, readonly [number, number, number], string]>([
    ['f1Macro', [0.012, 0.004, 0.021], 'better than head · aaaaaa by 1.2 points of macro F1, 95 % CI 0.4 to 2.1'],
    ['f1Macro', [-0.012, -0.021, -0.004], 'worse than head · aaaaaa by 1.2 points of macro F1, 95 % CI 0.4 to 2.1'],
    ['auc', [0.0012, 0.0004, 0.0021], 'better than head · aaaaaa by 0.12 points of AUC, 95 % CI 0.04 to 0.21'],
    ['loss', [-0.05, -0.08, -0.02], 'better than head · aaaaaa by 0.050 nats of loss, 95 % CI 0.020 to 0.080'],
    ['hammingLoss', [0.02, 0.01, 0.03], 'worse than head · aaaaaa by 2.0 points of Hamming loss, 95 % CI 1.0 to 3.0'],
    [
      'exactMatch',
      [0.003, -0.005, 0.011],
      'no difference from head · aaaaaa that 600 pictures can show: 0.3 points of exact match, 95 % CI −0.5 to 1.1; it would take about 4,300',
    ],
    [
      'exactMatch',
      [0, -0.005, 0.005],
      'no difference from head · aaaaaa at all, and no number of pictures would show one: 0.0 points of exact match, 95 % CI −0.5 to 0.5',
    ],
    [
      'exactMatch',
      [0, 0, 0],
      'no difference from head · aaaaaa at all, and no number of pictures would show one: 0.0 points of exact match, 95 % CI 0.0 to 0.0',
    ],
  ])('by %s of %j is "%s"', (metric, difference, expected) => {
    expect(words({ [metric]: difference }, metric)).toBe(`finetune · bbbbbb: ${expected}`);
  });

  test('names metrics as the kind of task does', () => {
    const difference = [0.012, 0.004, 0.021] as const;
    expect(words({ kappa: difference }, 'kappa', 'multiclass')).toContain("of Cohen's kappa");
    expect(words({ loss: difference }, 'loss', 'multiclass')).toContain('of log loss');
    expect(words({ top2Accuracy: difference }, 'top2Accuracy', 'multiclass')).toContain('of top-2 accuracy');
  });

  test('is by the metric that runs are ranked by, unless another is asked for', () => {
    expect(verdictsOn(comparison(other('b', { auc: [0.1, 0, 0.2] })))[0]!.verdict.metric).toBe(metricsOf('multilabel')[0]);
  });

  test('is refused by a metric that the pictures have no value of, with those that they have', () => {
    const refused = expect.objectContaining({ code: 'NO_SUCH_METRIC', message: expect.stringMatching(/"accuracy".*exactMatch/) });
    expect(() => words({ exactMatch: [0, 0, 0] }, 'accuracy')).toThrow(refused);
  });
});

describe('the tables of a comparison', () => {
  test('of two runs have a row a metric, with both values', () => {
    const given = { auc: [0.0012, 0.0004, 0.0021], loss: [0.05, -0.02, 0.08] } as const;
    expect(comparisonTable(comparison(other('bbbbbb', given)))).toEqual([
      {
        metric: 'AUC ↑',
        'head · aaaaaa': '0.800',
        'finetune · bbbbbb': '0.801',
        difference: '+0.0012',
        '95 % interval': '+0.0004 to +0.0021',
        'is it real?': 'better',
      },
      {
        metric: 'Loss ↓',
        'head · aaaaaa': '0.800',
        'finetune · bbbbbb': '0.850',
        difference: '+0.0500',
        '95 % interval': '−0.0200 to +0.0800',
        'is it real?': 'not shown',
      },
    ]);
  });

  test('of more have a row a run and metric, under the same columns', () => {
    const given = { auc: [0.1, 0.05, 0.2] } as const;
    const rows = comparisonTable(comparison(other('bbbbbb', given), other('cccccc', given)));
    expect(rows.map(({ run }) => run)).toEqual(['finetune · bbbbbb', 'finetune · cccccc']);
    expect(textTable(rows)).not.toContain('–');
  });

  test("name Holm's correction where there are several p-values, and only there", () => {
    const [one, two] = [other('b', {}), other('c', {})];
    expect(mcnemarTable(comparison(one))[0]).toMatchObject({ "McNemar's test": 'mid-p', p: '0.010' });
    expect(JSON.stringify(mcnemarTable(comparison(one)))).not.toContain('Holm');
    expect(mcnemarTable(comparison(one, two))[0]).toMatchObject({ p: '0.010', "p by Holm's correction": '0.020' });
  });
});

describe('the forest plot of differences', () => {
  test('of two runs shows every share in points, turned so that to the right is better', () => {
    const given = { auc: [0.01, 0.005, 0.02], hammingLoss: [-0.02, -0.03, -0.01], loss: [-0.1, -0.2, 0.1] } as const;
    const [dots] = differenceForest(comparison(other('bbbbbb', given))).data as unknown as [{ x: number[]; error_x: { array: number[] } }];
    expect(dots.x).toEqual([1, 2]);
    expect(dots.error_x.array.map((arm) => arm.toFixed(6))).toEqual(['1.000000', '1.000000']);
  });

  test('of more shows each by one metric', () => {
    const given = { auc: [0.01, 0.005, 0.02], loss: [-0.1, -0.2, 0.1] } as const;
    const several = comparison(other('bbbbbb', given), other('cccccc', given));
    expect((differenceForest(several).layout.yaxis as { ticktext: string[] }).ticktext).toEqual(['finetune · bbbbbb', 'finetune · cccccc']);
    expect(differenceForest(several, { metric: 'loss' }).data[0]!.x).toEqual([0.1, 0.1]);
    expect(JSON.stringify(differenceForest(several, { metric: 'loss' }).layout.xaxis)).toContain('nats');
  });

  test('of real runs is 700 to 900 pixels wide, titled, and plain JSON', async () => {
    const workspace = temporaryWorkspace();
    const runs = [await putSimulated(workspace, { id: 'a-x1' }), await putSimulated(workspace, { id: 'b-<b>y2', skill: 2 })];
    const figure = differenceForest(await compareRuns({ workspace, runs, resamples: 100 }));
    expect(JSON.parse(JSON.stringify(figure))).toEqual(figure);
    expect(figure.layout.width).toBe(760);
    expect((figure.layout.title as { text: string }).text).toBe('<b>Is the difference real?</b>');
    expect(JSON.stringify(figure)).not.toContain('<b>y2');
  });
});
