import { type Html, html } from '../../report/html';
import type { Translator } from '../translations';
import { hiddenFields } from './forms';
import type { TaskView } from './views';
import { className, labelWords } from './words';

/** A picture that a reader may say the truth about. */
export interface Correctable {
  readonly task: TaskView;
  /** The picture's name among the uploads. */
  readonly upload: string;
  /** The prediction's number, where it has one. */
  readonly prediction: number | null;
  /** What was saved, one 0 or 1 for each class. */
  readonly correction?: readonly number[];
  /** What to mark when nothing was saved. */
  readonly suggested?: readonly number[];
  /** Where the form comes back to without a script. */
  readonly back: string;
}

/** Chips for the classes and for "none of these", what was saved, and how to take it back. */
export function correctionForm(t: Translator, correctable: Correctable): Html {
  const { task, upload, prediction, correction, suggested, back } = correctable;
  const marked = correction ?? suggested;
  const isNone = marked?.every((label) => label === 0) ?? false;
  const type = task.kind === 'multilabel' ? 'checkbox' : 'radio';
  const fields = { task: task.name, upload, back, ...(prediction !== null && { prediction: String(prediction) }) };
  return html`<form class="correction" method="post" action="/correct_labels" data-correction>
${hiddenFields(fields)}<fieldset><legend>${t('correction.question')}</legend><div class="chips">
${task.classes.map(
  (name, index) =>
    html`<label class="chip"><input type="${type}" name="labels" value="${name}"${checked(marked?.[index] === 1)}><span>${className(t, name)}</span></label>`,
)}
${task.kind === 'multilabel' ? html`<label class="chip"><input type="checkbox" name="none" value="1"${checked(isNone)}><span>${t('decision.none')}</span></label>` : ''}
</div></fieldset>
<div class="actions"><button class="button quiet" value="save">${t('correction.save')}</button>
<button class="link" value="undo" formaction="/undo_correction"${correction ? '' : html` hidden`}>${t('correction.undo')}</button>
<span class="saved" role="status">${correction ? t('client.saved', { labels: labelWords(t, task.classes, correction) }) : ''}</span></div>
</form>`;
}

function checked(isChecked: boolean): Html | string {
  return isChecked ? html` checked` : '';
}
