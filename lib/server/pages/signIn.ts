import { html } from '../../report/html';
import { translator } from '../translations';
import { layout } from './layout';
import type { PageContext, SignInView } from './views';

/** Asks for the server's token. */
export function signInPage(context: PageContext, { back, wasWrong }: SignInView): string {
  const t = translator(context.language);
  const body = html`<section class="card sign-in"><h1>${t('signIn.title')}</h1><p class="muted">${t('signIn.lead')}</p>
<form method="post" action="/sign_in"><input type="hidden" name="back" value="${back}">
<label class="field">${t('signIn.token')} <input type="password" name="token" required autocomplete="current-password" autofocus${wasWrong ? html` aria-invalid="true" aria-describedby="wrong"` : ''}></label>
${wasWrong ? html`<p class="note error" id="wrong" role="alert">${t('error.WRONG_TOKEN')}</p>` : ''}
<button class="button">${t('signIn.button')}</button></form></section>`;
  return layout(context, { title: t('signIn.title'), body });
}
