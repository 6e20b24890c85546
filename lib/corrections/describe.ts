import type { MultilabelMetrics } from '../metrics';
import type { Comparison, RetrainOutcome, RetrainPlan } from './retrain';

/** What a retraining would do, in words. */
export function describePlan({ base, corrections, originals, picturesPerEpoch, stage, settings, dataset }: RetrainPlan): string {
  return [
    `starts from    ${base.card.runId} (${base.card.stage}, trained on ${base.card.data.name})`,
    `learns from    ${corrections.length} corrections × ${settings.retraining.boost} and ${originals.length} pictures of the training split: ${picturesPerEpoch} an epoch`,
    `changes        the last ${stage.trainableLayers} layers of the backbone and the head`,
    `for            ${stage.epochs} epochs, learning rate ${stage.learningRate}`,
    `is measured on ${dataset.counts.test} test pictures and on the corrections`,
  ].join('\n');
}

type Measured = 'auc' | 'exactMatch' | 'f1Macro' | 'binaryAccuracy' | 'loss';
const measured: readonly Measured[] = ['auc', 'exactMatch', 'f1Macro', 'binaryAccuracy', 'loss'];

/** Old and new model side by side, one row a metric and set of pictures. */
export function comparisonRows({ test, corrections }: NonNullable<RetrainOutcome['comparison']>): Record<string, string | number | null>[] {
  const rowsOf = (pictures: string, { before, after }: Comparison): Record<string, string | number | null>[] =>
    measured.map((metric) => ({
      pictures,
      metric,
      before: before[metric],
      after: after[metric],
      change: difference(before, after, metric),
    }));
  return [...rowsOf(`test (${test.before.count})`, test), ...rowsOf(`corrections (${corrections.before.count})`, corrections)];
}

function difference(before: MultilabelMetrics, after: MultilabelMetrics, metric: Measured): number | null {
  const [old, renewed] = [before[metric], after[metric]];
  return old === null || renewed === null ? null : renewed - old;
}
