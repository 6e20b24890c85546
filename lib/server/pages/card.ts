import { type Html, html } from '../../report/html';
import { type Translator, translator } from '../translations';
import { correctionForm } from './correction';
import { icon } from './icons';
import { noPicture } from './layout';
import type { ClassShare, PageContext, ResultView, TaskView } from './views';
import { className, decisionWords, errorWords, labelsOf, shortRun } from './words';

/**
 * A card for each picture: the answer to an upload with `Accept: text/x-fragment`, which the script puts into the page, and what stands in
 * the page that is answered without a script.
 */
export function resultCards(context: PageContext, task: TaskView, results: readonly ResultView[]): string {
  return cards(context, task, results).text;
}

export function cards(context: PageContext, task: TaskView, results: readonly ResultView[]): Html {
  return html`${results.map((result) => card(context, task, result))}`;
}

function card(context: PageContext, task: TaskView, result: ResultView): Html {
  const { id, filename, upload, error, decision } = result;
  const t = translator(context.language);
  return resultArticle({
    attributes: html`${id === null ? '' : html` id="result-${id}"`}${upload ? html` data-upload="${upload}"` : ''} aria-label="${filename}"`,
    picture: upload ? picture(upload, filename) : noPicture(t),
    looks: html`${maps(t, task, result)}${facts(t, result)}`,
    filename,
    heading: error
      ? html`<p class="decision is-error">${errorWords(t, error)}</p>`
      : html`<h2 class="decision is-${decision?.kind ?? 'none'}">${decision ? decisionWords(t, decision) : ''}</h2>`,
    answer: html`${bars(t, task, result)}${correction(context, t, task, result)}`,
  });
}

/**
 * What the script shows while a picture is on its way: a card of the same size as the answer's, whose text is hidden, so that nothing moves
 * when the answer comes.
 */
export function pendingCard(context: PageContext, task: TaskView): Html {
  const t = translator(context.language);
  const upload = 'pending';
  const threshold = task.kind === 'multilabel' ? { threshold: 0.5 } : {};
  const probabilities = task.classes.map((name) => ({ name, share: 0, ...threshold }));
  const nothing: ResultView = { id: null, filename: '', upload, decision: { kind: 'none' }, probabilities, milliseconds: 0 };
  const article = resultArticle({
    className: 'pending',
    attributes: html` aria-busy="true"`,
    picture: html`${icon('picture')}<img alt="" width="640" height="480" hidden>`,
    looks: html`${maps(t, task, nothing)}${facts(t, nothing)}`,
    filename: '',
    heading: html`<p class="decision status"></p><div class="retry actions"></div>`,
    answer: html`${bars(t, task, nothing)}${correction(context, t, task, nothing)}`,
  });
  return html`<template id="pending">${article}</template>`;
}

/** The parts of a card: on a telephone the heading stands above the picture, else beside it. */
interface CardParts {
  readonly className?: string;
  readonly attributes: Html;
  readonly picture: Html;
  /** Below the picture, which it is about. */
  readonly looks?: Html;
  readonly filename: string;
  readonly heading: Html;
  readonly answer: Html;
}

export function resultArticle({ className = '', attributes, picture, looks, filename, heading, answer }: CardParts): Html {
  return html`<article class="card result ${className}"${attributes}>
<div class="look"><div class="picture">${picture}</div>
${looks ?? ''}</div>
<div class="answer"><div class="head"><p class="filename">${filename}</p>${heading}</div>
${answer}</div></article>
`;
}

export function picture(upload: string, filename: string): Html {
  return html`<img src="/uploads/${encodeURIComponent(upload)}?size=640" alt="${filename}" width="640" height="480" loading="lazy">`;
}

function correction({ path }: PageContext, t: Translator, task: TaskView, result: ResultView): Html | string {
  const { id, upload, decision, correction: saved } = result;
  if (!decision || !upload || !task.acceptsCorrections) return '';
  const suggested = labelsOf(decision, task.classes);
  const back = id === null ? path : `${path}#result-${id}`;
  return correctionForm(t, { task, upload, prediction: id, back, ...(saved && { correction: saved }), ...(suggested && { suggested }) });
}

function facts(t: Translator, { milliseconds, model }: ResultView): Html | string {
  const known = [
    ...(model === undefined ? [] : [t('card.model', { model: shortRun(model) })]),
    ...(milliseconds === undefined ? [] : [`${t.number(milliseconds, milliseconds < 10 ? 1 : 0)} ms`]),
  ];
  return known.length > 0 ? html`<p class="facts">${known.join(' · ')}</p>` : '';
}

/** More bars than this are folded: ten classes would push everything else off a telephone. */
const barsShown = 4;

/** A bar a class, the most probable first where there is but one right class; a line marks its threshold. */
function bars(t: Translator, { kind }: TaskView, { probabilities = [], decision }: ResultView): Html | string {
  if (probabilities.length === 0) return '';
  const sorted = kind === 'multilabel' ? probabilities : [...probabilities].sort((one, other) => other.share - one.share);
  const row = ({ name, share, threshold }: ClassShare, index: number): Html => {
    const isPresent = kind === 'multiclass' ? index === 0 : decision?.kind === 'classes' && decision.classes.includes(name);
    return html`<li class="${isPresent ? 'is-present' : ''}"><span class="bar-name">${className(t, name)}</span><span class="bar-value">${t.percent(share)}</span>
<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-track" width="100" height="8"/><rect class="bar-fill" width="${(100 * share).toFixed(2)}" height="8"/>${
      threshold === undefined ? '' : html`<rect class="bar-mark" x="${100 * threshold - 0.25}" width="0.5" height="8"/>`
    }</svg></li>`;
  };
  const rows = sorted.map(row);
  const rest = kind === 'multiclass' ? rows.splice(barsShown) : [];
  return html`<ul class="bars" aria-label="${t('card.probabilities')}">${rows}</ul>
${rest.length > 0 ? html`<details class="more"><summary>${t('card.moreClasses', { count: rest.length })}</summary><ul class="bars">${rest}</ul></details>` : ''}
${thresholdNote(t, probabilities)}`;
}

function thresholdNote(t: Translator, probabilities: readonly ClassShare[]): Html | string {
  const [first, ...others] = new Set(probabilities.flatMap(({ threshold }) => threshold ?? []));
  if (first === undefined) return '';
  return html`<p class="bars-note">${others.length === 0 ? t('card.threshold', { threshold: t.percent(first, 0) }) : t('card.thresholds')}</p>`;
}

/** Where there are many classes, only the most probable are worth a look. */
const mapsShown = 3;

/** Links to the overlays; the script turns them into buttons that lay them over the picture. */
function maps(t: Translator, { kind, name: task }: TaskView, { upload, probabilities = [] }: ResultView): Html | string {
  if (!upload || probabilities.length === 0) return '';
  const indexed = probabilities.map((probability, index) => ({ ...probability, index }));
  const shown = kind === 'multilabel' ? indexed : indexed.sort((one, other) => other.share - one.share).slice(0, mapsShown);
  return html`<div class="maps" role="group" aria-label="${t('maps.title')}"><span class="maps-title">${t('maps.title')}</span>
${shown.map(({ name, index }) => html`<a class="chip-link" href="/maps/${encodeURIComponent(upload)}?task=${encodeURIComponent(task)}&amp;class=${index}" data-map>${className(t, name)}</a>`)}
</div>`;
}
