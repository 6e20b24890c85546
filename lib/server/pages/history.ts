import { type Html, html } from '../../report/html';
import { type Translator, translator } from '../translations';
import { hiddenFields } from './forms';
import { layout, noPicture, taskTabs } from './layout';
import type { HistoryFilter, HistoryView, PageContext, PastPrediction, TaskView } from './views';
import { className, decisionWords, labelWords, shortRun } from './words';

/** All predictions of a task, newest first, with a filter; each leads to its card, where it can be corrected. */
export function historyPage(context: PageContext, view: HistoryView): string {
  const { task, predictions, filter, next, isContinued, total } = view;
  const t = translator(context.language);
  const first = addressOf(task, filter);
  const body = html`<h1>${t('history.title')}</h1>
<p class="lead">${t('history.lead')}</p>
${taskTabs(context, t, '/history', task.name)}
${filterForm(t, view)}
<p class="muted" role="status">${t('history.count', { count: total })}</p>
${predictions.length === 0 ? nothing(t, view) : html`<ul class="history">${predictions.map((prediction) => row(t, task, prediction))}</ul>`}
<nav class="pager" aria-label="${t('history.pages')}">${isContinued ? html`<a class="button quiet" href="${first}">${t('history.newest')}</a>` : ''}
${next === null ? '' : html`<a class="button quiet" rel="next" href="${first}&amp;cursor=${encodeURIComponent(next)}">${t('history.older')}</a>`}</nav>`;
  return layout(context, { title: t('history.title'), current: 'history', body });
}

function addressOf({ name }: TaskView, filter: HistoryFilter): string {
  const set = Object.entries(filter).filter(([, value]) => value);
  return `/history?${new URLSearchParams([['task', name], ...set] as [string, string][])}`;
}

function filterForm(t: Translator, { task, filter, models }: HistoryView): Html {
  const decisions = [
    ...task.classes.map((name) => [name, className(t, name)] as const),
    ...(task.kind === 'multilabel'
      ? ([
          ['none', t('decision.none')],
          ['uncertain', t('decision.unsure')],
        ] as const)
      : []),
  ];
  const runs = models.map((run) => [run, shortRun(run)] as const);
  return html`<form class="card filter" method="get" action="/history" role="search">${hiddenFields({ task: task.name })}
${select(t, 'decision', t('history.decision'), decisions, filter.decision)}
${select(t, 'model', t('history.model'), runs, filter.model)}
<label class="field">${t('history.search')} <input type="search" name="search" value="${filter.search ?? ''}"></label>
<label class="field">${t('history.from')} <input type="date" name="from" value="${filter.from ?? ''}"></label>
<label class="field">${t('history.to')} <input type="date" name="to" value="${filter.to ?? ''}"></label>
<div class="actions"><button class="button quiet">${t('history.filter')}</button>${isSet(filter) ? html` <a class="link" href="/history?task=${encodeURIComponent(task.name)}">${t('history.clear')}</a>` : ''}</div>
</form>`;
}

function select(
  t: Translator,
  name: string,
  label: string,
  options: readonly (readonly [string, string])[],
  chosen: string | undefined,
): Html {
  return html`<label class="field">${label} <select name="${name}"><option value="">${t('history.all')}</option>${options.map(
    ([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : ''}>${text}</option>`,
  )}</select></label>`;
}

function isSet(filter: HistoryFilter): boolean {
  return Object.values(filter).some(Boolean);
}

function nothing(t: Translator, { task, filter }: HistoryView): Html {
  return html`<section class="card empty"><p>${isSet(filter) ? t('history.noMatch') : t('history.empty')}</p>${isSet(filter) ? '' : html`<p><a class="button" href="${task.path}">${t('history.start')}</a></p>`}</section>`;
}

function row(t: Translator, task: TaskView, prediction: PastPrediction): Html {
  const { filename, uploadFile, createdAt, decision, confidence, modelRun, correctedLabels, classes } = prediction;
  const time = createdAt.toISOString();
  return html`<li class="card past"><div class="thumb">${uploadFile ? html`<img src="/uploads/${encodeURIComponent(uploadFile)}?size=160" alt="" width="72" height="72" loading="lazy">` : noPicture(t)}</div>
<div class="past-main">${uploadFile ? html`<a class="decision" href="${task.path}?show=${encodeURIComponent(uploadFile)}">${decisionWords(t, decision)}</a>` : html`<span class="decision">${decisionWords(t, decision)}</span>`}
<span class="filename">${filename}</span>${correctedLabels ? html`<span class="corrected">${t('history.corrected', { labels: labelWords(t, classes, correctedLabels) })}</span>` : ''}</div>
<div class="past-side"><span class="confidence">${t.percent(confidence, 0)}</span><time datetime="${time}">${t.time(time)}</time><span class="muted">${shortRun(modelRun)}</span></div></li>
`;
}
