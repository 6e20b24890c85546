/** The thresholds of the decision rule; a model's card has them. */
export interface DecisionRule {
  readonly threshold: number;
  readonly noneBelow: number;
}

/** Whether several classes may be present at once, or always exactly one. */
export type DecisionKind = 'multilabel' | 'multiclass';

/** What a model's probabilities mean: the classes that are present, none, or a guess that is too weak to say. */
export type Decision =
  | { readonly kind: 'classes'; readonly classes: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'uncertain'; readonly mostLikely: string };

/**
 * Every class of at least `threshold`; else none when all are below `noneBelow`; else uncertain. The rule and its numbers are those of the Food
 * Multi-Label Classification Pipeline. Where a picture always shows exactly one class, it is the most probable one.
 *
 * @param probabilities one for each class, in [0, 1]
 * @example
 * decide([0.93, 0.02, 0.99], ['lacteos', 'arroz', 'frutas/verduras'], { threshold: 0.5, noneBelow: 0.45 });
 * // { kind: 'classes', classes: ['lacteos', 'frutas/verduras'] }
 */
export function decide(
  probabilities: readonly number[],
  classes: readonly string[],
  { threshold, noneBelow }: DecisionRule,
  kind: DecisionKind = 'multilabel',
): Decision {
  const highest = Math.max(...probabilities);
  const mostLikely = classes[probabilities.indexOf(highest)]!;
  if (kind === 'multiclass') return { kind: 'classes', classes: [mostLikely] };
  const present = classes.filter((_, index) => probabilities[index]! >= threshold);
  if (present.length > 0) return { kind: 'classes', classes: present };
  return highest < noneBelow ? { kind: 'none' } : { kind: 'uncertain', mostLikely };
}

/** A decision in words. */
export function describeDecision(decision: Decision): string {
  if (decision.kind === 'classes') return decision.classes.join(', ');
  return decision.kind === 'none' ? 'none' : `uncertain (most likely ${decision.mostLikely})`;
}
