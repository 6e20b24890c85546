import type { ClientKey } from '../translations';
import { type Language, locales } from '../translations/languages';
import { formatMessage, type Message, type MessageValues } from '../translations/message';

/** The page's language. */
const language = document.documentElement.lang as Language;

const texts = JSON.parse(document.body.dataset.texts ?? '{}') as Readonly<Record<ClientKey, Message>>;

/** How its numbers, dates and lists are written. */
export const locale = locales[language];

/** One of the texts that the page brought along. */
export function say(key: ClientKey, values?: MessageValues): string {
  return formatMessage(texts[key], language, values);
}

/** The one element that must be there: the page and this script are of one version. */
export function find<Found extends Element = HTMLElement>(selector: string, root: ParentNode = document): Found {
  return root.querySelector<Found>(selector)!;
}

export function findAll<Found extends Element = HTMLElement>(selector: string, root: ParentNode = document): Found[] {
  return [...root.querySelectorAll<Found>(selector)];
}

/** An element with text in it: text is never read as HTML. */
export function create<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string, text = ''): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Tells a screen reader what has changed, without moving the focus. */
export function announce(text: string): void {
  find('#live').textContent = text;
}

const toastMilliseconds = 6000;
let toastTimer = 0;

/** Shows and tells that something did not work, where the page has no better place for it. */
export function complain(text: string): void {
  const toast = document.querySelector<HTMLElement>('.toast') ?? document.body.appendChild(create('div', 'toast'));
  toast.setAttribute('role', 'alert');
  toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(() => toast.remove(), toastMilliseconds);
}

/** Parses a page's or a fragment's HTML. Scripts in it do not run. */
export function parse(html: string): Document {
  return new DOMParser().parseFromString(html, 'text/html');
}

/** Something that the server refused, in words. */
export class Refused extends Error {}

/**
 * Sends a form's fields and asks for JSON.
 *
 * @throws Refused, with the server's words or with ours when it cannot be reached
 */
export async function send(action: string, fields: FormData): Promise<void> {
  const body = new URLSearchParams([...fields].map(([name, value]) => [name, String(value)]));
  const response = await fetch(action, { method: 'POST', body, headers: { accept: 'application/json' } }).catch(() => undefined);
  if (!response) throw new Refused(say('client.offline'));
  if (!response.ok) throw new Refused(await reasonOf(response));
}

/** Why the server refused: in the page's language where the error is a known one, else in the server's own words. */
export async function reasonOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  const { code, message } = (body ?? {}) as { code?: unknown; message?: unknown };
  const key = `error.${code}`;
  if (Object.hasOwn(texts, key)) return say(key as ClientKey);
  return typeof message === 'string' ? message : say('client.failed');
}
