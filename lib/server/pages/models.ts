import type { Version } from '../../corrections';
import type { VersionEvent } from '../../models';
import { type Html, html } from '../../report/html';
import { type Translator, translator } from '../translations';
import { comparison } from './compare';
import { actionForm, hiddenFields } from './forms';
import { layout, taskTabs } from './layout';
import { metricHeading, shownMetrics, withInterval } from './metrics';
import { gateFacts } from './retraining';
import { trialSection } from './trial';
import type { ModelsView, PageContext } from './views';
import { shortRun } from './words';

/** All versions of a task's model: how good they are, what became of them, and what an administrator may do with them. */
export function modelsPage(context: PageContext, view: ModelsView): string {
  const { task, versions, compare, events } = view;
  const t = translator(context.language);
  const body = html`<h1>${t('models.title')}</h1>
<p class="lead">${t('models.lead')}</p>
${taskTabs(context, t, '/models', task.name)}
${versions.length === 0 ? html`<section class="card empty"><p>${t('models.none')}</p><pre><code>npm run train -- ${task.name}</code></pre></section>` : ''}
${compare ? comparison(t, compare) : ''}
${versions.length > 1 ? chooser(t, view) : ''}
<div class="versions">${versions.map((version) => versionCard(context, t, view, version))}</div>
${versions.length > 1 ? trialSection(context, t, view) : ''}
${events.length > 0 ? timeline(t, events) : ''}`;
  return layout(context, { title: t('models.title'), current: 'models', body });
}

/** The button of the form whose choices stand in the versions' cards. */
function chooser(t: Translator, { task }: ModelsView): Html {
  return html`<form id="compare" class="compare-bar" method="get" action="/models">${hiddenFields({ task: task.name })}<span>${t('compare.choose')}</span> <button class="button quiet">${t('compare.button')}</button></form>`;
}

function versionCard(context: PageContext, t: Translator, view: ModelsView, version: Version): Html {
  const { run, state, createdAt, data, weights, backbone, parent, trainedOn, gate, reason } = version;
  return html`<article class="card version is-${state.replace(' ', '-')}" id="${run}" aria-label="${shortRun(run)}">
<header><h2>${shortRun(run)}</h2><span class="badge ${state.replace(' ', '-')}">${t(`state.${state}`)}</span>${data.isSample ? html`<span class="badge sample">${t('model.sample')}</span>` : ''}${weights.isStandIn ? html`<span class="badge sample">${t('model.standIn')}</span>` : ''}</header>
<p class="muted"><time datetime="${createdAt}">${t.time(createdAt)}</time> · ${backbone}${parent ? html` · ${t('models.continues')} <a href="#${parent}">${shortRun(parent)}</a>` : ''}</p>
<p>${t('models.trainedOn')} <span lang="en">${trainedOn}</span></p>
${metricsTable(t, version)}
${gate ? html`<div class="gate"><span class="badge ${gate.verdict}">${t(`verdict.${gate.verdict}`)}</span>${gateFacts(t, gate)}</div>` : reason ? html`<p class="muted reason" lang="en">${reason}</p>` : ''}
${view.versions.length > 1 ? choices(t, view, version) : ''}
${context.isAdmin ? actions(context, t, view, version) : ''}
</article>
`;
}

/** Validation stands beside test: it chose the epoch, so it is the kinder of the two. */
function metricsTable(t: Translator, { metrics }: Version): Html {
  if (!metrics?.test && !metrics?.validation) return html`<p class="muted">${t('models.noMetrics')}</p>`;
  const splits = (['test', 'validation'] as const).filter((split) => metrics[split]);
  return html`<table class="metrics"><thead><tr><td></td>${splits.map((split) => html`<th scope="col">${t(`split.${split}`)} <small>${t('models.pictures', { count: metrics[split]!.count })}</small></th>`)}</tr></thead>
<tbody>${shownMetrics(metrics[splits[0]!]!).map(
    (metric) =>
      html`<tr><th scope="row">${metricHeading(t, metric)}</th>${splits.map((split) => html`<td>${withInterval(t, metrics[split]!, metric)}</td>`)}</tr>`,
  )}</tbody></table>`;
}

/** Without a choice, what is served is put beside the newest other version. */
function choices(t: Translator, { versions, compare }: ModelsView, { run }: Version): Html {
  const [one, other] = compare?.map((version) => version.run) ?? suggested(versions);
  const radio = (name: 'a' | 'b', isChecked: boolean): Html =>
    html`<label class="check"><input type="radio" form="compare" name="${name}" value="${run}"${isChecked ? html` checked` : ''}> ${t(`compare.${name}`)}</label>`;
  return html`<div class="compare-choice" role="group" aria-label="${t('compare.group', { model: shortRun(run) })}"><span>${t('compare.as')}</span> ${radio('a', run === one)} ${radio('b', run === other)}</div>`;
}

function suggested(versions: readonly Version[]): [string | undefined, string | undefined] {
  const served = versions.find(({ state }) => state === 'serving') ?? versions[0];
  return [served?.run, versions.find((version) => version !== served)?.run];
}

/** What was served before comes back by a rollback, anything else by a promotion: the history then says what happened. */
function actions({ path }: PageContext, t: Translator, { task, versions }: ModelsView, { run, state }: Version): Html | string {
  const model = shortRun(run);
  const fields = { task: task.name, back: path };
  if (state === 'serving') {
    if (!versions.some((version) => version.state === 'earlier')) return '';
    return actionForm(t, {
      action: '/models/rollback',
      fields,
      label: t('models.rollback'),
      confirm: t('models.rollbackConfirm', { model }),
      isQuiet: true,
    });
  }
  if (state === 'earlier') {
    return actionForm(t, {
      action: '/models/rollback',
      fields: { ...fields, to: run },
      label: t('models.rollbackTo'),
      confirm: t('models.rollbackToConfirm', { model }),
      isQuiet: true,
    });
  }
  return actionForm(t, {
    action: '/models/promote',
    fields: { ...fields, run },
    label: t('models.promote'),
    confirm: t('models.promoteConfirm', { model }),
    isQuiet: true,
  });
}

function timeline(t: Translator, events: readonly VersionEvent[]): Html {
  return html`<section class="card" aria-labelledby="events-title"><h2 id="events-title">${t('events.title')}</h2><ol class="timeline">${events.map(
    ({ at, kind, run, reason }) =>
      html`<li><time datetime="${at}">${t.time(at)}</time> <span class="badge ${kind.replace(' ', '-')}">${t(`event.${kind}`)}</span> <a href="#${run}">${shortRun(run)}</a> <span class="muted reason" lang="en">${reason}</span></li>`,
  )}</ol></section>`;
}
