import { find } from './page';

/** Asks before what cannot be taken back lightly; without this script there is a box to tick instead. */
export function handleConfirmations(): void {
  const dialog = find<HTMLDialogElement>('#confirm');
  let asked: { readonly form: HTMLFormElement; readonly submitter: HTMLElement | null } | undefined;

  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement;
    const question = form.dataset.confirm;
    if (!question || asked?.form === form) return;
    event.preventDefault();
    asked = { form, submitter: event.submitter };
    find('#confirm-text').textContent = question;
    dialog.returnValue = '';
    dialog.showModal();
  });
  dialog.addEventListener('click', ({ target }) => {
    const { answer } = (target as HTMLElement).dataset;
    if (answer) dialog.close(answer);
  });
  dialog.addEventListener('close', () => {
    if (dialog.returnValue === 'yes') asked?.form.requestSubmit(asked.submitter);
    asked = undefined;
  });
}
