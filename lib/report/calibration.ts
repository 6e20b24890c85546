import { type CalibrationReport, describeGoal } from '../calibration';
import { type PredictedSplit, predictedSplits, verdictOf } from '../experiments';
import type { Interval, SplitMetricName } from '../metrics';
import { signed } from './comparisonTable';
import type { Figure } from './figure';
import { reliabilityDiagram } from './figures';
import { formatNumber, metricHeading } from './labels';
import { type Row, textTable } from './rows';

const shown: Readonly<Record<CalibrationReport['kind'], readonly SplitMetricName[]>> = {
  multilabel: ['ece', 'loss', 'exactMatch', 'f1Macro'],
  multiclass: ['ece', 'loss', 'accuracy'],
};

/** What a calibration changes, as table rows: the metrics of validation, on which it was found, and of test, before and after. */
export function calibrationRows({ kind, splits }: CalibrationReport): Row[] {
  return predictedSplits.flatMap((split) =>
    shown[kind].map((metric) => {
      const difference = splits[split].differences[metric]!;
      const { outcome } = verdictOf(metric, difference, splits[split].before.count);
      return {
        split,
        metric: metricHeading(metric, kind),
        before: formatNumber(difference.before),
        after: formatNumber(difference.after),
        difference: signed(difference.difference),
        '95 % interval': `${signed(difference.interval.low)} to ${signed(difference.interval.high)}`,
        // Validation is what it was fitted to: there it is no proof.
        'is it real?': split === 'validation' ? '–' : outcome === 'undecided' ? 'not shown' : outcome,
      };
    }),
  );
}

/** Each class' threshold as table rows, with what it changes on validation, on which it was chosen, and on test; none where no thresholds were chosen. */
export function thresholdRows({ thresholds = [], splits: { validation, test } }: CalibrationReport): Row[] {
  return thresholds.map(({ name, threshold, precision, recall, problem }, index) => {
    const [before, after, intervals] = [test.before.perClass[index]!, test.after.perClass[index]!, test.classIntervals?.[index]];
    return {
      class: name,
      threshold: String(threshold),
      goal: problem === undefined ? 'reached' : 'not reached',
      'precision, validation': change(validation.before.perClass[index]!.precision, precision),
      'precision, test': change(before.precision, after.precision, intervals?.precision),
      'recall, validation': change(validation.before.perClass[index]!.recall, recall),
      'recall, test': change(before.recall, after.recall, intervals?.recall),
    };
  });
}

function change(before: number, after: number, interval?: Interval): string {
  const range = interval ? ` (${formatNumber(interval.low)} to ${formatNumber(interval.high)})` : '';
  return `${formatNumber(before)} → ${formatNumber(after)}${range}`;
}

/** A calibration for the terminal: what was found, what it changes, and what to know about it. */
export function describeCalibration(report: CalibrationReport): string {
  const { run, goal, decision, notes } = report;
  const thresholds = thresholdRows(report);
  return [
    `${run}\ntemperature ${decision.temperature ?? 'none'}${goal ? `, thresholds for ${describeGoal(goal)}` : ''}`,
    textTable(calibrationRows(report)),
    ...(thresholds.length > 0 ? [textTable(thresholds)] : []),
    ...(notes.length > 0 ? [notes.map((note) => `note: ${note}`).join('\n')] : []),
  ].join('\n\n');
}

/** The reliability diagrams of a split: of the model as it was trained, and calibrated. */
export function calibrationFigures({ splits }: CalibrationReport, split: PredictedSplit = 'test'): [before: Figure, after: Figure] {
  const { before, after } = splits[split];
  return [
    reliabilityDiagram(before, { title: `Before calibration, ${split}` }),
    reliabilityDiagram(after, { title: `Calibrated, ${split}` }),
  ];
}
