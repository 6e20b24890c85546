import type { GateResult, RetrainingState } from '../../corrections';
import { type Html, html } from '../../report/html';
import { type Translator, translator } from '../translations';
import { actionForm } from './forms';
import type { PageContext, TaskView } from './views';
import { duration, shortRun } from './words';

/** How learning from corrections stands. The script takes it anew from the page when the server's events say that something has changed. */
export function panel(context: PageContext, task: TaskView, state: RetrainingState): Html {
  const t = translator(context.language);
  const { fresh, minimum } = state;
  const headline = headlineOf(t, state);
  return html`<section class="card retraining is-${state.status}" id="retraining" data-task="${task.name}" data-state="${JSON.stringify(state)}" data-headline="${headline}" aria-labelledby="retraining-title">
<h2 id="retraining-title">${t('retraining.title')}</h2>
<p class="headline">${headline}</p>
${state.status === 'running' ? progress(t, state) : html`<progress max="${minimum}" value="${Math.min(fresh, minimum)}" aria-label="${t('retraining.corrections')}"></progress>`}
<p class="muted">${state.status === 'running' ? t('retraining.meanwhile') : t('retraining.explanation', { count: minimum })}</p>
${trigger(context, t, task, state)}
${state.last ? lastResult(t, state.last) : ''}
</section>`;
}

function headlineOf(t: Translator, { status, stage, fresh, minimum, message }: RetrainingState): string {
  if (status === 'running') return t(stage ? `stage.${stage}` : 'retraining.running');
  if (status === 'failed') return t('retraining.failed', { reason: message });
  if (status === 'waiting') return t('retraining.due');
  return t('retraining.waiting', { fresh, count: minimum });
}

function progress(t: Translator, { progress: share, epoch, epochs, etaSeconds }: RetrainingState): Html {
  const parts = [
    ...(epoch !== undefined && epochs !== undefined ? [t('retraining.epoch', { epoch, epochs })] : []),
    ...(etaSeconds === undefined ? [] : [t('retraining.eta', { time: duration(t, etaSeconds) })]),
  ];
  // Without a value the bar only says that something is under way.
  return html`<progress max="1"${share === undefined ? '' : html` value="${share.toFixed(3)}"`} aria-label="${t('retraining.progress')}"></progress>
<p class="progress-text">${parts.join(' · ')}</p>`;
}

function trigger(
  { isAdmin, mayBecomeAdmin, path }: PageContext,
  t: Translator,
  task: TaskView,
  { status, pending }: RetrainingState,
): Html | string {
  if (status === 'running') return '';
  if (isAdmin) {
    const fields = { task: task.name, back: path };
    return actionForm(t, { action: '/trigger_retrain', fields, label: t('retraining.now'), isQuiet: true, isDisabled: pending === 0 });
  }
  return mayBecomeAdmin ? html`<p class="muted"><a href="/sign_in?back=${encodeURIComponent(path)}">${t('retraining.signIn')}</a></p>` : '';
}

function lastResult(t: Translator, { at, run, verdict, reason, gate }: NonNullable<RetrainingState['last']>): Html {
  return html`<div class="last"><h3>${t('retraining.last')} <span class="badge ${verdict}">${t(`verdict.${verdict}`)}</span></h3>
<p class="muted"><time datetime="${at}">${t.time(at)}</time>${run === undefined ? '' : ` · ${shortRun(run)}`}</p>
${gate ? gateFacts(t, gate) : html`<p class="reason" lang="en">${reason}</p>`}
<p><a href="/models">${t('retraining.models')}</a></p></div>`;
}

/** What decided on a retrained model, in numbers. The reason is the gate's own English sentence, so other languages show the numbers alone. */
export function gateFacts(t: Translator, { reason, corrections, test }: GateResult): Html {
  if (t.language === 'en') return html`<p class="reason">${reason}.</p>`;
  const { count, before, after } = corrections;
  return html`<ul class="plain"><li>${t('gate.corrections', { count, before, after })}</li><li>${testFact(t, test)}</li></ul>`;
}

function testFact(t: Translator, { metric, count, before, after, difference, interval, tolerance }: GateResult['test']): string {
  if (difference === null || interval === null) return t('gate.noTest', { count });
  return t('gate.test', {
    count,
    metric: t(`metric.${metric}`),
    before: t.number(before),
    after: t.number(after),
    difference: t.difference(difference),
    low: t.difference(interval[0]),
    high: t.difference(interval[1]),
    tolerance: t.number(tolerance),
  });
}
