import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Theme, themes } from './pages';
import { type Language, languages } from './translations';

export const languageSchema = z.enum(languages);
export const themeSchema = z.enum(themes);

/** How a visitor wants the pages. */
export interface Preferences {
  readonly language: Language;
  readonly theme: Theme;
}

const yearSeconds = 365 * 24 * 3600;

/** What a visitor chose before; else the browser's first language that the pages speak, and the system's colours. */
export function preferencesOf({ cookies, headers }: FastifyRequest): Preferences {
  return {
    language: languageSchema.safeParse(cookies.language).data ?? acceptedLanguage(headers['accept-language']),
    theme: themeSchema.safeParse(cookies.theme).data ?? 'auto',
  };
}

export function rememberPreference(reply: FastifyReply, name: keyof Preferences, value: string): void {
  reply.setCookie(name, value, { path: '/', maxAge: yearSeconds, sameSite: 'lax', httpOnly: true });
}

/** By the qualities of RFC 9110, section 12.5.4: `es-EC,es;q=0.9,en;q=0.8` is Spanish. */
export function acceptedLanguage(header = ''): Language {
  const wanted = header.split(',').map((part, order) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    return { language: range.split('-')[0]!.toLowerCase(), quality, order };
  });
  wanted.sort((one, other) => other.quality - one.quality || one.order - other.order);
  return wanted.flatMap(({ language, quality }) => (quality > 0 ? (languageSchema.safeParse(language).data ?? []) : []))[0] ?? 'en';
}

/** A path of this server to go back to: an address elsewhere, which somebody may have put into a form, leads to the first page. */
export function backPath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])/.test(path) ? path : '/';
}
