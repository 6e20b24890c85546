import { html } from '../../report/html';
import { translator } from '../translations';
import { layout } from './layout';
import type { ErrorView, PageContext } from './views';
import { errorWords } from './words';

/** What went wrong, in words, and a way back. */
export function errorPage(context: PageContext, { status, ...error }: ErrorView): string {
  const t = translator(context.language);
  const title = t(
    status === 404 ? 'errorPage.missing' : status < 500 ? 'errorPage.refused' : status === 503 ? 'errorPage.busy' : 'errorPage.broken',
  );
  const isSignInNeeded = status === 401 && context.mayBecomeAdmin;
  const body = html`<section class="card empty"><p class="status" aria-hidden="true">${status}</p><h1>${title}</h1><p>${errorWords(t, error)}</p>
<p><a class="button" href="${isSignInNeeded ? html`/sign_in?back=${encodeURIComponent(context.path)}` : '/'}">${t(isSignInNeeded ? 'signIn.link' : 'errorPage.home')}</a></p></section>`;
  return layout(context, { title, body });
}
