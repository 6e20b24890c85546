import { type Html, html } from '../../report/html';
import { type Translator, translator } from '../translations';
import { picture as pictureOf, resultArticle } from './card';
import { correctionForm } from './correction';
import { layout, taskTabs } from './layout';
import type { PageContext, PastPrediction, ReviewView, TaskView } from './views';
import { className, decisionWords, labelsOf } from './words';

/** The pictures from which the model has most to learn, with chips to label them one after the other. */
export function reviewPage(context: PageContext, { task, pictures }: ReviewView): string {
  const t = translator(context.language);
  const body = html`<h1>${t('review.title')}</h1>
<p class="lead">${t('review.lead')}</p>
${taskTabs(context, t, '/review', task.name)}
${pictures.length > 0 ? html`<p class="keys mouse">${t('review.keys', { count: task.classes.length })}</p>` : ''}
<div class="review" data-review>${pictures.map((picture) => reviewCard(context, t, task, picture))}</div>
<section class="card empty review-done"${pictures.length > 0 ? html` hidden` : ''}><h2>${t('review.doneTitle')}</h2><p>${t('review.done')}</p><p><a class="button" href="${task.path}">${t('history.start')}</a></p></section>`;
  return layout(context, { title: t('review.title'), current: 'review', body });
}

function reviewCard({ path }: PageContext, t: Translator, task: TaskView, picture: PastPrediction): Html {
  const { id, filename, uploadFile, decision, correctedLabels, classes, probabilities } = picture;
  if (!uploadFile) return html``;
  const suggested = labelsOf(decision, task.classes);
  const shares = classes.map((name, index) => `${className(t, name)} ${t.percent(probabilities[index]!, 0)}`);
  return resultArticle({
    attributes: html` id="result-${id}" aria-label="${filename}"`,
    picture: pictureOf(uploadFile, filename),
    filename,
    heading: html`<h2 class="decision is-${decision.kind}">${decisionWords(t, decision)}</h2><p class="muted">${shares.join(' · ')}</p>`,
    answer: correctionForm(t, {
      task,
      upload: uploadFile,
      prediction: id,
      back: path,
      ...(correctedLabels && { correction: correctedLabels }),
      ...(suggested && { suggested }),
    }),
  });
}
