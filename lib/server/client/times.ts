import { findAll, locale } from './page';

/** The server writes times in UTC; here the reader's own zone is known. */
export function localiseTimes(root: ParentNode): void {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  for (const time of findAll<HTMLTimeElement>('time[datetime]', root)) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.textContent = format.format(date);
  }
}
