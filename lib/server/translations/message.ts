import { type Language, locales } from './languages';

/** A text with `{names}` for values; where its wording depends on a number, one text for one and one for all others. */
export type Message = string | PluralMessage;

export interface PluralMessage {
  readonly one: string;
  readonly other: string;
}

export type MessageValues = Readonly<Record<string, string | number>>;

/**
 * A message with its values in place: numbers are written as the language writes them, and `count` chooses between one and other.
 *
 * @example
 * formatMessage({ one: '{count} correction', other: '{count} corrections' }, 'en', { count: 1200 }); // '1,200 corrections'
 */
export function formatMessage(message: Message, language: Language, values: MessageValues = {}): string {
  const text = typeof message === 'string' ? message : chooseText(message, language, Number(values.count));
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) return placeholder;
    return typeof value === 'number' ? new Intl.NumberFormat(locales[language]).format(value) : value;
  });
}

/** Spanish also has a form for millions, which differs by a word that none of these texts has. */
function chooseText({ one, other }: PluralMessage, language: Language, count: number): string {
  return new Intl.PluralRules(locales[language]).select(count) === 'one' ? one : other;
}
