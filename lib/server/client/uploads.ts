import { enhanceMaps } from './maps';
import { announce, create, find, findAll, parse, reasonOf, say } from './page';

/** As the server has it, which checks again. */
const maximumBytes = 12e6;
const acceptedTypes = ['image/jpeg', 'image/png', 'image/webp'];
/** So that the first results are there soon, and the server has room for others. */
const atOnce = 2;
const automaticRetries = 3;
const longestWaitSeconds = 10;

/** Cards that the address remembers. */
const remembered = 50;

interface Upload {
  readonly file: File;
  readonly card: HTMLElement;
  readonly preview: string;
}

/** Pictures that are chosen, photographed, dropped or pasted are sent one by one, and each gets its card at once. */
export function handleUploads(): void {
  const form = document.querySelector<HTMLFormElement>('form#upload');
  if (!form) return;
  const results = find('#results');
  const waiting: Upload[] = [];
  let underWay = 0;

  function add(files: readonly File[]): void {
    const cards = files.map((file) => {
      const card = pendingCard(file);
      const problem = problemOf(file);
      if (problem) fail(card, problem);
      else waiting.push({ file, card, preview: showPreview(card, file) });
      return card;
    });
    results.prepend(...cards);
    sendNext();
  }

  function sendNext(): void {
    while (underWay < atOnce && waiting.length > 0) {
      underWay++;
      void submit(waiting.shift()!).finally(() => {
        underWay--;
        sendNext();
      });
    }
  }

  async function submit(upload: Upload): Promise<void> {
    const { card, preview } = upload;
    setStatus(card, say('client.sending'));
    const outcome = await post(form!.action, upload.file);
    if ('problem' in outcome) {
      fail(card, outcome.problem, () => {
        reset(card);
        waiting.push(upload);
        sendNext();
      });
      return;
    }
    const answered = find('.result', outcome.fragment);
    // The picture is here already: it need not be fetched again, and does not flicker.
    const image = answered.querySelector<HTMLImageElement>('.picture img');
    if (image) image.src = preview;
    enhanceMaps(answered);
    card.replaceWith(answered);
    announce(`${upload.file.name}: ${find('.decision', answered).textContent}`);
    remember();
  }

  for (const input of findAll<HTMLInputElement>('input[type=file]', form)) {
    input.addEventListener('change', () => {
      add([...(input.files ?? [])]);
      input.value = ''; // so that the same file can be chosen again
    });
  }
  form.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) add(files);
  });
  handleDrops(add);
}

/** The whole page takes pictures, and says so while one hovers over it. */
function handleDrops(add: (files: readonly File[]) => void): void {
  const hint = create('div', 'drop-hint', say('client.drop'));
  const bringsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  document.addEventListener('dragover', (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    if (!hint.isConnected) document.body.append(hint);
  });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) hint.remove();
  });
  document.addEventListener('drop', (event) => {
    if (!bringsFiles(event)) return;
    event.preventDefault();
    hint.remove();
    add([...event.dataTransfer!.files]);
  });
}

function problemOf({ name, type, size }: File): string | undefined {
  if (!acceptedTypes.includes(type)) return say('client.notPicture', { name });
  if (size === 0) return say('client.empty', { name });
  return size > maximumBytes ? say('client.tooLarge', { name }) : undefined;
}

function pendingCard({ name }: File): HTMLElement {
  const card = find<HTMLTemplateElement>('#pending').content.firstElementChild!.cloneNode(true) as HTMLElement;
  card.ariaLabel = name;
  find('.filename', card).textContent = name;
  setStatus(card, say('client.waiting'));
  return card;
}

function showPreview(card: HTMLElement, file: File): string {
  const preview = URL.createObjectURL(file);
  const image = find<HTMLImageElement>('.picture img', card);
  image.alt = file.name;
  image.hidden = false;
  image.src = preview;
  return preview;
}

function setStatus(card: HTMLElement, text: string): void {
  find('.status', card).textContent = text;
}

function reset(card: HTMLElement): void {
  card.classList.remove('failed');
  find('.retry', card).replaceChildren();
  setStatus(card, say('client.waiting'));
}

function fail(card: HTMLElement, problem: string, retry?: () => void): void {
  card.classList.add('failed');
  setStatus(card, problem);
  announce(problem);
  const button = (text: string, act: () => void): HTMLElement => {
    const made = create('button', 'button quiet', text);
    made.addEventListener('click', act);
    return made;
  };
  const dismiss = button(say('client.dismiss'), () => card.remove());
  find('.retry', card).replaceChildren(...(retry ? [button(say('client.retry'), retry)] : []), dismiss);
}

type Outcome = { readonly fragment: Document } | { readonly problem: string };

/** Sends one picture. While the server is busy it waits as long as the server says, a few times. */
async function post(action: string, file: File): Promise<Outcome> {
  for (let attempt = 0; ; attempt++) {
    const body = new FormData();
    body.append('image', file);
    const response = await fetch(action, { method: 'POST', body, headers: { accept: 'text/x-fragment' } }).catch(() => undefined);
    if (!response) return { problem: say('client.offline') };
    if (response.ok) return { fragment: parse(await response.text()) };
    const isBusy = response.status === 503 || response.status === 429;
    if (!isBusy) return { problem: await reasonOf(response) };
    if (attempt === automaticRetries) return { problem: say('client.busy') };
    const seconds = Number(response.headers.get('retry-after')) || 1;
    await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(seconds, longestWaitSeconds)));
  }
}

/** Puts the shown pictures into the address, so that they are there again after a reload or in another language. */
function remember(): void {
  const uploads = findAll('.result[data-upload]').map(({ dataset }) => dataset.upload!);
  if (uploads.length === 0) return;
  const path = `${location.pathname}?show=${[...new Set(uploads)].slice(0, remembered).join(',')}`;
  history.replaceState(null, '', path);
  for (const back of findAll<HTMLInputElement>('.switches input[name=back]')) back.value = path;
}
