import { BadGoal } from './errors';

/** What the thresholds are chosen for: the highest F1 of each class, or a precision and at that the highest recall. */
export type Goal = { readonly kind: 'f1' } | { readonly kind: 'precision'; readonly atLeast: number };

/**
 * A goal as commands take it.
 *
 * @throws BAD_GOAL
 * @example
 * parseGoal('precision=0.95'); // { kind: 'precision', atLeast: 0.95 }
 */
export function parseGoal(text: string): Goal {
  if (text === 'f1') return { kind: 'f1' };
  const [, number] = /^precision=(.+)$/.exec(text) ?? [];
  const atLeast = Number(number);
  if (!(atLeast > 0 && atLeast <= 1)) throw BadGoal(text);
  return { kind: 'precision', atLeast };
}

/** A goal in words. */
export function describeGoal(goal: Goal): string {
  return goal.kind === 'f1' ? 'the highest F1 of each class' : `a precision of at least ${goal.atLeast}, and then the highest recall`;
}
