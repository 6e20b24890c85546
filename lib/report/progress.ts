import cliProgress from 'cli-progress';
import type { OnProgress, Progress } from '../progress';
import { html, trusted } from './html';
import { formatSeconds } from './labels';
import { createDisplay, inNotebook } from './notebook';

/** Shows progress until `stop` is called, which leaves the last state in view. */
export interface ShownProgress {
  readonly onProgress: OnProgress;
  stop(): void;
}

interface Options {
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Milliseconds; passed in by tests. */
  readonly now?: () => number;
}

/** A stretch of work under one label: when it began, where it began, and where it is. */
interface Task {
  readonly latest: Progress;
  readonly startedAt: number;
  readonly startedWith: number;
  readonly updatedAt: number;
}

const notebookInterval = 200;
const plainInterval = 10_000;

/**
 * One way to show long work everywhere: in a notebook an output that is updated in place, in a terminal a bar, otherwise
 * (a log, CI) a line every ten seconds and one at the end of each label. Terminals get it on stderr, so that results on stdout can be piped.
 *
 * @example
 * const progress = showProgress();
 * await prepareDataset({ ..., onProgress: progress.onProgress });
 * progress.stop();
 */
export function showProgress({ stream = process.stderr, now = () => performance.now() }: Options = {}): ShownProgress {
  if (inNotebook()) return notebookProgress(now);
  return stream.isTTY ? terminalProgress(stream, now) : plainProgress(stream, now);
}

function notebookProgress(now: () => number): ShownProgress {
  const show = createDisplay();
  const tasks = new Map<string, Task>();
  let shownAt = Number.NEGATIVE_INFINITY;
  let later: NodeJS.Timeout | undefined;
  const draw = (): void => {
    clearTimeout(later);
    later = undefined;
    shownAt = now();
    const rows = [...tasks.values()];
    show({ 'text/html': rows.map(notebookRow).join('\n'), 'text/plain': rows.map(describe).join('\n') });
  };
  return {
    onProgress(progress) {
      tasks.set(progress.label, advance(tasks.get(progress.label), progress, now()));
      const wait = shownAt + notebookInterval - now();
      if (isComplete(progress) || wait <= 0) draw();
      else later ??= setTimeout(draw, wait).unref();
    },
    stop() {
      if (later) draw();
    },
  };
}

function notebookRow(task: Task): string {
  const { label, done, total } = task.latest;
  const bar =
    total > 0 ? html`<progress value="${done}" max="${total}" style="width:16em;vertical-align:middle"></progress> ` : trusted('');
  return html`<div><b>${label}</b> ${bar}${facts(task).join(' · ')}</div>`.text;
}

function terminalProgress(stream: NodeJS.WritableStream & { readonly columns?: number }, now: () => number): ShownProgress {
  const narrow = (stream.columns ?? 80) < 110;
  let bar: cliProgress.SingleBar | undefined;
  let task: Task | undefined;
  const finish = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    onProgress(progress) {
      if (task && task.latest.label !== progress.label) finish();
      task = advance(task, progress, now());
      const payload = { label: progress.label, facts: facts(task).join(' · ') };
      if (!bar) {
        // The bar changes neither the terminal's settings nor what Ctrl-C does: a stopped command must leave both as they were.
        bar = new cliProgress.SingleBar(
          { stream, format: '{label} {bar} {facts}', barsize: narrow ? 8 : 24, linewrap: true, gracefulExit: false, fps: 5 },
          cliProgress.Presets.shades_classic,
        );
        bar.start(Math.max(progress.total, 1), progress.done, payload);
      } else {
        bar.setTotal(Math.max(progress.total, 1));
        bar.update(progress.done, payload);
      }
      if (isComplete(progress)) finish();
    },
    stop: finish,
  };
}

function plainProgress(stream: NodeJS.WritableStream, now: () => number): ShownProgress {
  let task: Task | undefined;
  let printedAt = now();
  let printed: Progress | undefined;
  const print = (): void => {
    if (!task || printed === task.latest) return;
    printed = task.latest;
    printedAt = now();
    stream.write(`${describe(task)}\n`);
  };
  return {
    onProgress(progress) {
      if (task && task.latest.label !== progress.label) print();
      task = advance(task, progress, now());
      if (isComplete(progress) || now() - printedAt >= plainInterval) print();
    },
    stop: print,
  };
}

/** The clock starts anew with a new label, and when the same work starts over. */
function advance(task: Task | undefined, latest: Progress, time: number): Task {
  const goesOn = task && task.latest.label === latest.label && latest.done >= task.latest.done;
  if (!goesOn) return { latest, startedAt: time, startedWith: latest.done, updatedAt: time };
  return { ...task, latest, updatedAt: time };
}

function isComplete({ done, total }: Progress): boolean {
  return total > 0 && done >= total;
}

function describe(task: Task): string {
  return `${task.latest.label}: ${facts(task).join(' · ')}`;
}

/** Count, rate, time left (or taken, at the end) and the note, as far as they are known. */
function facts({ latest, startedAt, startedWith, updatedAt }: Task): string[] {
  const { done, total, note } = latest;
  const seconds = (updatedAt - startedAt) / 1000;
  const rate = seconds > 0.5 ? (done - startedWith) / seconds : 0;
  const time = isComplete(latest)
    ? [formatSeconds(seconds)]
    : rate > 0 && total > 0
      ? [`${formatSeconds((total - done) / rate)} left`]
      : [];
  return [
    total > 0 ? `${done}/${total}` : String(done),
    ...(rate > 0 ? [rate >= 1 ? `${rate.toFixed(rate < 10 ? 1 : 0)}/s` : `${formatSeconds(1 / rate)} each`] : []),
    ...time,
    ...(note ? [note] : []),
  ];
}
