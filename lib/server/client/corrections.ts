import { complain, find, findAll, locale, Refused, say, send } from './page';

/** Fired on a form of a correction, when the server has it. */
export const savedEvent = 'correctionsaved';
export const undoneEvent = 'correctionundone';

/** Saves and takes back corrections in place. */
export function handleCorrections(): void {
  document.addEventListener('change', (event) => {
    const input = event.target as HTMLInputElement;
    const form = input.closest<HTMLFormElement>('form[data-correction]');
    if (form) keepNoneAlone(form, input);
  });
  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.matches('[data-correction]')) return;
    event.preventDefault();
    void submit(form, event.submitter as HTMLButtonElement | null);
  });
}

/** The chips that can be marked, "none of these" last where there is one. */
export function chips(form: HTMLFormElement): HTMLInputElement[] {
  return findAll<HTMLInputElement>('.chip input', form);
}

/** "None of these" and a class exclude each other. */
export function keepNoneAlone(form: HTMLFormElement, changed: HTMLInputElement): void {
  if (!changed.checked) return;
  for (const chip of chips(form)) if ((chip.name === 'none') !== (changed.name === 'none')) chip.checked = false;
}

async function submit(form: HTMLFormElement, submitter: HTMLButtonElement | null): Promise<void> {
  const isUndo = submitter?.value === 'undo';
  const marked = chips(form).filter(({ checked }) => checked);
  const status = find('.saved', form);
  const undo = find<HTMLButtonElement>('button[value=undo]', form);
  if (!isUndo && marked.length === 0) {
    status.textContent = say('client.markFirst');
    return;
  }
  try {
    await send(isUndo ? undo.formAction : form.action, new FormData(form));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    complain(error.message);
    return;
  }
  const labels = new Intl.ListFormat(locale, { type: 'conjunction' }).format(marked.map((chip) => chip.labels![0]!.textContent!.trim()));
  status.textContent = isUndo ? say('client.undone') : say('client.saved', { labels });
  undo.hidden = isUndo;
  // A button that vanishes would take the focus with it.
  if (isUndo) find('button[value=save]', form).focus();
  form.dispatchEvent(new CustomEvent(isUndo ? undoneEvent : savedEvent, { bubbles: true }));
}
