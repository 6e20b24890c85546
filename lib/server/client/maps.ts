import { complain, create, find, findAll, say } from './page';

/** Turns the links to a card's overlays into buttons that lay them over its picture. */
export function enhanceMaps(root: ParentNode): void {
  for (const link of findAll<HTMLAnchorElement>('a[data-map]', root)) {
    const button = create('button', link.className, link.textContent ?? '');
    button.type = 'button';
    button.ariaPressed = 'false';
    button.addEventListener('click', () => toggle(button, link.href));
    link.replaceWith(button);
  }
}

function toggle(button: HTMLButtonElement, source: string): void {
  const card = button.closest<HTMLElement>('.result')!;
  const show = button.ariaPressed !== 'true';
  for (const other of findAll<HTMLButtonElement>('.maps [aria-pressed]', card)) other.ariaPressed = 'false';
  card.querySelector('.overlay')?.remove();
  card.querySelector('.legend')?.remove();
  if (!show) return;
  button.ariaPressed = 'true';
  const overlay = create('img', 'overlay');
  overlay.alt = '';
  overlay.addEventListener('error', () => {
    button.ariaPressed = 'false';
    overlay.remove();
    card.querySelector('.legend')?.remove();
    complain(say('client.mapFailed'));
  });
  overlay.src = source;
  find('.picture', card).append(overlay);
  find('.maps', card).append(legend(button.textContent ?? '', overlay));
}

/** What the colours say, and how strongly to show them. */
function legend(name: string, overlay: HTMLImageElement): HTMLElement {
  const box = create('div', 'legend');
  const strength = create('input', '');
  Object.assign(strength, { type: 'range', min: '0', max: '1', step: '0.05', value: '1' });
  strength.ariaLabel = say('client.mapStrength');
  strength.addEventListener('input', () => {
    overlay.style.opacity = strength.value;
  });
  box.append(create('span', 'colours'), create('p', '', say('client.mapLegend', { name })), strength);
  return box;
}
