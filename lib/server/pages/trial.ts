import { type Html, html } from '../../report/html';
import type { Translator } from '../translations';
import { actionForm, confirmBox, hiddenFields } from './forms';
import type { ModelsView, PageContext } from './views';
import { shortRun } from './words';

/** A/B: a second version answers a share of the requests, and both say what they see. */
export function trialSection(context: PageContext, t: Translator, view: ModelsView): Html | string {
  const { task, trial } = view;
  if (!trial && !context.isAdmin) return '';
  const fields = { task: task.name, back: context.path };
  return html`<section class="card trial" id="trial" aria-labelledby="trial-title"><h2 id="trial-title">${t('trial.title')}</h2>
${trial ? running(t, view, trial) : html`<p class="muted">${t('trial.explanation')}</p>`}
${!context.isAdmin ? '' : trial ? ending(t, fields, trial.run) : starting(t, fields, view)}
</section>`;
}

function running(t: Translator, { agreement }: ModelsView, { run, share }: NonNullable<ModelsView['trial']>): Html {
  const { compared, agreed } = agreement ?? { compared: 0, agreed: 0 };
  return html`<p>${t('trial.running', { model: shortRun(run), share: t.percent(share, 0) })}</p>
<p>${compared === 0 ? t('trial.nothing') : t('trial.agreement', { count: compared, agreed, share: t.percent(agreed / compared) })}</p>
${compared === 0 ? '' : html`<meter class="agreement" min="0" max="1" value="${(agreed / compared).toFixed(3)}" aria-label="${t('trial.agreementLabel')}"></meter>`}`;
}

function ending(t: Translator, fields: Readonly<Record<string, string>>, run: string): Html {
  const model = shortRun(run);
  return html`<div class="actions">${actionForm(t, { action: '/models/trial', fields: { ...fields, end: '1' }, label: t('trial.end'), confirm: t('trial.endConfirm'), isQuiet: true })}
${actionForm(t, { action: '/models/promote', fields: { ...fields, run }, label: t('trial.promote'), confirm: t('models.promoteConfirm', { model }), isQuiet: true })}</div>`;
}

function starting(t: Translator, fields: Readonly<Record<string, string>>, { versions }: ModelsView): Html {
  const others = versions.filter(({ state }) => state !== 'serving');
  return html`<form class="trial-form" method="post" action="/models/trial" data-confirm="${t('trial.confirm')}">${hiddenFields(fields)}
<label class="field">${t('trial.version')} <select name="run">${others.map(({ run, state }) => html`<option value="${run}">${shortRun(run)} (${t(`state.${state}`)})</option>`)}</select></label>
<label class="field">${t('trial.share')} <span class="range"><input type="range" name="share" min="0.05" max="0.5" step="0.05" value="0.2"><small class="no-script">5–50 %</small><output>${t.percent(0.2, 0)}</output></span></label>
${confirmBox(t)}<button class="button quiet">${t('trial.start')}</button></form>`;
}
