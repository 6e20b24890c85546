/** The languages that the pages speak. */
export const languages = ['en', 'es'] as const;
export type Language = (typeof languages)[number];

/** How each writes numbers, dates and lists: English as its texts here spell it. */
export const locales: Readonly<Record<Language, string>> = { en: 'en-GB', es: 'es' };
