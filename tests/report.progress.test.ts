import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Progress } from '../lib/progress';
import { showProgress } from '../lib/report';

/** Shows a list of moments (milliseconds and progress) and returns what was written. */
function show(moments: readonly (readonly [number, Progress])[], { isTTY = false } = {}): string {
  const written: string[] = [];
  const stream = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        written.push(String(chunk));
        done();
      },
    }),
    { isTTY, columns: 120, cursorTo: () => true, clearLine: () => true, moveCursor: () => true },
  );
  let time = 0;
  const progress = showProgress({ stream, now: () => time });
  for (const [moment, update] of moments) {
    time = moment;
    progress.onProgress(update);
  }
  progress.stop();
  return written.join('');
}

const step = (done: number, total = 10, label = 'epochs', note?: string): Progress => ({ label, done, total, note });

describe('progress in a log', () => {
  it('prints a line every ten seconds and one at the end', () => {
    const text = show(Array.from({ length: 11 }, (_, done) => [done * 3000, step(done)] as const));
    expect(text.trim().split('\n')).toEqual([
      'epochs: 4/10 · 3.0 s each · 18 s left',
      'epochs: 8/10 · 3.0 s each · 6.0 s left',
      'epochs: 10/10 · 3.0 s each · 30 s',
    ]);
  });

  it.each<[string, (readonly [number, Progress])[], string]>([
    [
      'the last state of a label that another one follows',
      [
        [0, step(1)],
        [10, step(2)],
        [20, step(5, 5, 'files')],
      ],
      'epochs: 2/10\nfiles: 5/5 · 0.0 s\n',
    ],
    ['the last state on stop', [[0, step(1, 10, 'epochs', 'loss 0.3')]], 'epochs: 1/10 · loss 0.3\n'],
    ['the end only once', [[0, step(10)]], 'epochs: 10/10 · 0.0 s\n'],
    ['a count where no total is known', [[0, step(7, 0)]], 'epochs: 7\n'],
    ['nothing where nothing happened', [], ''],
    [
      'the rate of work of this run only, when it starts in the middle',
      [
        [0, step(90, 100)],
        [1000, step(100, 100)],
      ],
      'epochs: 100/100 · 10/s · 1.0 s\n',
    ],
    [
      'a clock that starts anew when the same work does',
      [
        [0, step(8)],
        [9000, step(0)],
        [10_000, step(10)],
      ],
      'epochs: 10/10 · 10/s · 1.0 s\n',
    ],
  ])('prints %s', (_, moments, expected) => {
    expect(show(moments)).toBe(expected);
  });
});

describe('progress in a terminal', () => {
  it('draws a bar with label, count, rate, time left and note', () => {
    const text = show(
      [
        [0, step(0)],
        [2000, step(5, 10, 'epochs', 'loss 0.3')],
      ],
      { isTTY: true },
    );
    expect(text).toContain('epochs');
    expect(text).toContain('█');
    expect(text).toContain('5/10 · 2.5/s · 2.0 s left · loss 0.3');
  });

  it('leaves one whole bar a label', () => {
    const text = show(
      [
        [0, step(10)],
        [0, step(3, 3, 'files')],
      ],
      { isTTY: true },
    );
    expect(text).toMatch(/epochs .*10\/10.*\n[\s\S]*files .*3\/3.*\n/);
  });
});
