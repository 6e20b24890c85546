/** What turns probabilities into a decision; a model's card has it. */
export interface DecisionRule {
  /** A class is present from this probability on. */
  readonly threshold: number;
  /** "None" when every probability is below this. */
  readonly noneBelow: number;
  /** Instead of `threshold`, one for each class in the model's order, where a calibration chose them. */
  readonly thresholds?: readonly number[];
  /** What a calibration divides the logits by, so that probabilities say how often they are right; absent of a model as it was trained. */
  readonly temperature?: number;
}

/** Whether several classes may be present at once, or always exactly one. */
export type DecisionKind = 'multilabel' | 'multiclass';

/** What a model's probabilities mean: the classes that are present, none, or a guess that is too weak to say. */
export type Decision =
  | { readonly kind: 'classes'; readonly classes: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'uncertain'; readonly mostLikely: string };

/** The rule of the model as it was trained. */
export function uncalibrated({ threshold, noneBelow }: DecisionRule): DecisionRule {
  return { threshold, noneBelow };
}

/** From which probability on each class is present. */
export function thresholdsOf({ threshold, thresholds }: DecisionRule, classes: readonly string[]): readonly number[] {
  return thresholds ?? classes.map(() => threshold);
}

/**
 * Every class that reaches its threshold; else none when all are below `noneBelow`; else uncertain. The rule and its numbers are those of the Food
 * Multi-Label Classification Pipeline; thresholds by class are ours. Where a picture always shows exactly one class, it is the most probable one.
 *
 * @param probabilities one for each class, in [0, 1]; at the rule's temperature, as a predictor gives them
 * @example
 * decide([0.93, 0.02, 0.99], ['lacteos', 'arroz', 'frutas/verduras'], { threshold: 0.5, noneBelow: 0.45 });
 * // { kind: 'classes', classes: ['lacteos', 'frutas/verduras'] }
 */
export function decide(
  probabilities: readonly number[],
  classes: readonly string[],
  rule: DecisionRule,
  kind: DecisionKind = 'multilabel',
): Decision {
  const highest = Math.max(...probabilities);
  const mostLikely = classes[probabilities.indexOf(highest)]!;
  if (kind === 'multiclass') return { kind: 'classes', classes: [mostLikely] };
  const thresholds = thresholdsOf(rule, classes);
  const present = classes.filter((_, index) => probabilities[index]! >= thresholds[index]!);
  if (present.length > 0) return { kind: 'classes', classes: present };
  return highest < rule.noneBelow ? { kind: 'none' } : { kind: 'uncertain', mostLikely };
}

/** A decision in words. */
export function describeDecision(decision: Decision): string {
  if (decision.kind === 'classes') return decision.classes.join(', ');
  return decision.kind === 'none' ? 'none' : `uncertain (most likely ${decision.mostLikely})`;
}
