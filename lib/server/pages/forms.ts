import { type Html, html } from '../../report/html';
import type { Translator } from '../translations';

/** A form that is one button. */
export interface ActionForm {
  readonly action: string;
  /** Sent with it. */
  readonly fields: Readonly<Record<string, string>>;
  readonly label: string;
  /** What a reader has to say yes to first. */
  readonly confirm?: string;
  readonly isQuiet?: boolean;
  readonly isDisabled?: boolean;
}

/** The script asks in a dialog; without a script the question is a box to tick. */
export function actionForm(t: Translator, { action, fields, label, confirm, isQuiet, isDisabled }: ActionForm): Html {
  return html`<form class="action" method="post" action="${action}"${confirm ? html` data-confirm="${confirm}"` : ''}>
${hiddenFields(fields)}${confirm ? confirmBox(t) : ''}<button class="button ${isQuiet ? 'quiet' : ''}"${isDisabled ? html` disabled` : ''}>${label}</button></form>`;
}

/** What stands in for the script's dialog. */
export function confirmBox(t: Translator): Html {
  return html`<noscript><label class="check"><input type="checkbox" name="confirm" value="1" required> ${t('confirm.box')}</label></noscript>`;
}

export function hiddenFields(fields: Readonly<Record<string, string>>): Html {
  return html`${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}`;
}
