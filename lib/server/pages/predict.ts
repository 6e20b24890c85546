import { type Html, html } from '../../report/html';
import { type Translator, translator } from '../translations';
import { cards, pendingCard } from './card';
import { icon } from './icons';
import { layout } from './layout';
import { panel } from './retraining';
import type { ErrorText, ModelView, PageContext, PredictView, TaskView } from './views';
import { className, shortRun, taskName } from './words';

/** The page on which one uploads pictures and sees what the model says of them. */
export function predictPage(context: PageContext, { task, results, retraining, model, problem }: PredictView): string {
  const t = translator(context.language);
  const title = taskName(t, task);
  const body = html`<div class="predict">
<div class="work">
<h1>${t.find(`headline.${task.name}`) ?? title}</h1>
<p class="lead">${lead(t, task)}</p>
${problem && !model ? noModel(t, task, problem) : html`${uploadForm(t, task)}${pendingCard(context, task)}`}
<div id="results">${cards(context, task, results)}</div>
</div>
<aside>${model ? modelFacts(t, model) : ''}${retraining ? panel(context, task, retraining) : ''}</aside>
</div>`;
  return layout(context, { title, current: task.name, body });
}

/** More names than this are no longer read. */
const namedClasses = 5;

function lead(t: Translator, { classes }: TaskView): string {
  if (classes.length > namedClasses) return t('predict.leadMany', { count: classes.length });
  return t('predict.lead', { classes: t.list(classes.map((name) => className(t, name))) });
}

const accepted = 'image/jpeg,image/png,image/webp';

/** The script sends each picture by itself as soon as it is chosen; without a script there is a button. */
function uploadForm(t: Translator, { path }: TaskView): Html {
  return html`<form id="upload" class="drop" method="post" action="${path}" enctype="multipart/form-data">
${icon('upload')}
<div class="actions">
<label class="button"><input class="file" type="file" name="image" accept="${accepted}" multiple required>${t('upload.choose')}</label>
<label class="button quiet touch"><input class="file" type="file" accept="image/*" capture="environment">${icon('camera')}${t('upload.camera')}</label>
<noscript><button class="button">${t('upload.send')}</button></noscript>
</div>
<p class="hint"><span class="mouse">${t('upload.drop')}</span> ${t('upload.limits')}</p>
</form>`;
}

/** Which model answers, and what it has seen: a model of drawings must not pass for one of photographs. */
function modelFacts(t: Translator, { run, dataName, isSample, isStandIn }: ModelView): Html {
  return html`<section class="card model-facts" aria-labelledby="model-title"><h2 id="model-title">${t('model.title')}</h2>
<p><b>${shortRun(run)}</b></p>
<p class="badges">${isSample ? html`<span class="badge sample">${t('model.sample')}</span>` : html`<span>${t('model.data', { name: dataName })}</span>`}${isStandIn ? html` <span class="badge sample">${t('model.standIn')}</span>` : ''}</p>
${isSample ? html`<p class="muted">${t('model.sampleMeaning')}</p>` : ''}
<p><a href="/models">${t('model.all')}</a></p></section>`;
}

function noModel(t: Translator, { name }: TaskView, problem: ErrorText): Html {
  return html`<section class="card empty"><h2>${t('problem.title')}</h2><p class="muted reason" lang="en">${problem.message}</p>
<p>${t('problem.run')}</p><pre><code>npm run train -- ${name}</code></pre></section>`;
}
