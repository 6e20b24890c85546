import { type Html, html } from '../../report/html';
import { clientTexts, type Language, type Translator, translator } from '../translations';
import { type IconName, icon } from './icons';
import { type PageContext, type Theme, themes } from './views';
import { taskName } from './words';

/** What differs between pages. */
export interface Page {
  /** Stands before the product's name in the window's title. */
  readonly title: string;
  /** The entry of the navigation that this page is: a task's name or another entry's. */
  readonly current?: string;
  readonly body: Html;
}

const product = 'visionbook';
const otherLanguage: Readonly<Record<Language, { readonly code: Language; readonly name: string }>> = {
  en: { code: 'es', name: 'Español' },
  es: { code: 'en', name: 'English' },
};
const favicon = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#0060a0"/><path d="M5 12c4-6 10-6 14 0-4 6-10 6-14 0Z" fill="none" stroke="#fff" stroke-width="2"/><circle cx="12" cy="12" r="2.5" fill="#fff"/></svg>',
)}`;

/** A whole page: head, navigation, switches, and `body` in the middle. */
export function layout(context: PageContext, { title, current, body }: Page): string {
  const { language, theme, assets, flash } = context;
  const t = translator(language);
  return html`<!doctype html>
<html lang="${language}" data-theme="${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<title>${title} · ${product}</title>
<link rel="icon" href="${favicon}">
<link rel="stylesheet" href="${assets.css}">
<script src="${assets.js}" defer></script>
</head>
<body data-texts="${JSON.stringify(clientTexts(language))}">
<a class="skip" href="#main">${t('nav.skip')}</a>
<header class="top">
<a class="brand" href="/">${product}</a>
${navigation(context, t, current)}
<div class="switches">${languageSwitch(context)}${themeSwitch(context, t)}</div>
</header>
<main id="main" tabindex="-1">
${flash ? html`<p class="note ${flash.kind}" role="${flash.kind === 'error' ? 'alert' : 'status'}">${flash.text}</p>` : ''}
${body}
</main>
<footer class="bottom">${account(context, t)}</footer>
<div class="unseen" id="live" role="status" aria-live="polite"></div>
<dialog id="confirm" aria-labelledby="confirm-text"><p id="confirm-text"></p><div class="actions">
<button type="button" class="button quiet" data-answer="no">${t('confirm.no')}</button><button type="button" class="button" data-answer="yes">${t('confirm.yes')}</button>
</div></dialog>
</body>
</html>
`.text;
}

/** The address of a task's page: the first task has the front page. */
function taskPath({ tasks }: PageContext, name: string): string {
  return tasks[0]?.name === name ? '/' : `/${name}`;
}

function navigation(context: PageContext, t: Translator, current: string | undefined): Html {
  const entry = (name: string, href: string, text: string, drawing: IconName): Html =>
    html`<li><a href="${href}"${current === name ? html` aria-current="page"` : ''}>${icon(drawing)}<span>${text}</span></a></li>`;
  return html`<nav class="main-nav" aria-label="${t('nav.label')}"><ul>
${context.tasks.map((task, index) => entry(task.name, taskPath(context, task.name), taskName(t, task), index === 0 ? 'food' : 'galaxy'))}
${entry('review', '/review', t('nav.review'), 'review')}
${entry('history', '/history', t('nav.history'), 'history')}
${entry('models', '/models', t('nav.models'), 'models')}
${entry('docs', '/docs', t('nav.docs'), 'api')}
</ul></nav>`;
}

function languageSwitch({ language, path }: PageContext): Html {
  const { code, name } = otherLanguage[language];
  return html`<form method="post" action="/language"><input type="hidden" name="back" value="${path}">
<button class="switch" name="language" value="${code}" lang="${code}">${name}</button></form>`;
}

/** One button that goes round: as the system has it, light, dark. */
function themeSwitch({ theme, path }: PageContext, t: Translator): Html {
  const names: Readonly<Record<Theme, string>> = { auto: t('theme.auto'), light: t('theme.light'), dark: t('theme.dark') };
  const next = themes[(themes.indexOf(theme) + 1) % themes.length]!;
  return html`<form method="post" action="/theme" data-themes="${JSON.stringify(names)}"><input type="hidden" name="back" value="${path}">
<button class="switch" name="theme" value="${next}" title="${names[theme]}" aria-label="${names[theme]}">${themes.map((name) => html`<span class="theme-${name}">${icon(name)}</span>`)}</button></form>`;
}

function account({ isAdmin, mayBecomeAdmin, path }: PageContext, t: Translator): Html | string {
  if (!mayBecomeAdmin) return '';
  if (!isAdmin) return html`<a href="/sign_in?back=${encodeURIComponent(path)}">${t('signIn.link')}</a>`;
  return html`<form method="post" action="/sign_out"><input type="hidden" name="back" value="${path}"><span>${t('signIn.admin')}</span> <button class="link">${t('signIn.out')}</button></form>`;
}

/** Links to the same page of each task, where there are several. */
export function taskTabs({ tasks }: PageContext, t: Translator, page: string, current: string): Html | string {
  if (tasks.length < 2) return '';
  return html`<nav class="tabs" aria-label="${t('nav.tasks')}"><ul>${tasks.map(
    (task) =>
      html`<li><a href="${page}?task=${encodeURIComponent(task.name)}"${task.name === current ? html` aria-current="page"` : ''}>${taskName(t, task)}</a></li>`,
  )}</ul></nav>`;
}

/** A picture that is not there (any more). */
export function noPicture(t: Translator): Html {
  return html`<span class="no-picture" role="img" aria-label="${t('picture.gone')}">${icon('picture')}</span>`;
}
