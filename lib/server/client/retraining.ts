import { announce, complain, find, findAll, parse, Refused, send } from './page';
import { localiseTimes } from './times';

const reconnectMilliseconds = 5000;
/** Events come several times a second while a model learns; the page is not read that fast. */
const refreshMilliseconds = 1000;
/** A promoted model answers a moment after it is promoted: the server loads it first. */
const settleMilliseconds = 5000;

/** Keeps the page's side up to date while the model learns: the server tells when something changes, and draws it. */
export function followRetraining(): void {
  const panel = document.querySelector<HTMLElement>('#retraining');
  if (!panel) return;
  const address = `/retrain_events?task=${encodeURIComponent(panel.dataset.task ?? '')}`;
  let shown = panel.dataset.state!;
  let source: EventSource | undefined;
  let reconnectTimer = 0;
  let isRefreshDue = false;

  const refreshSoon = (): void => {
    if (isRefreshDue) return;
    isRefreshDue = true;
    setTimeout(() => {
      isRefreshDue = false;
      refresh().catch(() => undefined); // the next event tries again
    }, refreshMilliseconds);
  };

  function connect(): void {
    disconnect();
    source = new EventSource(address);
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      if (data === shown) return;
      if (isRunning(shown) && !isRunning(data)) setTimeout(refreshSoon, settleMilliseconds);
      shown = data;
      refreshSoon();
    });
    source.addEventListener('error', () => {
      // A browser tries again by itself after a lost connection, but not after a refusal.
      if (source?.readyState === EventSource.CLOSED) reconnectTimer = window.setTimeout(connect, reconnectMilliseconds);
    });
  }

  function disconnect(): void {
    clearTimeout(reconnectTimer);
    source?.close();
  }

  // A browser has six connections to a server for all its tabs: those that nobody looks at must not keep them.
  document.addEventListener('visibilitychange', () => (document.hidden ? disconnect() : connect()));
  if (!document.hidden) connect();

  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement;
    if (form.getAttribute('action') !== '/trigger_retrain') return;
    event.preventDefault();
    send(form.action, new FormData(form)).then(refreshSoon, (error: unknown) => {
      if (!(error instanceof Refused)) throw error;
      complain(error.message);
    });
  });
}

function isRunning(state: string): boolean {
  return (JSON.parse(state) as { readonly status: string }).status === 'running';
}

/** Takes the side from the page as the server would send it now. */
async function refresh(): Promise<void> {
  const response = await fetch(location.pathname, { headers: { accept: 'text/html' } });
  if (!response.ok) return;
  const fresh = find('aside', parse(await response.text()));
  const stale = find('aside');
  localiseTimes(fresh);
  const headline = find('#retraining', fresh).dataset.headline ?? '';
  if (headline !== find('#retraining', stale).dataset.headline) announce(headline);
  const focused = focusables(stale).indexOf(document.activeElement as HTMLElement);
  stale.replaceWith(fresh);
  if (focused >= 0) (focusables(fresh)[focused] ?? find<HTMLElement>('#main')).focus();
}

function focusables(root: ParentNode): HTMLElement[] {
  return findAll('a[href], button:not([disabled])', root);
}
