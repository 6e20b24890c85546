import type { MultilabelMetrics } from '../metrics';
import type { GateResult } from './gate';
import type { Comparison, RetrainOutcome, RetrainPlan } from './retrain';
import type { Version } from './versions';

/** What a retraining would do, in words. */
export function describePlan({ base, corrections, originals, picturesPerEpoch, stage, settings, test, leftOut }: RetrainPlan): string {
  const copies = leftOut.test > 0 ? ` (${leftOut.test} more were corrected, so they are left out)` : '';
  return [
    `starts from    ${base.card.runId} (${base.card.stage}, trained on ${base.card.data.name})`,
    `learns from    ${corrections.length} corrections × ${settings.retraining.boost} and ${originals.length} pictures of the training split: ${picturesPerEpoch} an epoch`,
    `changes        the last ${stage.trainableLayers} layers of the backbone and the head`,
    `for            ${stage.epochs} epochs, learning rate ${stage.learningRate}`,
    `is measured on ${test.length} test pictures${copies} and on the corrections`,
    `may lose       ${settings.retraining.tolerance} of the test AUC, with 95 % confidence`,
  ].join('\n');
}

/** A verdict in words: first what it is, then why. */
export function describeGate({ verdict, reason }: Pick<GateResult, 'verdict' | 'reason'>): string {
  return `${verdict}: ${reason}`;
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

/** Versions as rows of a table. */
export function versionRows(versions: readonly Version[]): Record<string, string | number | null>[] {
  return versions.map(({ run, state, createdAt, metrics, trainedOn }) => ({
    run,
    state,
    created: createdAt.slice(0, 16).replace('T', ' '),
    'validation AUC': metrics?.validation?.auc ?? null,
    'test AUC': metrics?.test?.auc ?? null,
    'test exact match': metrics?.test?.exactMatch ?? null,
    'trained on': trainedOn,
  }));
}
