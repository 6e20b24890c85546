import type { SplitResult } from '../../experiments';
import { mostConfused } from '../../metrics';
import { axis, colour, type Figure, houseLayout, plain, shadedMatrix } from '../figure';

/** What the figures of a multi-class result need of it. */
type ClassResult = Pick<SplitResult, 'confusion' | 'perClass'>;

const cellSize = 56;

/** Every class against every other: counts, shaded by the share of each row; the diagonal is right. */
export function confusionMatrix(
  { confusion = [], perClass }: ClassResult,
  { title = 'Confusion matrix' }: { title?: string } = {},
): Figure {
  const names = perClass.map(({ name }) => plain(name));
  const shares = confusion.map((row, index) => row.map((count) => (count === 0 ? 0 : count / perClass[index]!.support)));
  const side = Math.min(600, Math.max(400, cellSize * names.length));
  return {
    data: [
      shadedMatrix('Share of the row', 1, {
        x: names,
        y: names,
        z: shares,
        // Zeros are most of the matrix, and say nothing.
        text: confusion.map((row) => row.map((count) => (count === 0 ? '' : String(count)))),
        customdata: confusion,
        texttemplate: '%{text}',
        textfont: { size: 13 },
        colorbar: { tickformat: '.0%' },
        hovertemplate: '%{y} called %{x}: %{customdata} pictures, %{z:.1%}<extra></extra>',
      }),
    ],
    layout: houseLayout(title, side + 300, side + 200, {
      subtitle: 'Pictures, shaded by the share of the row: the diagonal is right.',
      xaxis: axis('Answered', { showgrid: false, type: 'category', tickangle: -40 }),
      yaxis: axis('Actual', { showgrid: false, type: 'category', autorange: 'reversed' }),
    }),
  };
}

/** The mistakes that were made most often, the most frequent on top. */
export function confusedPairs(
  { confusion = [], perClass }: ClassResult,
  { title = 'Most confused pairs', atMost = 10 }: { title?: string; atMost?: number } = {},
): Figure {
  const pairs = mostConfused({ confusion, perClass }, { atMost });
  return {
    data: [
      {
        type: 'bar',
        orientation: 'h',
        x: pairs.map(({ pictures }) => pictures),
        y: pairs.map((_, row) => row),
        customdata: pairs.map(({ share }) => share),
        marker: { color: colour(1) },
        text: pairs.map(({ pictures, share }) => `${pictures} (${(100 * share).toFixed(1)} %)`),
        textposition: 'outside',
        cliponaxis: false,
        hovertemplate: '%{x} pictures, %{customdata:.1%} of the class<extra></extra>',
      },
    ],
    layout: houseLayout(title, 720, 150 + 34 * Math.max(1, pairs.length), {
      subtitle:
        pairs.length === 0
          ? 'No picture was taken for another class.'
          : 'Actual class → answer; in brackets, of the pictures of the actual class.',
      xaxis: axis('Pictures', { rangemode: 'tozero' }),
      yaxis: axis('', {
        showgrid: false,
        tickvals: pairs.map((_, row) => row),
        ticktext: pairs.map(({ actual, answered }) => `${plain(actual)} → ${plain(answered)}`),
        range: [Math.max(1, pairs.length) - 0.5, -0.5],
      }),
      margin: { t: 80, r: 72, b: 56, l: 64 },
    }),
  };
}
