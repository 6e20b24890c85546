import type { Decision } from '../../prediction';
import type { Translator } from '../translations';
import type { ErrorText } from './views';

/** A class' name in the reader's language; one that nobody has translated stays as it is. */
export function className(t: Translator, name: string): string {
  return t.find(`class.${name}`) ?? name;
}

/** A task's name in the reader's language. */
export function taskName(t: Translator, { name, title }: { readonly name: string; readonly title?: string }): string {
  return t.find(`task.${name}`) ?? title ?? name;
}

/** A decision as a sentence part: `Dairy and Rice`, `Not sure, most likely Rice`. */
export function decisionWords(t: Translator, decision: Decision): string {
  if (decision.kind === 'none') return t('decision.none');
  if (decision.kind === 'uncertain') return t('decision.uncertain', { name: className(t, decision.mostLikely) });
  return t.list(decision.classes.map((name) => className(t, name)));
}

/** Labels, one 0 or 1 for each class, as the marked classes' names. */
export function labelWords(t: Translator, classes: readonly string[], labels: readonly number[]): string {
  const marked = classes.filter((_, index) => labels[index] === 1);
  return marked.length === 0 ? t('decision.none') : t.list(marked.map((name) => className(t, name)));
}

/** The labels that a decision comes down to: what to mark before a reader says otherwise. */
export function labelsOf(decision: Decision, classes: readonly string[]): number[] | undefined {
  if (decision.kind === 'uncertain') return undefined;
  return classes.map((name) => (decision.kind === 'classes' && decision.classes.includes(name) ? 1 : 0));
}

/** A run in few characters, its stage and the last part of its id: `finetune · x1y2z3`. */
export function shortRun(run: string): string {
  return run.split('-').slice(-2).join('\u00a0·\u00a0');
}

/** An error in the reader's language where its code is known, else with its own message. */
export function errorWords(t: Translator, { code, message }: ErrorText): string {
  return (code && t.find(`error.${code}`)) || message;
}

/** Seconds as people say them: `40 s`, `3 min`; these units are the same in all languages here. */
export function duration(t: Translator, seconds: number): string {
  if (seconds < 60) return `${t.number(Math.max(1, seconds), 0)} s`;
  if (seconds < 3600) return `${t.number(seconds / 60, 0)} min`;
  return `${t.number(seconds / 3600, 1)} h`;
}
