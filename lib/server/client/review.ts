import { chips, keepNoneAlone, savedEvent, undoneEvent } from './corrections';
import { find, findAll } from './page';

/** Labelling by keyboard: a digit marks a class, 0 marks none of them, Enter saves and goes to the next picture. */
export function handleReview(): void {
  const review = document.querySelector<HTMLElement>('[data-review]');
  if (!review) return;
  const openCards = (): HTMLElement[] => findAll('.result:not(.done)', review);
  const current = (): HTMLElement | undefined => document.activeElement?.closest<HTMLElement>('.result:not(.done)') ?? openCards()[0];

  document.addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(target)) return;
    const form = current()?.querySelector<HTMLFormElement>('form[data-correction]');
    if (!form) return;
    if (/^\d$/.test(event.key)) {
      event.preventDefault();
      mark(form, Number(event.key));
    } else if (event.key === 'Enter' && !target.closest('a, button, summary')) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  review.addEventListener(savedEvent, (event) => {
    (event.target as HTMLElement).closest('.result')!.classList.add('done');
    const next = openCards()[0];
    if (next) focusOn(next);
    else find('.review-done').hidden = false;
  });
  review.addEventListener(undoneEvent, (event) => {
    const card = (event.target as HTMLElement).closest<HTMLElement>('.result')!;
    card.classList.remove('done');
    find('.review-done').hidden = true;
    focusOn(card);
  });
}

function isTyping(target: HTMLElement): boolean {
  return target.matches('select, textarea, input:not([type=checkbox], [type=radio])');
}

function mark(form: HTMLFormElement, digit: number): void {
  const all = chips(form);
  const chip = digit === 0 ? all.find(({ name }) => name === 'none') : all.filter(({ name }) => name !== 'none')[digit - 1];
  if (!chip) return;
  chip.checked = digit === 0 || !chip.checked;
  keepNoneAlone(form, chip);
  chip.focus();
}

function focusOn(card: HTMLElement): void {
  card.querySelector<HTMLInputElement>('.chip input')?.focus({ preventScroll: true });
  card.scrollIntoView({ block: 'nearest' });
}
