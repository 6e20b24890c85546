import path from 'node:path';
import { type DecisionRule, describeDecision } from './decision';
import type { FilePrediction } from './predictor';

/**
 * A file's prediction for the terminal: its probabilities in per cent, and the decision.
 *
 * @param rule where its thresholds differ by class, each stands beside its class
 */
export function describePrediction(
  prediction: FilePrediction,
  classes: readonly string[],
  { cwd = process.cwd(), rule }: { readonly cwd?: string; readonly rule?: DecisionRule } = {},
): string {
  const heading = shownPath(prediction.file, cwd);
  if ('error' in prediction) return `${heading}\n  → ${prediction.error.replace(`${prediction.file} `, '')}\n`;
  const width = Math.max(...classes.map((name) => name.length));
  const rows = classes.map((name, index) => {
    const share = prediction.probabilities[index]!;
    const threshold = rule?.thresholds?.[index];
    const from = threshold === undefined ? '' : `  from ${(100 * threshold).toFixed(2).padStart(5)} %`;
    return `  ${name.padEnd(width)} ${(100 * share).toFixed(2).padStart(6)} %${from}  ${'█'.repeat(Math.round(20 * share))}`.trimEnd();
  });
  return [heading, ...rows, `  → ${describeDecision(prediction.decision)}`, ''].join('\n');
}

/** From the working directory where the file lies below it. */
function shownPath(file: string, cwd: string): string {
  const relative = path.relative(cwd, file);
  return relative.startsWith('..') ? file : relative;
}
