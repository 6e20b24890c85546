/** The thresholds of the decision rule; a model's card has them. */
export interface DecisionRule {
  readonly threshold: number;
  readonly noneBelow: number;
}

/** What a model's probabilities mean: the classes that are present, none, or a guess that is too weak to say. */
export type Decision =
  | { readonly kind: 'classes'; readonly classes: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'uncertain'; readonly mostLikely: string };

/**
 * Every class of at least `threshold`; else none when all are below `noneBelow`; else uncertain. The rule and its numbers are those of the Food
 * Multi-Label Classification Pipeline.
 *
 * @param probabilities one for each class, in [0, 1]
 * @example
 * decide([0.93, 0.02, 0.99], ['lacteos', 'arroz', 'frutas/verduras'], { threshold: 0.5, noneBelow: 0.45 });
 * // { kind: 'classes', classes: ['lacteos', 'frutas/verduras'] }
 */
export function decide(probabilities: readonly number[], classes: readonly string[], { threshold, noneBelow }: DecisionRule): Decision {
  const present = classes.filter((_, index) => probabilities[index]! >= threshold);
  if (present.length > 0) return { kind: 'classes', classes: present };
  const highest = Math.max(...probabilities);
  return highest < noneBelow ? { kind: 'none' } : { kind: 'uncertain', mostLikely: classes[probabilities.indexOf(highest)]! };
}

/** A decision in words. */
export function describeDecision(decision: Decision): string {
  if (decision.kind === 'classes') return decision.classes.join(', ');
  return decision.kind === 'none' ? 'none' : `uncertain (most likely ${decision.mostLikely})`;
}
