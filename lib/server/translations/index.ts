import { en } from './en';
import { es } from './es';
import { type Language, locales } from './languages';
import { formatMessage, type Message, type MessageValues } from './message';

export { type Language, languages } from './languages';
export { formatMessage, type Message, type MessageValues, type PluralMessage } from './message';

/** What English has, every language must have: no key more, none less. */
export type MessageKey = keyof typeof en;

/** The texts that the browser's script shows: its own, and those of the errors that it may be answered. */
export type ClientKey = Extract<MessageKey, `client.${string}` | `error.${string}`>;

type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type TextsOf<Key extends MessageKey> = (typeof en)[Key] extends infer Value ? (Value extends string ? Value : Value[keyof Value]) : never;

/** The values that a message wants, by the names in its English text. */
export type ValuesOf<Key extends MessageKey> = [Names<TextsOf<Key>>] extends [never]
  ? []
  : [values: Readonly<Record<Names<TextsOf<Key>>, string | number>>];

const texts: Readonly<Record<Language, Readonly<Record<MessageKey, Message>>>> = { en, es };

/** Texts, numbers and dates as one language writes them. */
export interface Translator {
  /** A text, with its values in place. */
  <Key extends MessageKey>(key: Key, ...values: ValuesOf<Key>): string;
  readonly language: Language;
  /** `0.981`; `digits` after the point. A dash for what is no number. */
  number(value: number | null | undefined, digits?: number): string;
  /** With its sign, `+0.012`: a difference. */
  difference(value: number, digits?: number): string;
  /** A share in [0, 1] as `93.1 %`, in the language's way. */
  percent(share: number, digits?: number): string;
  /** `A, B and C`. */
  list(items: readonly string[]): string;
  /** Day and time, in UTC: the server does not know the reader's zone. */
  time(when: Date | string): string;
  /** The text of a key that may not exist, such as that of a class nobody has translated. */
  find(key: string): string | undefined;
}

const translators = new Map<Language, Translator>();

/** The translator of a language. */
export function translator(language: Language): Translator {
  const known = translators.get(language) ?? createTranslator(language);
  translators.set(language, known);
  return known;
}

function createTranslator(language: Language): Translator {
  const messages = texts[language];
  const locale = locales[language];
  const translate = (key: MessageKey, values?: MessageValues): string => formatMessage(messages[key], language, values);
  const listFormat = new Intl.ListFormat(locale, { type: 'conjunction' });
  const timeFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  const numbers = (options: Intl.NumberFormatOptions) => (value: number) => new Intl.NumberFormat(locale, options).format(value);
  return Object.assign(translate, {
    language,
    number: (value: number | null | undefined, digits = 3) =>
      value === null || value === undefined || !Number.isFinite(value)
        ? '–'
        : numbers({ minimumFractionDigits: digits, maximumFractionDigits: digits })(value),
    difference: (value: number, digits = 3) =>
      numbers({ minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: 'exceptZero' })(value).replace('-', '−'),
    percent: (share: number, digits = 1) =>
      numbers({ style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits })(share),
    list: (items: readonly string[]) => listFormat.format(items),
    time: (when: Date | string) => `${timeFormat.format(new Date(when))} UTC`,
    find: (key: string) => (Object.hasOwn(messages, key) ? translate(key as MessageKey) : undefined),
  }) as Translator;
}

/** The texts of the browser's script. */
export function clientTexts(language: Language): Readonly<Record<ClientKey, Message>> {
  const entries = Object.entries(texts[language]).filter(([key]) => /^(client|error)\./.test(key));
  return Object.fromEntries(entries) as Record<ClientKey, Message>;
}
