import { announce, find, findAll, locale, Refused, send } from './page';

/** The colours change at once; a slider shows its value. */
export function handleSwitches(): void {
  handleTheme(find<HTMLFormElement>('form[action="/theme"]'));
  for (const range of findAll<HTMLInputElement>('.range input')) {
    const output = find<HTMLOutputElement>('output', range.parentElement!);
    const percent = new Intl.NumberFormat(locale, { style: 'percent' });
    range.addEventListener('input', () => {
      output.value = percent.format(range.valueAsNumber);
    });
  }
}

function handleTheme(form: HTMLFormElement): void {
  const names = JSON.parse(form.dataset.themes!) as Readonly<Record<string, string>>;
  const order = Object.keys(names);
  const button = find<HTMLButtonElement>('button', form);
  let sent = Promise.resolve();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const theme = button.value;
    document.documentElement.dataset.theme = theme;
    button.title = button.ariaLabel = names[theme]!;
    announce(names[theme]!);
    const fields = new FormData(form, button);
    // One after the other, so that the last choice is what is remembered.
    sent = sent
      .then(() => send(form.action, fields))
      .catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error; // it is only not remembered
      });
    button.value = order[(order.indexOf(theme) + 1) % order.length]!;
  });
}
